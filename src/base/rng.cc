#include "base/rng.h"

#include "base/check.h"
#include "base/random-bits.h"

namespace u2moe {

uint64_t Mix64(uint64_t x) { return MixBits(x); }

uint64_t SubSeed(uint64_t seed, uint64_t stream) { return MixSeed(seed, stream); }

uint64_t SubSeed(uint64_t seed, const std::string &key) {
  uint64_t h = 0xcbf29ce484222325ull;  // FNV-1a
  for (unsigned char c : key) h = (h ^ c) * 0x100000001b3ull;
  return SubSeed(seed, h);
}

Rng::Rng(uint64_t seed) { SeedWords(seed, s_); }

uint64_t Rng::Next() { return NextBits(s_); }

double Rng::Uniform() { return UniformOf(Next()); }
double Rng::Uniform(double low, double high) { return low + (high - low) * Uniform(); }

int64_t Rng::UniformInt(int64_t low, int64_t high) {
  CHECK_LE(low, high);
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  if (range == 0) return static_cast<int64_t>(Next());
  const uint64_t limit = UINT64_MAX - UINT64_MAX % range;  // rejects the biased tail
  uint64_t x = Next();
  while (x >= limit) x = Next();
  return static_cast<int64_t>(static_cast<uint64_t>(low) + x % range);  // no overflow on the way
}

double Rng::Normal() {
  has_spare_ = !has_spare_;
  if (!has_spare_) return spare_;
  double first;
  NormalPair(s_, &first, &spare_);
  return first;
}

}  // namespace u2moe
