// The two ends of a live stream through the encoder: feature frames that wait for their window to
// be complete, and the caches. Several streams advance in one ragged batch.
#ifndef U2MOE_PIPELINE_ENCODER_STREAM_H_
#define U2MOE_PIPELINE_ENCODER_STREAM_H_

#include <cstdint>
#include <string>

#include "model/encoder.h"
#include "pipeline/encode-options.h"
#include "tensor/allocator.h"

namespace u2moe {

// Throws DataError, naming row (from first_row) and column (from 0) of the first NaN or infinity of
// x: "what: ...".
void CheckFinite(const std::string &what, ConstView x, int64_t first_row = 0);

// One stream. A window is what gives the encoder frames of one chunk; it waits once it is complete
// (without a chunk size: at the end of the input). How frames are cut into calls makes no
// difference. Not for several threads at once.
class EncoderStream {
 public:
  // encoder must outlive the stream. Throws DataError if it cannot stream.
  EncoderStream(const Encoder &encoder, const EncodeOptions &opts);

  // feats [n, F] before CMVN, n >= 0. Throws DataError, and changes nothing, for a value that is
  // not finite and for an F that is not the model's.
  void Accept(ConstView feats);
  // The end of the input: what is left is a shorter window, if it is enough for a frame.
  void Finish();
  bool Finished() const { return finished_; }

  int64_t NumWaiting() const { return Count(Available(), finished_).windows; }
  // Encoder frames of the windows that would wait if n frames more were accepted.
  int64_t RowsAfter(int64_t n) const { return Count(Available() + n, finished_).rows; }
  // Input frames that make the next window complete; without a chunk size there is no such number,
  // and any will do.
  int64_t FramesToNextWindow() const;

  // The oldest waiting window [., F]; valid until Accept().
  ConstView Window() const;
  StreamState *State() { return &state_; }
  // After that window was encoded with State(): the next one.
  void Advance();

 private:
  struct Windows {
    int64_t windows, rows;
  };
  Windows Count(int64_t available, bool at_end) const;
  int64_t Available() const;

  const Encoder *encoder_;
  int64_t chunk_, shift_,
      window_;            // encoder frames; input frames from window to window, and of one
  int64_t accepted_ = 0;  // input frames so far
  StreamState state_;
  CachedVector<float> frames_;  // those of windows done are dropped from time to time
  int64_t begin_ = 0;           // the first frame of frames_ of the next window
  bool finished_ = false;
};

// Encodes the oldest window of each stream, all in one ragged batch, and advances the streams. Each
// must have one waiting; none may be there twice. out [sum, D] of the host, shape: the rows of each
// stream. Throws DataError for what the model cannot compute; then no stream has advanced.
void EncodeWindows(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                   Span<EncoderStream *> streams, Tensor *out, RaggedShape *shape);

// One live stream by itself: encoder frames come out as soon as their chunk is complete; those of
// the last, incomplete chunk out of Finish(), without a chunk size all of them. For many streams,
// see StreamScheduler.
class StreamingEncoder {
 public:
  // encoder must outlive the stream. tag: SequenceFacts::tag. Throws DataError if it cannot stream.
  StreamingEncoder(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                   int32_t tag = -1)
      : ctx_(ctx), encoder_(encoder), opts_(opts), stream_(encoder, opts) {
    stream_.State()->tag = tag;
  }

  // feats [n, F] before CMVN, n >= 0 -> the next encoder frames [m, D], often none. Throws
  // DataError as EncoderStream::Accept.
  Tensor Accept(ConstView feats);
  // The end of the input: the frames that are left [m, D]. Only the destructor may follow.
  Tensor Finish();

 private:
  // Encodes what waits; there will be `rows` frames.
  void Drain(int64_t rows, int64_t *done, Tensor *out);

  Context ctx_;
  const Encoder &encoder_;
  EncodeOptions opts_;
  EncoderStream stream_;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ENCODER_STREAM_H_
