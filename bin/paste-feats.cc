#include <memory>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "feat/frame-join.h"
#include "table/kaldi-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Puts features side by side, frame by frame: tables, or files.\n"
      "\n"
      "Usage: paste-feats [options] <feats-rspecifier1> <feats-rspecifier2> [<feats-rspecifier3> "
      "...]\n"
      "                   <feats-wspecifier>\n"
      "   or: paste-feats [options] <feats-rxfilename1> <feats-rxfilename2> [...] "
      "<feats-wxfilename>\n"
      "  e.g. paste-feats --length-tolerance=2 scp:fbank.scp scp:pitch.scp ark:both.ark\n");
  int32_t length_tolerance = 0;
  bool binary = true;
  po.Register("length-tolerance", &length_tolerance,
              "by how many frames the inputs may differ; they are cut to the shortest");
  po.Register("binary", &binary, "write binary, where no table specifier says so");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, -1, InputArgs{-1})) return 0;
  if (length_tolerance < 0) {
    throw UsageError("--length-tolerance=", length_tolerance, ": expected 0 or more");
  }
  const int last = po.NumArgs() - 1;
  for (int i = 0; i <= last; ++i) {
    if (IsTable(po.Arg(i)) != IsTable(po.Arg(last))) {
      throw UsageError("give tables only or files only: ", po.Arg(i), " ", po.Arg(last));
    }
  }
  if (!IsTable(po.Arg(last))) {
    std::vector<Tensor> parts;
    for (int i = 0; i < last; ++i) parts.push_back(ReadObject<MatrixHolder>(po.Arg(i)));
    WriteObject<MatrixHolder>(po.Arg(last), binary, PasteFrames(parts, length_tolerance));
    LOG_INFO << "Wrote the features to " << po.Arg(last);
    return 0;
  }
  std::vector<std::unique_ptr<RandomAccessMatrixReader>> others;
  for (int i = 1; i < last; ++i) {
    others.push_back(std::make_unique<RandomAccessMatrixReader>(po.Arg(i)));
  }
  TransformTable<MatrixHolder, MatrixHolder>(po.Arg(0), po.Arg(last), &tally,
                                             [&](const std::string &key, const Tensor &feats) {
                                               std::vector<Tensor> parts = {feats};
                                               for (const auto &other : others)
                                                 parts.push_back(other->Value(key));
                                               return PasteFrames(parts, length_tolerance);
                                             });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
