#ifndef U2MOE_TRAIN_DYNAMIC_CHUNK_H_
#define U2MOE_TRAIN_DYNAMIC_CHUNK_H_

#include <cstdint>
#include <functional>

#include "ops/attention.h"

namespace u2moe {

// Returns an integer in [low, high], both included.
using DrawInteger = std::function<int64_t(int64_t low, int64_t high)>;

// The chunk mask of one training batch (U2, arXiv 2012.05481, section 3.3; WeNet mask.py,
// add_optional_chunk_mask): n uniform in [1, L-1]; full context if n > L/2, else chunks of
// n % (100 / rate) + 1 frames; with dynamic_left a number of left chunks in [0, (L-1)/chunk - 1] is
// drawn too. L: the longest utterance of the batch in encoder frames. Where WeNet asks for a draw
// from an empty range and stops (L = 1, or L <= chunk), the mask is full context, or all left
// chunks.
AttentionMask DrawChunkMask(int64_t max_length, int64_t subsampling_rate, bool dynamic_left,
                            const DrawInteger &draw);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_DYNAMIC_CHUNK_H_
