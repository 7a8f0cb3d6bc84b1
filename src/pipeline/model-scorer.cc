#include "pipeline/model-scorer.h"

#include "base/check.h"
#include "base/error.h"
#include "base/stage-clock.h"
#include "model/token-tree.h"
#include "tensor/transfer.h"

namespace u2moe {

class ModelScorer::Direction : public HypothesisScorer {
 public:
  Direction(const ModelScorer &scorer, const Decoder &decoder, bool reverse, ConstView encoder_out)
      : scorer_(scorer), decoder_(decoder), reverse_(reverse) {
    const StageScope stage(Stage::kRescoring);
    const int64_t dim = scorer.model_.Config().encoder.model_dim;
    if (encoder_out.Rows() == 0) throw DataError("the encoder output has no frames");
    if (encoder_out.Cols() != dim) {
      throw DataError("the encoder output has ", encoder_out.Cols(),
                      " dimensions, the model wants ", dim,
                      "; make it with nnet-forward and the same model");
    }
    memory_ = decoder.Project(scorer.ctx_, MatrixOnDevice(scorer.ctx_, encoder_out));
  }

  std::vector<double> Score(const std::vector<std::vector<int32_t>> &hyps) const override {
    const StageScope stage(Stage::kRescoring);
    const ModelConfig &config = scorer_.model_.Config();
    for (size_t i = 0; i < hyps.size(); ++i) {
      for (int32_t token : hyps[i]) {
        if (token < 0 || token >= config.vocab_size) {
          throw DataError("hypothesis ", i + 1, " of the n-best list: token ", token,
                          " is outside the model's ", config.vocab_size, " units");
        }
      }
    }
    if (hyps.empty()) return {};
    const TokenTree tree = MakeTokenTree(hyps, config.sos, reverse_);
    scorer_.computed_ += tree.NumNodes();
    return Decoder::SequenceScores(tree,
                                   decoder_.ScoreTree(scorer_.ctx_, tree, config.eos, memory_));
  }

 private:
  const ModelScorer &scorer_;
  const Decoder &decoder_;
  const bool reverse_;
  Decoder::Memory memory_;
};

std::unique_ptr<HypothesisScorer> ModelScorer::LeftToRight(ConstView encoder_out) const {
  return std::make_unique<Direction>(*this, model_.LeftDecoder(), false, encoder_out);
}

std::unique_ptr<HypothesisScorer> ModelScorer::RightToLeft(ConstView encoder_out) const {
  CHECK(HasRightToLeft());
  return std::make_unique<Direction>(*this, model_.RightDecoder(), true, encoder_out);
}

}  // namespace u2moe
