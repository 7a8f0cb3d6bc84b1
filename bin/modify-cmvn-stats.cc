#include <vector>

#include "base/main.h"
#include "feat/cmvn.h"
#include "table/kaldi-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Changes statistics of compute-cmvn-stats so that apply-cmvn leaves some dimensions as they "
      "are.\n\n"
      "Usage: modify-cmvn-stats [options] [<dimensions>] <stats-rspecifier> <stats-wspecifier>\n"
      "  Dimensions count from 0, with : between them.\n"
      "  e.g. modify-cmvn-stats 0:2:3 scp:cmvn.scp ark:some_dims.ark\n"
      "       modify-cmvn-stats --convert-to-mean-and-var=true scp:cmvn.scp ark,t:-\n");
  bool convert = false;
  po.Register("convert-to-mean-and-var", &convert,
              "write the mean and the variance of each dimension instead of statistics");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 3, InputArgs{-1})) return 0;
  const bool has_dims = po.NumArgs() == 3;
  const std::vector<int32_t> dims =
      ParseSkipDims(has_dims ? po.Arg(0) : "", "the dimensions to leave as they are: ");
  TransformTable<DoubleMatrixHolder, DoubleMatrixHolder>(
      po.Arg(has_dims), po.Arg(1 + has_dims), &tally, [&](const std::string &, DoubleMatrix stats) {
        FakeCmvnStats(dims, &stats);
        return convert ? MeanAndVariance(stats) : stats;
      });
  return tally.Finish("sets of statistics");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
