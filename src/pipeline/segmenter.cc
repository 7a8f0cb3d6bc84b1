#include "pipeline/segmenter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "pipeline/encode.h"

namespace u2moe {
namespace {

void AppendRows(ConstView rows, std::vector<float> *to) {
  for (int64_t i = 0; i < rows.Rows(); ++i)
    to->insert(to->end(), rows.Row(i), rows.Row(i) + rows.Cols());
}

ConstView AsRows(const std::vector<float> &values, int64_t rows) {
  return {values.data(), rows, rows == 0 ? 0 : static_cast<int64_t>(values.size()) / rows};
}

}  // namespace

Segmenter::Segmenter(const Context &ctx, const AsrModel &model, const EncodeOptions &encode,
                     const EndpointOptions &endpoint, double frame_seconds,
                     std::vector<int32_t> silence_tokens, Emit emit)
    : ctx_(ctx),
      model_(model),
      encode_(encode),
      blank_threshold_(endpoint.blank_threshold),
      silence_tokens_(std::move(silence_tokens)),
      emit_(std::move(emit)),
      endpointer_(endpoint, frame_seconds) {
  if (encode_.chunk_size > 0) encoder_.emplace(ctx_, model_, encode_);
}

ConstView Segmenter::Feats() const {
  const int64_t dim = model_.Encoder().FeatureDim();
  const int64_t rows = static_cast<int64_t>(feats_.size()) / dim - first_feat_;
  return {feats_.data() + first_feat_ * dim, rows, dim};
}

// The first rows go; moving the others only where most are gone keeps this linear.
void Segmenter::DropFeats(int64_t frames) {
  first_feat_ += frames;
  const auto used = static_cast<std::ptrdiff_t>(first_feat_ * model_.Encoder().FeatureDim());
  if (2 * used < static_cast<std::ptrdiff_t>(feats_.size())) return;
  feats_.erase(feats_.begin(), feats_.begin() + used);
  first_feat_ = 0;
}

double Segmenter::Silence(const float *logp) const {
  double sum = 0;
  for (const int32_t token : silence_tokens_) sum += std::exp(static_cast<double>(logp[token]));
  return sum;
}

void Segmenter::Accept(ConstView feats) {
  if (feats.Rows() > 0) {
    model_.Encoder().CheckFeatureDim(feats);
    AppendRows(feats, &feats_);
  }
  encoder_ ? AdvanceStream(false) : AdvanceWindows(false);
}

void Segmenter::Finish() { encoder_ ? AdvanceStream(true) : AdvanceWindows(true); }

void Segmenter::EmitFrames(int64_t begin, ConstView encoder_out, ConstView logp, ConstView feats) {
  SpeechSegment segment;
  segment.begin = begin;
  segment.feats = feats;
  segment.encoder_out = encoder_out;
  segment.logp = logp;
  for (int64_t t = 0; t < logp.Rows(); ++t) {
    if (Silence(logp.Row(t)) > blank_threshold_) continue;
    if (segment.first_sound < 0) segment.first_sound = t;
    segment.last_sound = t;
  }
  emit_(segment);
}

void Segmenter::AdvanceStream(bool at_end) {
  const Encoder &encoder = model_.Encoder();
  const int64_t step = encode_.chunk_size * encoder.SubsamplingRate();
  int64_t num_frames = encoder_->NumFrames();
  for (;;) {
    LiveOutput out;
    const ConstView feats = Feats();
    if (fed_ < feats.Rows()) {
      const int64_t n = std::min(step, feats.Rows() - fed_);
      out = encoder_->Accept(feats.RowRange(fed_, n));
      fed_ += n;
    } else if (at_end && !flushed_ && encoder.OutLength(fed_) > 0) {
      out = encoder_->Flush();
      flushed_ = true;
    } else {
      break;
    }
    AppendRows(out.encoder_out, &encoder_out_);
    AppendRows(out.logp, &logp_);
    num_frames += out.logp.Rows();
    std::optional<int64_t> cut;
    const int64_t begin = endpointer_.Begin();
    for (int64_t t = 0; t < out.logp.Rows() && !cut; ++t)
      cut = endpointer_.Accept(Silence(out.logp.View().Row(t)));
    if (!cut) continue;
    const int64_t length = *cut - begin;
    EmitFrames(begin, AsRows(encoder_out_, num_frames).RowRange(0, length),
               AsRows(logp_, num_frames).RowRange(0, length), feats);
    DropFeats(length * encoder.SubsamplingRate());
    encoder_out_.clear();
    logp_.clear();
    num_frames = fed_ = 0;
    flushed_ = false;
    encoder_.emplace(ctx_, model_, encode_);
  }
  if (at_end && num_frames > 0)
    EmitFrames(endpointer_.Begin(), AsRows(encoder_out_, num_frames), AsRows(logp_, num_frames),
               Feats());
}

void Segmenter::EmitWhole(int64_t begin, ConstView feats, int64_t frames) {
  const Encoder &encoder = model_.Encoder();
  const int64_t rows = std::min(feats.Rows(), encoder.WindowLength(frames));
  const Tensor out = EncodeUtterance(ctx_, model_, feats.RowRange(0, rows), encode_);
  EmitFrames(begin, out, CtcLogProbs(ctx_, model_, out), feats);
}

void Segmenter::AdvanceWindows(bool at_end) {
  const Encoder &encoder = model_.Encoder();
  const int64_t window = encoder.WindowLength(endpointer_.MaxFrames());
  while (Feats().Rows() >= window || (at_end && encoder.OutLength(Feats().Rows()) > 0)) {
    const int64_t rows = std::min(window, Feats().Rows());
    const bool last = at_end && rows == Feats().Rows();
    const Tensor out = EncodeUtterance(ctx_, model_, Feats().RowRange(0, rows), encode_);
    const Tensor logp = CtcLogProbs(ctx_, model_, out);
    const int64_t base = endpointer_.Begin(), end = base + logp.Rows();
    int64_t begin = base;
    for (int64_t t = base; t < end; ++t) {
      const std::optional<int64_t> cut = endpointer_.Accept(Silence(logp.View().Row(t - base)));
      if (!cut) continue;
      EmitWhole(begin, Feats(), *cut - begin);
      DropFeats((*cut - begin) * encoder.SubsamplingRate());
      begin = *cut;
      t = begin - 1;
    }
    if (last) {
      if (begin == base) {
        EmitFrames(base, out, logp, Feats());
      } else if (begin < end) {
        EmitWhole(begin, Feats(), end - begin);
      }
      return;
    }
    CHECK(begin > base) << "no rule bounds the length of a segment";
    endpointer_.Restart(begin);
  }
}

}  // namespace u2moe
