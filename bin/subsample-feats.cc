#include "base/main.h"
#include "feat/frame-choice.h"
#include "table/kaldi-tables.h"
#include "table/live-piece.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Keeps every n-th frame of features, or repeats each frame.\n\n"
      "Usage: subsample-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
      "  e.g. subsample-feats --n=3 --offset=1 scp:feats.scp ark:third.ark\n"
      "       subsample-feats --n=-2 scp:feats.scp ark:twice.ark\n");
  SubsampleOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();
  TransformTable<MatrixHolder, MatrixHolder>(po.Arg(0), po.Arg(1), &tally,
                                             [&](const std::string &key, const Tensor &feats) {
                                               RefuseLivePiece(key);
                                               return opts.Apply(feats);
                                             });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
