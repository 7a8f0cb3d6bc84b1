#include "model/asr-model.h"

#include <string>

#include "base/stage-clock.h"
#include "ops/softmax.h"

namespace u2moe {

AsrModel::AsrModel(const ModelConfig &config)
    : config_(config),
      encoder_(config.encoder),
      ctc_(config.encoder.model_dim, config.vocab_size),
      left_decoder_(config.decoder, config.decoder.num_blocks, config.encoder.model_dim,
                    config.vocab_size) {
  if (config.decoder.num_reverse_blocks > 0) {
    right_decoder_ = std::make_unique<Decoder>(config.decoder, config.decoder.num_reverse_blocks,
                                               config.encoder.model_dim, config.vocab_size);
  }
}

void AsrModel::SetPolicy(const ExpertPolicy &policy) {
  policy_ = policy;
  encoder_.SetPolicy(policy, &ctc_, config_.blank);
  left_decoder_.SetSkipGates(policy.left_skip);
  if (right_decoder_ != nullptr) right_decoder_->SetSkipGates(policy.right_skip);
}

Tensor AsrModel::CtcLogProbs(const Context &ctx, ConstView encoder_out) const {
  const StageScope stage(Stage::kCtc);
  Tensor logp(ctx, encoder_out.Rows(), ctc_.OutDim());
  ctc_.Forward(ctx, encoder_out, logp);
  LogSoftmaxForward(ctx, logp, logp);
  return logp;
}

void AsrModel::PrepareForInference(const Context &ctx, WeightFormat format, int64_t group_size,
                                   ModelPart part) {
  if (part != ModelPart::kDecoders) {
    if (format != WeightFormat::kFloat32) encoder_.SetSubsamplingFormat(format, group_size);
    encoder_.PrepareForInference(ctx);
  }
  ForEachParamOrPacked(
      this, [](const std::string &, Tensor *, bool) {},
      [&](const std::string &name, Tensor *weight, PackedMatrix *packed) {
        if (!packed->Empty() || name.find("encoder.embed.") == 0) return;
        const bool decoders = name.find("decoder.") == 0;
        if (part == (decoders ? ModelPart::kEncoder : ModelPart::kDecoders)) return;
        const bool router = name.find(".gate.") != std::string::npos;
        *packed =
            PackedMatrix::Pack(ctx, *weight, router ? WeightFormat::kFloat32 : format, group_size);
        *weight = Tensor();
      });
}

void AsrModel::VisitParams(ParamVisitor *v) {
  v->Scope("encoder", &encoder_);
  v->Scope("ctc.ctc_lo", &ctc_);
  v->Scope("decoder.left_decoder", &left_decoder_);
  if (right_decoder_ != nullptr) v->Scope("decoder.right_decoder", right_decoder_.get());
}

int64_t AsrModel::NumParams() {
  int64_t n = 0;
  ForEachParam(this, [&n](const std::string &, Tensor *t, const ParamInit &, bool trainable) {
    if (trainable) n += t->Size();
  });
  return n;
}

int64_t AsrModel::NumActiveParams() {
  int64_t n = encoder_.NumFeedForwardActiveParams() + left_decoder_.NumFeedForwardActiveParams();
  if (right_decoder_ != nullptr) n += right_decoder_->NumFeedForwardActiveParams();
  ForEachParam(this, [&n](const std::string &name, Tensor *t, const ParamInit &, bool trainable) {
    if (trainable && name.find(".feed_forward") == std::string::npos) n += t->Size();
  });
  return n;
}

void SetZero(AsrModel *model) {
  ForEachParam(model,
               [](const std::string &, Tensor *t, const ParamInit &, bool) { t->SetZero(); });
}

void MoveToDevice(const Context &ctx, AsrModel *model) {
  ForEachParamOrPacked(
      model, [&ctx](const std::string &, Tensor *t, bool) { *t = t->ToDevice(ctx); },
      [&ctx](const std::string &, Tensor *weight, PackedMatrix *packed) {
        *weight = weight->ToDevice(ctx);
        *packed = packed->ToDevice(ctx);
      });
}

}  // namespace u2moe
