#include "pipeline/encode.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"

namespace u2moe {

void EncodeOptions::Register(OptionParser *po) {
  po->Register("chunk-size", &chunk_size,
               "encoder frames per chunk: a frame sees its chunk and what is to the left; -1: the "
               "whole utterance");
  po->Register("num-left-chunks", &num_left_chunks,
               "chunks to the left that attention sees; -1: all");
  po->Register("streaming", &streaming,
               "encode chunk by chunk with caches, as a live stream does; the result is the same "
               "as under the chunk mask");
}

void EncodeOptions::Check() const {
  if (chunk_size == 0) {
    throw UsageError("--chunk-size=0: must be at least 1, or -1 for the whole utterance");
  }
}

void EncodeOptions::CheckModel(const EncoderConfig &config) const {
  if (streaming && !config.causal) {
    throw UsageError(
        "--streaming: this model's convolution looks ahead (causal=false), so it cannot stream; "
        "drop the option");
  }
  if (chunk_size > 0 && !config.dynamic_chunk) {
    LOG_WARN << "--chunk-size=" << chunk_size
             << ": the model was trained on whole utterances only (dynamic-chunk=false); expect "
                "more errors";
  }
  if (chunk_size < 0 && num_left_chunks >= 0) {
    LOG_WARN << "--num-left-chunks=" << num_left_chunks
             << " has no effect: without --chunk-size every frame sees the whole utterance";
  }
}

std::string EncodeOptions::ToString() const {
  if (chunk_size < 0) {
    return streaming ? "chunk whole utterance, left chunks all, streaming"
                     : "chunk whole utterance, left chunks all";
  }
  return Cat("chunk ", chunk_size, ", left chunks ",
             num_left_chunks < 0 ? "all" : std::to_string(num_left_chunks),
             streaming ? ", streaming" : ", masked");
}

void CheckFinite(const std::string &what, ConstView x) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float *row = x.Row(i);
    // A sum that is finite has finite terms, and sums are quick; one that is not may be an overflow
    // of finite terms.
    float sum = 0;
    for (int64_t j = 0; j < x.Cols(); ++j) sum += row[j];
    if (std::isfinite(sum)) continue;
    for (int64_t j = 0; j < x.Cols(); ++j) {
      if (!std::isfinite(row[j])) {
        throw DataError(what, ": frame ", i, ", dimension ", j, " is ", row[j],
                        "; make them anew and look for the cause there");
      }
    }
  }
}

double FrameShiftSeconds(const ModelInfo &info) {
  const auto it = info.features.find("frame-shift");
  const double ms = it == info.features.end() ? 0 : std::strtod(it->second.c_str(), nullptr);
  return ms > 0 ? ms / 1000 : 0.01;
}

StreamingEncoder::StreamingEncoder(const Context &ctx, const Encoder &encoder,
                                   const EncodeOptions &opts)
    : ctx_(ctx),
      encoder_(encoder),
      shift_(opts.chunk_size > 0 ? opts.chunk_size * encoder.SubsamplingRate() : 0),
      window_(opts.chunk_size > 0 ? encoder.WindowLength(opts.chunk_size) : 0),
      state_(encoder.NewStream()) {
  if (opts.chunk_size > 0 && opts.num_left_chunks >= 0) {
    mode_.max_cache = static_cast<int64_t>(opts.chunk_size) * opts.num_left_chunks;
  }
}

Tensor StreamingEncoder::Accept(ConstView feats) {
  CHECK(!finished_) << "Accept() after Finish()";
  if (feats.Rows() == 0) return Tensor();
  if (feature_dim_ < 0) feature_dim_ = feats.Cols();
  if (feats.Cols() != feature_dim_) {
    throw DataError("features have ", feats.Cols(), " dimensions, and had ", feature_dim_,
                    " before in the same stream");
  }
  CheckFinite("features", feats);
  for (int64_t i = 0; i < feats.Rows(); ++i) {
    frames_.insert(frames_.end(), feats.Row(i), feats.Row(i) + feature_dim_);
  }
  return Advance(false);
}

Tensor StreamingEncoder::Finish() {
  CHECK(!finished_) << "Finish() twice";
  finished_ = true;
  return Advance(true);
}

Tensor StreamingEncoder::Advance(bool at_end) {
  if (frames_.empty()) return Tensor();
  mode_.streams = {&state_};  // here, so that a moved or copied stream uses its own state
  const int64_t available = static_cast<int64_t>(frames_.size()) / feature_dim_;
  const ConstView frames(frames_.data(), available, feature_dim_);
  std::vector<Tensor> parts;
  int64_t begin = 0;
  while (begin < available) {
    const int64_t left = available - begin;
    const bool whole = window_ > 0 && left >= window_;
    // What is left at the end may be too short for a frame; the whole-utterance forward leaves it
    // out as well.
    if (!whole && !(at_end && encoder_.OutLength(left) > 0)) break;
    const int64_t length = whole ? window_ : left;
    RaggedShape shape;
    parts.emplace_back();
    encoder_.Forward(ctx_, mode_, frames.RowRange(begin, length), RaggedShape::Single(length),
                     &parts.back(), &shape, nullptr, nullptr);
    begin += whole ? shift_ : length;
  }
  frames_.erase(frames_.begin(), frames_.begin() + std::min(begin, available) * feature_dim_);
  if (parts.empty()) return Tensor();
  if (parts.size() == 1) return std::move(parts[0]);
  int64_t rows = 0;
  for (const Tensor &part : parts) rows += part.Rows();
  Tensor out(rows, parts[0].Cols());
  float *next = out.Data();
  for (const Tensor &part : parts) next = std::copy_n(part.Data(), part.Size(), next);
  return out;
}

Tensor EncodeUtterance(const Context &ctx, const Encoder &encoder, ConstView feats,
                       const EncodeOptions &opts) {
  if (encoder.OutLength(feats.Rows()) == 0) {
    throw DataError(feats.Rows(), " feature frames are too few; the model needs at least ",
                    encoder.WindowLength(1));
  }
  CheckFinite("features", feats);
  if (!opts.streaming) {
    ForwardMode mode;
    mode.mask = AttentionMask::Chunk(opts.chunk_size, opts.num_left_chunks);
    Tensor out;
    RaggedShape shape;
    encoder.Forward(ctx, mode, feats, RaggedShape::Single(feats.Rows()), &out, &shape, nullptr,
                    nullptr);
    return out;
  }
  StreamingEncoder stream(ctx, encoder, opts);
  const Tensor head = stream.Accept(feats), tail = stream.Finish();
  if (head.Rows() == 0) return tail;
  Tensor out(head.Rows() + tail.Rows(), head.Cols());
  std::copy_n(tail.Data(), tail.Size(), std::copy_n(head.Data(), head.Size(), out.Data()));
  return out;
}

}  // namespace u2moe
