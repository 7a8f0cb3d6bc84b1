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
      "Puts each frame together with the frames around it.\n"
      "\n"
      "Usage: splice-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
      "  e.g. splice-feats --left-context=3 --right-context=3 scp:feats.scp ark:spliced.ark\n");
  SpliceOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();
  TransformTable<MatrixHolder, MatrixHolder>(po.Arg(0), po.Arg(1), &tally,
                                             [&](const std::string &key, const Tensor &feats) {
                                               RefuseLivePiece(key);
                                               return SpliceFrames(opts, feats);
                                             });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
