#include "base/error.h"
#include "base/main.h"
#include "modelfile/model-tokenizer.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text-watch.h"
#include "util/unicode.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Turn transcripts into the ids of a model's units: letters, and a unit for the space between "
      "words; or,\n"
      "with --bpe-model, word pieces as SentencePiece and WeNet cut them.\n\n"
      "Usage: text-to-tokens [options] <units.txt | model> <text-rspecifier> <tokens-wspecifier>\n"
      "  units.txt has lines 'unit id', a unit being one letter or piece; a model file holds its "
      "units.\n"
      "  Tokens are int32 vectors. An empty transcript gives no ids. White space of any kind\n"
      "  separates words.\n"
      "  e.g. text-to-tokens units.txt ark:data/train/text ark:exp/tokens.ark\n"
      "       text-to-tokens --bpe-model=wenet/bpe.model --unk='<unk>' "
      "wenet/words.txt ark:text \\\n"
      "         ark:tokens.ark\n"
      "       text-to-tokens exp/final.safetensors ark:text ark,t:-\n");
  TokenizerOptions opts;
  opts.Register(&po, true);
  std::string unk;
  po.Register("unk", &unk,
              "unit for letters or pieces that the table lacks, e.g. <unk>; empty: such an "
              "utterance fails");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;

  const std::unique_ptr<Tokenizer> tokenizer = OpenTokenizer(po.Arg(0), opts, true);
  const int32_t unk_id = unk.empty() ? -1 : tokenizer->Units().Find(unk);
  if (!unk.empty() && unk_id < 0)
    throw UsageError("--unk=", unk, ": ", po.Arg(0), " has no such unit");
  SequentialTranscriptReader reader(po.Arg(1));
  Int32VectorWriter writer(po.Arg(2));
  TextWatch watch(po.Arg(1));
  Sightings unknown, recomposed, spaces;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const std::string &key = reader.Key(), &line = reader.Value();
      EncodeNotes notes;
      watch.Look(key, line);
      writer.Write(key, tokenizer->Encode(SplitWords(line), unk_id, &notes));
      for (const std::string &letter : notes.unknown) unknown.Add(letter, key);
      if (notes.composition) recomposed.Add("transcripts whose letters", key);
      if (notes.has_space_unit) spaces.Add(opts.space_unit, key);
    });
  }
  reader.Close();
  writer.Close();
  watch.Report();
  unknown.Log(po.Arg(1), "is not in the unit table and became " + unk + ":", true);
  recomposed.Log(po.Arg(1), "the units have in another composition (NFC or NFD):", true);
  spaces.Log(po.Arg(1),
             "is within a word, though it is the unit for the space between words:", true);
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
