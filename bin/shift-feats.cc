#include "base/error.h"
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
      "Moves features in time: a table to a table, or one file to one file. The number of frames "
      "stays;\nthe first or the last frame is repeated.\n\n"
      "Usage: shift-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
      "   or: shift-feats [options] <feats-rxfilename> <feats-wxfilename>\n"
      "  e.g. shift-feats --shift=-1 scp:feats.scp ark:earlier.ark\n");
  int32_t shift = 0;
  bool binary = true;
  po.Register("shift", &shift, "by how many frames to move; a positive number: to later times");
  po.Register("binary", &binary, "write binary, where no table specifier says so");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  const std::string &in = po.Arg(0), &out = po.Arg(1);
  if (IsTable(in) != IsTable(out)) {
    throw UsageError("give two tables or two files, not one of each: ", in, " ", out);
  }
  if (!IsTable(in)) {
    WriteObject<MatrixHolder>(out, binary, ShiftFrames(shift, ReadObject<MatrixHolder>(in)));
    return 0;
  }
  TransformTable<MatrixHolder, MatrixHolder>(in, out, &tally,
                                             [&](const std::string &key, const Tensor &feats) {
                                               RefuseLivePiece(key);
                                               return ShiftFrames(shift, feats);
                                             });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
