#include "pipeline/model-scorer.h"

#include "base/check.h"
#include "base/error.h"
#include "base/stage-clock.h"
#include "model/token-tree.h"

namespace u2moe {

std::vector<double> ModelScorer::ScoreLeftToRight(
    ConstView encoder_out, const std::vector<std::vector<int32_t>> &hyps) const {
  return Score(model_.LeftDecoder(), false, encoder_out, hyps);
}

std::vector<double> ModelScorer::ScoreRightToLeft(
    ConstView encoder_out, const std::vector<std::vector<int32_t>> &hyps) const {
  CHECK(HasRightToLeft());
  return Score(model_.RightDecoder(), true, encoder_out, hyps);
}

std::vector<double> ModelScorer::Score(const Decoder &decoder, bool reverse, ConstView encoder_out,
                                       const std::vector<std::vector<int32_t>> &hyps) const {
  const StageScope stage(Stage::kRescoring);
  const ModelConfig &config = model_.Config();
  if (encoder_out.Rows() == 0) throw DataError("the encoder output has no frames");
  if (encoder_out.Cols() != config.encoder.model_dim) {
    throw DataError("the encoder output has ", encoder_out.Cols(), " dimensions, the model wants ",
                    config.encoder.model_dim, "; make it with nnet-forward and the same model");
  }
  for (size_t i = 0; i < hyps.size(); ++i) {
    for (int32_t token : hyps[i]) {
      if (token < 0 || token >= config.vocab_size) {
        throw DataError("hypothesis ", i + 1, " of the n-best list: token ", token,
                        " is outside the model's ", config.vocab_size, " units");
      }
    }
  }
  if (hyps.empty()) return {};
  const TokenTree tree = MakeTokenTree(hyps, config.sos, reverse);
  computed_ += tree.NumNodes();
  asked_ += tree.sequence_nodes;
  return Decoder::SequenceScores(tree, decoder.ScoreTree(ctx_, tree, config.eos, encoder_out));
}

}  // namespace u2moe
