#include "base/log.h"
#include "base/main.h"
#include "base/rng.h"
#include "feat/feat-checks.h"
#include "feat/spec-augment.h"
#include "table/kaldi-tables.h"
#include "table/live-piece.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "SpecAugment and its relatives as a filter: random stretches of frames and bands of "
      "dimensions\n"
      "become 0, stretches are replaced with earlier frames (SpecSub), the end is cut off "
      "(SpecTrim).\n"
      "\n"
      "Usage: augment-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
      "  e.g. augment-feats --seed=1 --num-t-sub=3 scp:feats.scp ark:augmented.ark\n");
  SpecAugmentOptions opts;
  int64_t seed = 0;
  opts.Register(&po);
  po.Register("seed", &seed,
              "what happens to an utterance depends on the seed and its key, not on the others");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();
  LOG_INFO << opts.ToString();
  TransformTable<MatrixHolder, MatrixHolder>(
      po.Arg(0), po.Arg(1), &tally, [&](const std::string &key, const Tensor &feats) {
        RefuseLivePiece(key);
        CheckHasFrames(feats);
        Rng rng(SubSeed(static_cast<uint64_t>(seed), key));
        Tensor augmented = feats;
        const int64_t num_frames = ApplySpecAugment(opts, DrawFrom(&rng), augmented);
        return Tensor::Copy(augmented.View().RowRange(0, num_frames));
      });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
