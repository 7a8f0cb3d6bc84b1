// The network's attention decoders as the Scorer of decode/rescoring.h.
#ifndef U2MOE_PIPELINE_MODEL_SCORER_H_
#define U2MOE_PIPELINE_MODEL_SCORER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "decode/rescoring.h"
#include "model/asr-model.h"

namespace u2moe {

// Hypotheses that are scored together go through a decoder as one tree: each distinct beginning (or
// ending, right to left) is computed once, and the keys and values of the encoder output once per
// utterance and direction. A score does not depend on what else is in the list. The
// log-probabilities are float32 as the network gives them, their sums double.
class ModelScorer : public Scorer {
 public:
  // model must outlive the scorer.
  ModelScorer(const Context &ctx, const AsrModel &model) : ctx_(ctx), model_(model) {}

  bool HasRightToLeft() const override { return model_.HasRightDecoder(); }
  // encoder_out [T, D] with T >= 1; throws DataError otherwise. The scorer must be outlived by this
  // object, not by encoder_out.
  std::unique_ptr<HypothesisScorer> LeftToRight(ConstView encoder_out) const override;
  std::unique_ptr<HypothesisScorer> RightToLeft(ConstView encoder_out) const override;

  // Decoder rows computed so far: the distinct beginnings and endings that were asked for.
  int64_t NumComputed() const { return computed_; }

 private:
  class Direction;

  Context ctx_;
  const AsrModel &model_;
  mutable std::atomic<int64_t> computed_{0};
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_MODEL_SCORER_H_
