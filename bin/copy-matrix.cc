#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "feat/matrix-transform.h"
#include "table/kaldi-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies matrices, such as features or log-probabilities, and may take the logarithm, "
      "exponential,\nsoftmax or a power of their elements: a table to a table, or one file to one "
      "file.\n\n"
      "Usage: copy-matrix [options] <matrices-rspecifier> <matrices-wspecifier>\n"
      "   or: copy-matrix [options] <matrix-rxfilename> <matrix-wxfilename>\n"
      "  e.g. copy-matrix --apply-exp ark:logp.ark ark,t:-\n"
      "       copy-matrix --binary=false global_cmvn -\n");
  bool binary = true;
  MatrixTransform transform;
  po.Register("binary", &binary, "write binary, where no table specifier says so");
  transform.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  transform.Check();
  const std::string &in = po.Arg(0), &out = po.Arg(1);
  if (IsTable(in) != IsTable(out)) {
    throw UsageError("give two tables or two files, not one of each: ", in, " ", out);
  }
  if (!IsTable(in)) {
    WriteObject<MatrixHolder>(out, binary, transform.Apply(ReadObject<MatrixHolder>(in)));
    LOG_INFO << "Copied the matrix to " << out;
    return 0;
  }
  TransformTable<MatrixHolder, MatrixHolder>(
      in, out, &tally,
      [&](const std::string &, const Tensor &matrix) { return transform.Apply(matrix); });
  return tally.Finish("matrices");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
