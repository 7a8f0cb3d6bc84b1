#include "base/main.h"
#include "modelfile/model-tokenizer.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Turn ids of a model's units into transcripts: letters are joined, and cut into words at the "
      "unit\n"
      "for the space; word pieces are joined, and cut at the U+2581 with which they begin "
      "words.\n\n"
      "Usage: tokens-to-text [options] <units.txt | model> <tokens-rspecifier> <text-wspecifier>\n"
      "  e.g. tokens-to-text units.txt ark:hyp.ark ark,t:hyp.txt\n"
      "       tokens-to-text exp/final.safetensors ark:hyp.ark ark,t:-\n");
  TokenizerOptions opts;
  opts.Register(&po, false);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;

  const std::unique_ptr<Tokenizer> tokenizer = OpenTokenizer(po.Arg(0), opts, false);
  SequentialInt32VectorReader reader(po.Arg(1));
  TokenVectorWriter writer(po.Arg(2));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] { writer.Write(reader.Key(), tokenizer->Decode(reader.Value())); });
  }
  reader.Close();
  writer.Close();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
