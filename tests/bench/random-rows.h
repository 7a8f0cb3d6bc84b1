// Input of benches.
#ifndef U2MOE_TESTS_BENCH_RANDOM_ROWS_H_
#define U2MOE_TESTS_BENCH_RANDOM_ROWS_H_

#include "base/rng.h"
#include "tensor/tensor.h"

namespace u2moe {

// [rows, cols] of the standard normal distribution.
inline Tensor RandomRows(Rng *rng, int64_t rows, int64_t cols) {
  Tensor x(rows, cols);
  for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] = static_cast<float>(rng->Normal());
  return x;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_BENCH_RANDOM_ROWS_H_
