#include "pipeline/live-session.h"

#include <algorithm>
#include <utility>

#include "pipeline/encode.h"

namespace u2moe {
namespace {

// The rows of one below those of the other.
Tensor Stack(Tensor a, Tensor b) {
  if (a.Rows() == 0) return b;
  if (b.Rows() == 0) return a;
  Tensor out(a.Rows() + b.Rows(), a.Cols());
  std::copy_n(b.Data(), b.Size(), std::copy_n(a.Data(), a.Size(), out.Data()));
  return out;
}

}  // namespace

LiveOutput LiveEncoder::Accept(ConstView feats) {
  num_feats_ += feats.Rows();
  Tensor encoded = stream_.Accept(feats);  // which checks that they are finite
  largest_ = std::max(largest_, LargestMagnitude(feats));
  return Finish(std::move(encoded));
}

LiveOutput LiveEncoder::Flush() {
  CheckLength(model_.Encoder(), num_feats_);
  return Finish(stream_.Finish());
}

LiveOutput LiveEncoder::Finish(Tensor encoder_out) {
  LiveOutput out;
  out.encoder_out = std::move(encoder_out);
  if (out.encoder_out.Rows() == 0) return out;
  CheckComputed("encoder output", out.encoder_out, largest_);
  out.logp = CtcLogProbs(ctx_, model_, out.encoder_out);
  CheckComputed("CTC output", out.logp, largest_);
  num_frames_ += out.encoder_out.Rows();
  return out;
}

LiveOutput LiveSession::Flush() {
  LiveOutput head = encoder_.Accept(features_.Flush()), tail = encoder_.Flush();
  return {Stack(std::move(head.encoder_out), std::move(tail.encoder_out)),
          Stack(std::move(head.logp), std::move(tail.logp))};
}

}  // namespace u2moe
