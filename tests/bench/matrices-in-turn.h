// Times of products with many weight matrices in turn, so that weights come from memory.
#ifndef U2MOE_TESTS_BENCH_MATRICES_IN_TURN_H_
#define U2MOE_TESTS_BENCH_MATRICES_IN_TURN_H_

#include <algorithm>
#include <functional>
#include <limits>

#include "base/timer.h"

namespace u2moe {

// 2560 x 640 each: 105 MB even in int8, beyond any cache.
constexpr int kMatrices = 64;

// The least processor time of one call f(m) in microseconds, m the number of the matrix.
inline double TimeInTurn(const std::function<void(int)> &f) {
  double best = std::numeric_limits<double>::infinity(), total = 0;
  for (int round = 0; round < 20 && total < 1; ++round) {
    const double begin = ThreadCpuSeconds();
    for (int m = 0; m < kMatrices; ++m) f(m);
    const double seconds = ThreadCpuSeconds() - begin;
    total += seconds;
    best = std::min(best, seconds / kMatrices * 1e6);
  }
  return best;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_BENCH_MATRICES_IN_TURN_H_
