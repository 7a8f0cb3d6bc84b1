#ifndef U2MOE_PIPELINE_ENCODE_OPTIONS_H_
#define U2MOE_PIPELINE_ENCODE_OPTIONS_H_

#include <cstdint>
#include <string>

#include "model/model-config.h"
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
  // Encoder frames to the left that a stream's attention keeps; negative: all.
  int64_t MaxCache() const {
    return chunk_size < 0 || num_left_chunks < 0
               ? -1
               : static_cast<int64_t>(chunk_size) * num_left_chunks;
  }
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ENCODE_OPTIONS_H_
