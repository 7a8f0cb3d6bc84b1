#include "base/main.h"
#include "feat/frame-context.h"
#include "table/kaldi-tables.h"
#include "table/live-piece.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Adds the derivatives over time to features.\n"
      "\n"
      "Usage: add-deltas [options] <feats-rspecifier> <feats-wspecifier>\n"
      "  e.g. compute-mfcc-feats scp:wav.scp ark:- | add-deltas ark:- ark:mfcc39.ark\n");
  DeltaOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();
  TransformTable<MatrixHolder, MatrixHolder>(po.Arg(0), po.Arg(1), &tally,
                                             [&](const std::string &key, const Tensor &feats) {
                                               RefuseLivePiece(key);
                                               return AddDeltas(opts, feats);
                                             });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
