#include "base/rng.h"

#include <cmath>

#include "base/check.h"

namespace u2moe {

uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

uint64_t SubSeed(uint64_t seed, uint64_t stream) {
  return Mix64(Mix64(seed) ^ (stream * 0xd1342543de82ef95ull));
}

uint64_t SubSeed(uint64_t seed, const std::string &key) {
  uint64_t h = 0xcbf29ce484222325ull;  // FNV-1a
  for (unsigned char c : key) h = (h ^ c) * 0x100000001b3ull;
  return SubSeed(seed, h);
}

Rng::Rng(uint64_t seed) {
  for (uint64_t &s : s_) s = seed = Mix64(seed);
}

uint64_t Rng::Next() {
  auto rotl = [](uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  const uint64_t result = rotl(s_[1] * 5, 7) * 9, t = s_[1] << 17;
  s_[2] ^= s_[0];
  s_[3] ^= s_[1];
  s_[1] ^= s_[2];
  s_[0] ^= s_[3];
  s_[2] ^= t;
  s_[3] = rotl(s_[3], 45);
  return result;
}

double Rng::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
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

double Rng::Normal() {  // Marsaglia's polar method
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u, v, s;
  do {
    u = Uniform(-1, 1);
    v = Uniform(-1, 1);
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  const double f = std::sqrt(-2 * std::log(s) / s);
  spare_ = v * f;
  has_spare_ = true;
  return u * f;
}

}  // namespace u2moe
