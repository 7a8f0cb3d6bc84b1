// Encoding of one utterance: as a whole, under a chunk mask, or chunk by chunk with caches as a
// live stream. The three give the same frames (to rounding) for the same chunk and left context.
// Whatever the device of the Context: features come from the host's memory, and what is encoded is
// back there.
#ifndef U2MOE_PIPELINE_ENCODE_H_
#define U2MOE_PIPELINE_ENCODE_H_

#include <exception>
#include <functional>
#include <string>

#include "model/encoder.h"
#include "modelfile/model-file.h"
#include "pipeline/encoder-stream.h"

namespace u2moe {

// Encodes many utterances. With opts.streaming `streams` of them advance at a time in ragged
// batches, one chunk of each per step, and the weights are read once for all; else one after
// another. Each result is that of the utterance alone. next(u) gives another utterance, or false at
// the end; u->done is called when its result is ready, which need not be in the order of next.
struct Utterance {
  ConstView feats;  // [T, F] before CMVN
  // The encoder output [OutLength(T), D]; or a DataError, for too few frames, a value that is not
  // finite, there or in what became of it, a wrong F.
  std::function<void(Tensor out, std::exception_ptr error)> done;
  int32_t tag = -1;  // SequenceFacts::tag
};
void EncodeUtterances(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                      int streams, const std::function<bool(Utterance *)> &next);

// Encodes whole utterances in one ragged batch, so that weights are read once for all of them, the
// experts of a mixture above all. For a model that is ready for inference each gets the bits that
// it gets alone, and its own DataError, in whatever company and order; done is called in the order
// of the batch. Memory grows with the frames of all. Not for opts.streaming.
void EncodeBatch(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                 Span<Utterance> batch);

// Throws DataError, naming the first value of `out` that is not finite, and the largest feature
// that it was computed from: features of 1e30 are finite, their squares are not.
void CheckComputed(const std::string &what, ConstView out, ConstView feats);
// The same where the features are gone: `largest` is the largest magnitude among them.
void CheckComputed(const std::string &what, ConstView out, float largest);
float LargestMagnitude(ConstView x);  // of finite numbers; 0 where there are none

// Throws DataError if so many feature frames are too few for one encoder frame.
void CheckLength(const Encoder &encoder, int64_t num_frames);

// One utterance. Throws the DataErrors named above.
Tensor EncodeUtterance(const Context &ctx, const Encoder &encoder, ConstView feats,
                       const EncodeOptions &opts, int32_t tag = -1);
inline Tensor EncodeUtterance(const Context &ctx, const AsrModel &model, ConstView feats,
                              const EncodeOptions &opts, int32_t tag = -1) {
  return EncodeUtterance(ctx, model.Encoder(), feats, opts, tag);
}

// AsrModel::CtcLogProbs [R, V] of encoder output [R, D], both in the host's memory.
Tensor CtcLogProbs(const Context &ctx, const AsrModel &model, ConstView encoder_out);

// Seconds from one feature frame to the next: the model's feature option frame-shift, else 10 ms.
double FrameShiftSeconds(const ModelInfo &info);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ENCODE_H_
