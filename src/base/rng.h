// Seeded random numbers, the same on every machine and compiler (the standard library's
// distributions are not). All randomness of u2moe comes from an Rng argument.
#ifndef U2MOE_BASE_RNG_H_
#define U2MOE_BASE_RNG_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace u2moe {

// SplitMix64: a bijective mix of 64 bits. Counter-based streams are Mix64(seed + counter * odd).
uint64_t Mix64(uint64_t x);

// A seed that depends on both arguments, for independent streams: per utterance, layer or step.
uint64_t SubSeed(uint64_t seed, uint64_t stream);
uint64_t SubSeed(uint64_t seed, const std::string &key);

// xoshiro256** by Blackman and Vigna.
class Rng {
 public:
  explicit Rng(uint64_t seed);

  uint64_t Next();
  double Uniform();                               // in [0, 1)
  double Uniform(double low, double high);        // in [low, high), high itself only by rounding
  int64_t UniformInt(int64_t low, int64_t high);  // in [low, high], both included; low <= high
  double Normal();                                // mean 0, variance 1

  template <class T>
  void Shuffle(std::vector<T> *v) {  // Fisher-Yates
    for (size_t i = v->size(); i > 1; --i) {
      std::swap((*v)[i - 1], (*v)[UniformInt(0, static_cast<int64_t>(i) - 1)]);
    }
  }

 private:
  uint64_t s_[4];
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_BASE_RNG_H_
