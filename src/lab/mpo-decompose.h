#ifndef U2MOE_LAB_MPO_DECOMPOSE_H_
#define U2MOE_LAB_MPO_DECOMPOSE_H_

#include <cstdint>
#include <vector>

#include "moe/mpo-chain.h"

namespace u2moe {

// a [rows, cols], row by row, = u diag(s) v^T: s falling, u [rows, n] and v [cols, n], n the
// smaller of both; columns of singular values that are 0 but for rounding are 0. One-sided Jacobi
// rotations (Hestenes), O(rows cols n) a sweep.
struct Svd {
  std::vector<double> u, s, v;
};
Svd SingularValues(const std::vector<double> &a, int64_t rows, int64_t cols);

// A matrix as a chain of tensors of this shape, each as [a_{k-1}, i_k * j_k * a_k]: singular value
// decompositions from left to right, of which each bond keeps the largest, shared evenly between
// the tensors on both sides. *cut, if not null, receives the sum of the squares of the singular
// values that were left out: the squared error is no larger.
std::vector<std::vector<double>> DecomposeMpo(ConstView matrix, const MpoShape &shape, double *cut);

}  // namespace u2moe

#endif  // U2MOE_LAB_MPO_DECOMPOSE_H_
