#ifndef U2MOE_MODEL_STREAM_STATE_H_
#define U2MOE_MODEL_STREAM_STATE_H_

#include <cstdint>
#include <vector>

#include "layer/convolution-module.h"
#include "layer/rel-position-attention.h"

namespace u2moe {

// What one live stream carries from chunk to chunk; weights and streams are different objects. A
// default state is the beginning of a stream.
struct StreamState {
  int64_t offset = 0;  // encoder frames done so far
  struct Block {
    AttentionCache attention;
    ConvolutionCache convolution;
  };
  std::vector<Block> blocks;
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_STREAM_STATE_H_
