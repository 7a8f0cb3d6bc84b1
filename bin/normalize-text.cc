#include "base/log.h"
#include "base/main.h"
#include "table/text-tables.h"
#include "text/text-norm.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text-watch.h"
#include "util/unicode.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Normalise transcripts by named steps, the same that compute-wer --normalize does to both "
      "sides.\n\n"
      "Usage: normalize-text [options] <text-rspecifier> <text-wspecifier>\n"
      "  e.g. normalize-text --normalize=nfkc,lowercase,no-punctuation ark:data/all/text ark,t:-\n"
      "       normalize-text --normalize=casefold,map --normalize-map=spellings.txt ark:text "
      "ark,t:-\n");
  NormalizeOptions opts;
  opts.Register(&po, "each transcript");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  const TextNormalizer normalizer = opts.Make();
  SequentialTranscriptReader reader(po.Arg(0));
  TokenVectorWriter writer(po.Arg(1));
  TextWatch watch(po.Arg(0));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      watch.Look(reader.Key(), reader.Value());
      writer.Write(reader.Key(), normalizer.Apply(SplitWords(reader.Value())));
    });
  }
  reader.Close();
  writer.Close();
  watch.Report();
  LOG_INFO << "Normalised by " << normalizer.Label() << ".";
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
