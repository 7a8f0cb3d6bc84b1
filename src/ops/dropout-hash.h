// The random bits of dropout, one function for all devices and instruction sets.
#ifndef U2MOE_OPS_DROPOUT_HASH_H_
#define U2MOE_OPS_DROPOUT_HASH_H_

#include <cstdint>

#include "base/random-bits.h"

namespace u2moe {

// Entry (row, column) of the mask of `seed` is kept if DropoutHash(DropoutRowKey(seed, row),
// column) >= DropoutThreshold(rate), that is with probability 1 - rate.
struct DropoutRowKey {
  U2MOE_HOST_DEVICE DropoutRowKey(uint64_t seed, int64_t row) {
    const uint64_t bits = MixBits(MixSeed(seed, static_cast<uint64_t>(row)));
    first = static_cast<uint32_t>(bits);
    second = static_cast<uint32_t>(bits >> 32);
  }
  uint32_t first, second;
};

constexpr uint32_t kDropoutMultiplier1 = 0x9e3779b9u, kDropoutMultiplier2 = 0x85ebca6bu,
                   kDropoutMultiplier3 = 0xc2b2ae35u;

// 31 random bits, so that signed comparison (all that AVX2 has) will do. The second key, between
// the two rounds, makes rows whose first keys are near each other differ.
U2MOE_HOST_DEVICE inline int32_t DropoutHash(const DropoutRowKey &key, uint32_t column) {
  uint32_t h = column * kDropoutMultiplier1 + key.first;
  h = (h ^ (h >> 16)) * kDropoutMultiplier2 + key.second;
  h = (h ^ (h >> 13)) * kDropoutMultiplier3;
  return static_cast<int32_t>((h ^ (h >> 16)) >> 1);
}

inline int32_t DropoutThreshold(float rate) {
  return static_cast<int32_t>(static_cast<double>(rate) * 2147483648.0);
}

}  // namespace u2moe

#endif  // U2MOE_OPS_DROPOUT_HASH_H_
