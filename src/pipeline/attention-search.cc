#include "pipeline/attention-search.h"

#include <optional>

#include "base/error.h"
#include "base/stage-clock.h"
#include "pipeline/encode.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

class ModelDecoder : public LabelDecoder {
 public:
  ModelDecoder(const Context &ctx, const AsrModel &model, ConstView encoder_out)
      : ctx_(ctx), model_(model), memory_(model.LeftDecoder().Project(ctx, encoder_out)) {}

  int32_t EndLabel() const override { return model_.Config().eos; }
  ConstView Extend(Span<int32_t> labels, Span<int32_t> parents) override {
    const bool first = growth_.NumNodes() == 0;
    const Span<int32_t> start{&model_.Config().sos, 1};
    logp_ = MoveToHost(
        model_.LeftDecoder().Extend(ctx_, first ? start : labels, parents, memory_, &growth_));
    return logp_;
  }
  int64_t NumComputed() const { return growth_.NumNodes(); }

 private:
  const Context &ctx_;
  const AsrModel &model_;
  const Decoder::Memory memory_;
  Decoder::Growth growth_;
  Tensor logp_;
};

}  // namespace

AttentionSearch::AttentionSearch(const Context &ctx, const AsrModel &model,
                                 const AttentionBeamOptions &opts, bool with_ctc,
                                 const AllowedWords *words)
    : ctx_(ctx),
      model_(model),
      opts_(opts),
      with_ctc_(with_ctc || opts.ctc_weight > 0),
      words_(words) {
  opts.Check();
}

void AttentionSearch::Begin() {
  gathered_.clear();
  frames_ = 0;
}

void AttentionSearch::Step(ConstView encoder_out) {
  if (encoder_out.Rows() == 0) return;
  const int64_t dim = model_.Config().encoder.model_dim;
  if (encoder_out.Cols() != dim) {
    throw DataError("the encoder output has ", encoder_out.Cols(), " dimensions, the model wants ",
                    dim, "; make it with nnet-forward and the same model");
  }
  CheckFinite("encoder output", encoder_out, frames_);
  for (int64_t t = 0; t < encoder_out.Rows(); ++t)
    gathered_.insert(gathered_.end(), encoder_out.Row(t), encoder_out.Row(t) + dim);
  frames_ += encoder_out.Rows();
}

std::vector<AttentionHypothesis> AttentionSearch::End() {
  if (frames_ == 0) return {AttentionHypothesis{{}, 0, 0, 0, true}};
  const ConstView host(gathered_.data(), frames_, model_.Config().encoder.model_dim);
  std::optional<CtcPrefixScorer> ctc;
  if (with_ctc_) {
    const Tensor logp = CtcLogProbs(ctx_, model_, host);
    const StageScope stage(Stage::kSearch);
    ctc.emplace(logp, model_.Config().blank);
  }
  const StageScope stage(Stage::kSearch);
  ModelDecoder decoder(ctx_, model_, MatrixOnDevice(ctx_, host));
  std::vector<AttentionHypothesis> best =
      AttentionBeamSearch(opts_, frames_, ctc ? &*ctc : nullptr, &decoder, words_);
  computed_ += decoder.NumComputed();
  return best;
}

}  // namespace u2moe
