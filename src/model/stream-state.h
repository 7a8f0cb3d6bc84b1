#ifndef U2MOE_MODEL_STREAM_STATE_H_
#define U2MOE_MODEL_STREAM_STATE_H_

#include <cstdint>

#include "layer/convolution-module.h"
#include "layer/rel-position-attention.h"
#include "moe/mixture-stream.h"
#include "tensor/allocator.h"

namespace u2moe {

// What one live stream carries from chunk to chunk; weights and streams are different objects. A
// default state is the beginning of a stream.
struct StreamState {
  int64_t offset = 0;  // encoder frames done so far
  int32_t tag = -1;    // SequenceFacts::tag
  struct Block {
    AttentionCache attention;
    ConvolutionCache convolution;
    MixtureStream macaron, last;
  };
  CachedVector<Block> blocks;  // the encoder's, then those of its embedding and route networks

  // After a forward of n encoder frames that succeeded: the stream has advanced.
  void Commit(int64_t n, int64_t max_cache) {
    offset += n;
    for (Block &block : blocks) {
      block.attention.Commit(max_cache);
      block.convolution.Commit();
      block.macaron.Commit();
      block.last.Commit();
    }
  }
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_STREAM_STATE_H_
