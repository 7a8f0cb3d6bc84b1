// Chains of tensors in plain loops.
#ifndef U2MOE_MOE_REF_MPO_H_
#define U2MOE_MOE_REF_MPO_H_

#include <cstdint>
#include <vector>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// chain[k] [a_{k-1}, i_k * j_k * a_k], with the factors of rows and columns: entry by entry, the
// product of the tensors' slices, which are matrices [a_{k-1}, a_k].
template <class Real>
Matrix<Real> ContractMpo(const std::vector<int64_t> &rows, const std::vector<int64_t> &cols,
                         const std::vector<const Matrix<Real> *> &chain) {
  int64_t num_rows = 1, num_cols = 1;
  for (const int64_t r : rows) num_rows *= r;
  for (const int64_t c : cols) num_cols *= c;
  Matrix<Real> w(num_rows, num_cols);
  for (int64_t r = 0; r < num_rows; ++r) {
    for (int64_t c = 0; c < num_cols; ++c) {
      int64_t row_step = num_rows, col_step = num_cols, row = r, col = c;
      std::vector<Real> v = {1};
      for (size_t k = 0; k < chain.size(); ++k) {
        row_step /= rows[k];
        col_step /= cols[k];
        const int64_t slice = row / row_step * cols[k] + col / col_step;
        row %= row_step;
        col %= col_step;
        const int64_t bond = chain[k]->cols / (rows[k] * cols[k]);
        std::vector<Real> next(static_cast<size_t>(bond), 0);
        for (size_t a = 0; a < v.size(); ++a) {
          for (int64_t b = 0; b < bond; ++b)
            next[static_cast<size_t>(b)] +=
                v[a] * (*chain[k])(static_cast<int64_t>(a), slice * bond + b);
        }
        v = next;
      }
      w(r, c) = v[0];
    }
  }
  return w;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_MOE_REF_MPO_H_
