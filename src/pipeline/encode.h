// Encoding of one utterance: as a whole, under a chunk mask, or chunk by chunk with caches as a
// live stream. The three give the same frames (to rounding) for the same chunk and left context.
#ifndef U2MOE_PIPELINE_ENCODE_H_
#define U2MOE_PIPELINE_ENCODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/encoder.h"
#include "model/model-file.h"
#include "util/options.h"

namespace u2moe {

// What a frame of the encoder may see. Frames of chunks are encoder frames.
struct EncodeOptions {
  int32_t chunk_size = -1;       // negative: the whole utterance
  int32_t num_left_chunks = -1;  // negative: all; no meaning without chunks
  bool streaming = false;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // Throws UsageError if the model cannot stream and is asked to; warns where it was not trained
  // for what is asked of it.
  void CheckModel(const EncoderConfig &config) const;
  std::string ToString() const;
};

// A live stream: takes feature frames as they come and gives encoder frames as soon as their chunk
// is complete, so the result does not depend on how the frames were cut into calls. The frames of
// the last, incomplete chunk come out of Finish(). Without a chunk size everything does. Not for
// several threads at once; the encoder may be shared.
class StreamingEncoder {
 public:
  // encoder must outlive the stream. Throws DataError if it cannot stream.
  StreamingEncoder(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts);

  // feats [n, F] before CMVN, n >= 0 -> the next encoder frames [m, D], often none. Throws
  // DataError for a value that is not finite and for a wrong F; such a stream cannot go on.
  Tensor Accept(ConstView feats);

  // The end of the input: the frames that are left [m, D]. Only the destructor may follow.
  Tensor Finish();

 private:
  // Encodes the windows that are complete, or with at_end also what is left after them.
  Tensor Advance(bool at_end);

  Context ctx_;
  const Encoder &encoder_;
  int64_t feature_dim_ = -1;  // of the first call
  int64_t shift_, window_;    // input frames from window to window, and of one; 0 without chunks
  ForwardMode mode_;
  StreamState state_;
  std::vector<float> frames_;  // input frames from the beginning of the next window on
  bool finished_ = false;
};

// feats [T, F] before CMVN -> encoder output [OutLength(T), D]. Throws DataError for too few
// frames, a value that is not finite, a wrong F.
Tensor EncodeUtterance(const Context &ctx, const Encoder &encoder, ConstView feats,
                       const EncodeOptions &opts);
inline Tensor EncodeUtterance(const Context &ctx, const AsrModel &model, ConstView feats,
                              const EncodeOptions &opts) {
  return EncodeUtterance(ctx, model.Encoder(), feats, opts);
}

// Throws DataError, naming row and column (from 0) of the first NaN or infinity of x: "what: ...".
void CheckFinite(const std::string &what, ConstView x);

// Seconds from one feature frame to the next: the model's feature option frame-shift, else 10 ms.
double FrameShiftSeconds(const ModelInfo &info);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ENCODE_H_
