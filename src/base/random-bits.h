// The arithmetic behind base/rng.h, which kernels for GPUs share: the same bits everywhere.
#ifndef U2MOE_BASE_RANDOM_BITS_H_
#define U2MOE_BASE_RANDOM_BITS_H_

#include <cmath>
#include <cstdint>

#include "base/host-device.h"

namespace u2moe {

// Mix64 and SubSeed.
U2MOE_HOST_DEVICE inline uint64_t MixBits(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}
U2MOE_HOST_DEVICE inline uint64_t MixSeed(uint64_t seed, uint64_t stream) {
  return MixBits(MixBits(seed) ^ (stream * 0xd1342543de82ef95ull));
}

// The four words of xoshiro256** (Blackman and Vigna), of which Rng is made.
U2MOE_HOST_DEVICE inline void SeedWords(uint64_t seed, uint64_t *s) {
  for (int i = 0; i < 4; ++i) s[i] = seed = MixBits(seed);
}
U2MOE_HOST_DEVICE inline uint64_t NextBits(uint64_t *s) {
  const uint64_t a = s[1] * 5, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = (s[3] << 45) | (s[3] >> 19);
  return ((a << 7) | (a >> 57)) * 9;
}
U2MOE_HOST_DEVICE inline double UniformOf(uint64_t bits) {  // in [0, 1)
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}
// Two normal numbers (Marsaglia's polar method).
U2MOE_HOST_DEVICE inline void NormalPair(uint64_t *s, double *first, double *second) {
  double u, v, square;
  do {
    u = -1 + 2 * UniformOf(NextBits(s));
    v = -1 + 2 * UniformOf(NextBits(s));
    square = u * u + v * v;
  } while (square >= 1 || square == 0);
  const double f = std::sqrt(-2 * std::log(square) / square);
  *first = u * f;
  *second = v * f;
}

}  // namespace u2moe

#endif  // U2MOE_BASE_RANDOM_BITS_H_
