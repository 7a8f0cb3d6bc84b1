#include <algorithm>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/main.h"
#include "feat/vad.h"
#include "table/kaldi-tables.h"
#include "table/live-piece.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Decides for each frame whether somebody speaks, by its log energy in column 0: a vector of "
      "1 and\n"
      "0 for each utterance.\n"
      "\n"
      "Usage: compute-vad [options] <feats-rspecifier> <vad-wspecifier>\n"
      "  e.g. compute-vad scp:mfcc.scp ark,scp:vad.ark,vad.scp\n");
  VadEnergyOptions opts;
  bool omit_unvoiced = false;
  opts.Register(&po);
  po.Register("omit-unvoiced-utts", &omit_unvoiced,
              "write nothing for an utterance without voiced frames");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();
  int64_t num_frames = 0, num_voiced = 0, num_unvoiced_utterances = 0;
  TransformTable<MatrixHolder, VectorHolder>(
      po.Arg(0), po.Arg(1), &tally,
      [&](const std::string &key, const Tensor &feats) -> std::optional<std::vector<float>> {
        RefuseLivePiece(key);
        std::vector<float> voiced = ComputeVadEnergy(opts, feats);
        const int64_t count = std::count(voiced.begin(), voiced.end(), 1.0f);
        num_frames += feats.Rows();
        num_voiced += count;
        if (count > 0) return voiced;
        LOG_WARN << "utterance " << key << ": no frame is voiced";
        ++num_unvoiced_utterances;
        if (omit_unvoiced) return std::nullopt;
        return voiced;
      });
  LOG_INFO << num_voiced << " of " << num_frames << " frames are voiced; "
           << num_unvoiced_utterances << " utterances have none.";
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
