#include "train/dynamic-chunk.h"

namespace u2moe {

AttentionMask DrawChunkMask(int64_t max_length, int64_t rate, bool dynamic_left,
                            const DrawInteger &draw) {
  if (max_length < 2) return AttentionMask::Full();
  const int64_t n = draw(1, max_length - 1);
  if (n > max_length / 2) return AttentionMask::Full();
  const int64_t chunk = n % (100 / rate) + 1;
  const int64_t max_left = (max_length - 1) / chunk;
  const int64_t left = dynamic_left && max_left > 0 ? draw(0, max_left - 1) : -1;
  return AttentionMask::Chunk(chunk, left);
}

}  // namespace u2moe
