#include <vector>

#include "base/log.h"
#include "base/main.h"
#include "feat/frame-join.h"
#include "table/kaldi-tables.h"
#include "util/options.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Puts the features of several files one after another; their dimension must be the same.\n"
      "\n"
      "Usage: concat-feats [options] <feats-rxfilename1> <feats-rxfilename2> [<feats-rxfilename3> "
      "...]\n"
      "                    <feats-wxfilename>\n"
      "  e.g. concat-feats first.mat second.mat both.mat\n");
  bool binary = true;
  po.Register("binary", &binary, "write binary; false: text");
  if (!po.Parse(argc, argv, 3, -1, InputArgs{-1})) return 0;
  std::vector<Tensor> parts;
  for (int i = 0; i + 1 < po.NumArgs(); ++i) parts.push_back(ReadObject<MatrixHolder>(po.Arg(i)));
  const std::string &out = po.Arg(po.NumArgs() - 1);
  WriteObject<MatrixHolder>(out, binary, ConcatFrames(parts));
  LOG_INFO << "Wrote the features to " << out;
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
