#include "base/main.h"
#include "feat/vad.h"
#include "table/kaldi-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Keeps the frames that compute-vad judged voiced.\n"
      "\n"
      "Usage: select-voiced-frames [options] <feats-rspecifier> <vad-rspecifier> "
      "<feats-wspecifier>\n"
      "  e.g. select-voiced-frames scp:feats.scp scp:vad.scp ark:voiced.ark\n");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  RandomAccessVectorReader vad(po.Arg(1));
  TransformTable<MatrixHolder, MatrixHolder>(po.Arg(0), po.Arg(2), &tally,
                                             [&](const std::string &key, const Tensor &feats) {
                                               return SelectVoicedFrames(vad.Value(key), feats);
                                             });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
