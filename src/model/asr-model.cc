#include "model/asr-model.h"

#include <cmath>

#include "base/stage-clock.h"
#include "ops/softmax.h"

namespace u2moe {

AsrModel::AsrModel(const ModelConfig &config)
    : config_(config),
      encoder_(config.encoder),
      ctc_(config.encoder.model_dim, config.vocab_size),
      left_decoder_(config.decoder, config.decoder.num_blocks, config.encoder.model_dim,
                    config.vocab_size) {
  if (encoder_.HasEmbedding())
    embed_ctc_ = std::make_unique<Linear>(config.encoder.model_dim, config.vocab_size);
  if (config.decoder.num_reverse_blocks > 0) {
    right_decoder_ = std::make_unique<Decoder>(config.decoder, config.decoder.num_reverse_blocks,
                                               config.encoder.model_dim, config.vocab_size);
  }
}

void AsrModel::SetPolicy(const ExpertPolicy &policy) {
  policy_ = policy;
  encoder_.SetPolicy(policy, &ctc_, config_.blank);
  left_decoder_.SetPolicies(policy.left_skip, policy.experts_per_frame);
  if (right_decoder_ != nullptr)
    right_decoder_->SetPolicies(policy.right_skip, policy.experts_per_frame);
}

void AsrModel::AfterStep(const Context &ctx, const std::vector<std::vector<int64_t>> &counts) {
  size_t next = 0;
  encoder_.AfterStep(ctx, counts, &next);
  left_decoder_.AfterStep(ctx, counts, &next);
  if (right_decoder_ != nullptr) right_decoder_->AfterStep(ctx, counts, &next);
  CHECK_EQ(next, counts.size());
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
  const auto wanted = [part](Piece piece) {
    if (piece == Piece::kEncoder) return part == ModelPart::kAll || part == ModelPart::kEncoder;
    if (piece == Piece::kCtc) return part != ModelPart::kDecoders;
    return part != ModelPart::kEncoder;
  };
  if (wanted(Piece::kEncoder)) {
    if (format != WeightFormat::kFloat32) encoder_.SetSubsamplingFormat(format, group_size);
    encoder_.PrepareForInference(ctx);
  }
  const auto pack = [&](const ParamInfo &info, Tensor *weight, PackedMatrix *packed) {
    // The subsampling packs its own.
    if (!packed->Empty() || info.use.role == ParamRole::kSubsampling) return;
    *packed = PackedMatrix::Pack(
        ctx, *weight, MayBeQuantized(info.use.role) ? format : WeightFormat::kFloat32, group_size);
    *weight = Tensor();
  };
  for (const Piece piece : kPieces) {
    if (!wanted(piece)) continue;
    Alone alone{this, piece};
    ForEachParamOrPacked(
        &alone, [](const ParamInfo &, Tensor *) {}, pack);
  }
  ctx.Synchronize();  // any thread may compute with it now
}

void AsrModel::VisitPiece(Piece piece, ParamVisitor *v) {
  switch (piece) {
    case Piece::kEncoder:
      v->Scope("encoder", &encoder_);
      break;
    case Piece::kCtc:
      v->Scope("ctc.ctc_lo", ParamRole::kOutput, &ctc_);
      if (embed_ctc_ != nullptr)  // no frame uses it but in training
        v->Scope("embed_ctc.ctc_lo", ParamUse(ParamRole::kOutput, 0), embed_ctc_.get());
      break;
    case Piece::kLeftDecoder:
      v->Scope("decoder.left_decoder", &left_decoder_);
      break;
    case Piece::kRightDecoder:
      if (right_decoder_ != nullptr) v->Scope("decoder.right_decoder", right_decoder_.get());
      break;
  }
}

void AsrModel::VisitParams(ParamVisitor *v) {
  for (const Piece piece : kPieces) VisitPiece(piece, v);
}

int64_t AsrModel::NumParams() {
  int64_t n = 0;
  ForEachParam(this, [&n](const std::string &, Tensor *t, const ParamInit &, bool trainable) {
    if (trainable) n += t->Size();
  });
  return n;
}

int64_t AsrModel::NumActiveParams() {
  double n = 0;  // an integer again when all experts of a mixture are there
  const auto add = [&n](const ParamInfo &info, int64_t size) {
    if (info.trainable) n += info.use.share * static_cast<double>(size);
  };
  ForEachParamOrPacked(
      this, [&](const ParamInfo &info, Tensor *t) { add(info, t->Size()); },
      [&](const ParamInfo &info, Tensor *weight, PackedMatrix *packed) {
        add(info, packed->Empty() ? weight->Size() : packed->Rows() * packed->Cols());
      });
  return std::llround(n);
}

void SetZero(AsrModel *model) {
  ForEachParam(model,
               [](const std::string &, Tensor *t, const ParamInit &, bool) { t->SetZero(); });
}

void MoveToDevice(const Context &ctx, AsrModel *model) {
  ForEachParamOrPacked(
      model, [&ctx](const ParamInfo &, Tensor *t) { *t = t->ToDevice(ctx); },
      [&ctx](const ParamInfo &, Tensor *weight, PackedMatrix *packed) {
        *weight = weight->ToDevice(ctx);
        *packed = packed->ToDevice(ctx);
      });
}

}  // namespace u2moe
