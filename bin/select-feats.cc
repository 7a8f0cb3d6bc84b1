#include <vector>

#include "base/main.h"
#include "feat/frame-choice.h"
#include "table/kaldi-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Keeps some dimensions of features, in the order given: numbers from 0 and ranges.\n\n"
      "Usage: select-feats [options] <dimensions> <feats-rspecifier> <feats-wspecifier>\n"
      "  e.g. select-feats 0,9-7,3-5 scp:feats.scp ark,scp:some.ark,some.scp\n");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  const std::vector<int64_t> dims = ParseDims(po.Arg(0));
  TransformTable<MatrixHolder, MatrixHolder>(
      po.Arg(1), po.Arg(2), &tally,
      [&](const std::string &, const Tensor &feats) { return SelectDims(dims, feats); });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
