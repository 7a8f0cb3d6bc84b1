#include "pipeline/encoder-stream.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "tensor/transfer.h"

namespace u2moe {

void CheckFinite(const std::string &what, ConstView x, int64_t first_row) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float *row = x.Row(i);
    // A sum that is finite has finite terms, and sums are quick; one that is not may be an overflow
    // of finite terms.
    float sum = 0;
    for (int64_t j = 0; j < x.Cols(); ++j) sum += row[j];
    if (std::isfinite(sum)) continue;
    for (int64_t j = 0; j < x.Cols(); ++j) {
      if (!std::isfinite(row[j])) {
        throw DataError(what, ": frame ", first_row + i, ", dimension ", j, " is ", row[j],
                        "; make them anew and look for the cause there");
      }
    }
  }
}

EncoderStream::EncoderStream(const Encoder &encoder, const EncodeOptions &opts)
    : encoder_(&encoder),
      chunk_(std::max(opts.chunk_size, 0)),
      shift_(chunk_ * encoder.SubsamplingRate()),
      window_(chunk_ > 0 ? encoder.WindowLength(chunk_) : 0),
      state_(encoder.NewStream()) {}

int64_t EncoderStream::Available() const {
  return static_cast<int64_t>(frames_.size()) / encoder_->FeatureDim() - begin_;
}

EncoderStream::Windows EncoderStream::Count(int64_t available, bool at_end) const {
  const int64_t whole =
      window_ > 0 && available >= window_ ? (available - window_) / shift_ + 1 : 0;
  Windows count{whole, whole * chunk_};
  if (!at_end) return count;
  // What is left at the end may be too short for a frame; the whole-utterance forward leaves it
  // out as well.
  const int64_t rest = encoder_->OutLength(std::max<int64_t>(available - whole * shift_, 0));
  count.windows += rest > 0 ? 1 : 0;
  count.rows += rest;
  return count;
}

int64_t EncoderStream::FramesToNextWindow() const {
  constexpr int64_t kAny = 1000;
  return window_ > 0 ? std::max<int64_t>(window_ - Available(), 0) : kAny;
}

void EncoderStream::Accept(ConstView feats) {
  CHECK(!finished_) << "frames after the end";
  if (feats.Rows() == 0) return;
  encoder_->CheckFeatureDim(feats);
  CheckFinite("features", feats, accepted_);
  accepted_ += feats.Rows();
  // Moving the frames to the front only where half of them are done keeps this linear.
  const auto used = static_cast<std::ptrdiff_t>(begin_ * feats.Cols());
  if (2 * used >= static_cast<std::ptrdiff_t>(frames_.size())) {
    frames_.erase(frames_.begin(), frames_.begin() + used);
    begin_ = 0;
  }
  for (int64_t i = 0; i < feats.Rows(); ++i) {
    frames_.insert(frames_.end(), feats.Row(i), feats.Row(i) + feats.Cols());
  }
}

void EncoderStream::Finish() {
  CHECK(!finished_) << "the end of the same stream twice";
  finished_ = true;
}

ConstView EncoderStream::Window() const {
  DCHECK(NumWaiting() > 0);
  const int64_t available = Available();
  const int64_t length = window_ > 0 ? std::min(window_, available) : available;
  const int64_t dim = encoder_->FeatureDim();
  return {frames_.data() + begin_ * dim, length, dim};
}

void EncoderStream::Advance() {
  const int64_t length = Window().Rows();
  begin_ += length == window_ ? shift_ : length;
}

void EncodeWindows(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                   Span<EncoderStream *> streams, Tensor *out, RaggedShape *shape) {
  ForwardMode mode;
  mode.window_is_chunk = opts.chunk_size > 0;
  mode.max_cache = opts.MaxCache();
  RaggedShape in_shape;
  for (EncoderStream *stream : streams) {
    mode.streams.push_back(stream->State());
    in_shape.Append(stream->Window().Rows());
  }
  ConstView in = streams[0]->Window();
  Tensor batch;
  if (streams.size() > 1) {
    batch = Tensor(in_shape.TotalRows(), in.Cols());
    float *next = batch.Data();
    for (EncoderStream *stream : streams) {
      const ConstView window = stream->Window();
      next = std::copy_n(window.Data(), window.Size(), next);
    }
    in = batch;
  }
  encoder.Forward(ctx, mode, MatrixOnDevice(ctx, in), in_shape, out, shape, nullptr, nullptr);
  *out = MoveToHost(std::move(*out));
  for (EncoderStream *stream : streams) stream->Advance();
}

Tensor StreamingEncoder::Accept(ConstView feats) {
  const int64_t rows = stream_.RowsAfter(feats.Rows());
  int64_t done = 0;
  Tensor out;
  // Frames go in as the windows need them, so that they are not all held twice.
  for (int64_t begin = 0; begin < feats.Rows();) {
    const int64_t n = std::min(stream_.FramesToNextWindow(), feats.Rows() - begin);
    stream_.Accept(feats.RowRange(begin, n));
    begin += n;
    Drain(rows, &done, &out);
  }
  return out;
}

Tensor StreamingEncoder::Finish() {
  stream_.Finish();
  int64_t done = 0;
  Tensor out;
  Drain(stream_.RowsAfter(0), &done, &out);
  return out;
}

void StreamingEncoder::Drain(int64_t rows, int64_t *done, Tensor *out) {
  while (stream_.NumWaiting() > 0) {
    Tensor part;
    RaggedShape shape;
    EncodeWindows(ctx_, encoder_, opts_, {&stream_}, &part, &shape);
    if (*done == 0 && part.Rows() == rows) {
      *out = std::move(part);
    } else {
      if (out->Empty()) *out = Tensor(rows, part.Cols());
      std::copy_n(part.Data(), part.Size(), out->Data() + *done * part.Cols());
    }
    *done += shape.TotalRows();
  }
}

}  // namespace u2moe
