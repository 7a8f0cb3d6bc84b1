#include "score/align-text.h"
#include "base/main.h"
#include "table/table-loop.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Aligns the words of two transcripts of each utterance with the fewest errors.\n\n"
      "Usage: align-text [options] <text1-rspecifier> <text2-rspecifier> <alignment-wspecifier>\n"
      "  A line of the result: <utterance> a a ; b <eps> ; c d -- pairs of words, <eps> where one "
      "text has none.\n"
      "  e.g. align-text ark:data/test/text ark:exp/hyp.txt ark,t:alignment.txt\n");
  TextAlignmentOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  opts.Check();
  TextAligner aligner(opts);
  RandomAccessTokenVectorReader second(po.Arg(1));
  TransformTable<TokenVectorHolder, TokenVectorHolder>(
      po.Arg(0), po.Arg(2), &tally,
      [&](const std::string &key, const std::vector<std::string> &words) {
        return aligner.Align(words, second.Value(key));
      });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
