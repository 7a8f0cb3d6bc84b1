#include "base/main.h"
#include "feat/sliding-cmvn.h"
#include "table/kaldi-tables.h"
#include "table/live-piece.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Subtracts the mean of a moving window from features, and divides by its deviation if asked "
      "to.\n"
      "\n"
      "Usage: apply-cmvn-sliding [options] <feats-rspecifier> <feats-wspecifier>\n"
      "  e.g. apply-cmvn-sliding --center=true --cmn-window=300 scp:feats.scp "
      "ark:normalised.ark\n");
  SlidingCmvnOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();
  TransformTable<MatrixHolder, MatrixHolder>(po.Arg(0), po.Arg(1), &tally,
                                             [&](const std::string &key, const Tensor &feats) {
                                               RefuseLivePiece(key);
                                               return ApplySlidingCmvn(opts, feats);
                                             });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
