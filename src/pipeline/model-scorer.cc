#include "pipeline/model-scorer.h"

#include "base/check.h"
#include "base/error.h"
#include "ops/softmax.h"

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
  const DecoderInput input =
      MakeDecoderInput(hyps, std::vector<int>(hyps.size(), 0), config.sos, reverse);
  Tensor logp;
  decoder.Forward(ctx_, input, encoder_out, RaggedShape::Single(encoder_out.Rows()), nullptr,
                  nullptr, &logp, nullptr);
  LogSoftmaxForward(ctx_, logp, logp);
  std::vector<double> scores;
  for (size_t i = 0; i < hyps.size(); ++i) {
    const std::vector<int32_t> &hyp = hyps[i];
    const ConstView rows = input.shape.Rows(ConstView(logp), static_cast<int>(i));
    // Row j predicts what follows token j of the input; the last one the end.
    double sum = rows(static_cast<int64_t>(hyp.size()), config.eos);
    for (size_t j = 0; j < hyp.size(); ++j) {
      sum += rows(static_cast<int64_t>(j), hyp[reverse ? hyp.size() - 1 - j : j]);
    }
    scores.push_back(sum);
  }
  return scores;
}

}  // namespace u2moe
