// Matrices as chains of small tensors (matrix product operators, as arXiv 2203.01104 has them):
// W[(i_1 .. i_n), (j_1 .. j_n)] = sum over bonds of T_1[1, i_1, j_1, a_1] T_2[a_1, i_2, j_2, a_2]
// .. T_n[a_{n-1}, i_n, j_n, 1].
#ifndef U2MOE_MOE_MPO_CHAIN_H_
#define U2MOE_MOE_MPO_CHAIN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

// The factors of rows and columns, and the bonds.
class MpoShape {
 public:
  // As many factors of the one as of the other, all >= 1, three or more. Bonds are those of full
  // rank, min of the products on both sides, or `max_bond` if that is less; 0: full.
  MpoShape(std::vector<int64_t> rows, std::vector<int64_t> cols, int64_t max_bond);

  size_t Length() const { return rows_.size(); }
  size_t Core() const { return rows_.size() / 2; }  // which tensor is the middle one
  int64_t Rows() const;
  int64_t Cols() const;
  int64_t Row(size_t k) const { return rows_[k]; }
  int64_t Col(size_t k) const { return cols_[k]; }
  int64_t Bond(size_t k) const { return bonds_[k]; }  // left of tensor k; k = Length(): right, 1
  // Tensor k as a matrix [a_{k-1}, i_k * j_k * a_k].
  std::vector<int64_t> TensorShape(size_t k) const;

 private:
  std::vector<int64_t> rows_, cols_, bonds_;
};

// FeedForwardConfig::mpo_shape, "4x4x8/4x8x4": factors of the model's dimension and of the hidden
// one. Throws UsageError that says what is wrong, and a shape that would do.
struct MpoShapes {
  MpoShape w_1, w_2;  // [hidden, dim] and [dim, hidden]
};
MpoShapes ParseMpoShapes(const std::string &text, int64_t dim, int64_t hidden, int64_t max_bond);
// n factors of a number, as equal as they can be made of its prime factors, the largest in the
// middle.
std::vector<int64_t> MpoFactors(int64_t number, size_t n);
// Factors of both dimensions as ParseMpoShapes reads them.
std::string MpoShapesText(const std::vector<int64_t> &dim, const std::vector<int64_t> &hidden);

// For each entry of a matrix, row by row, its place in the order (i_1, j_1, .., i_n, j_n).
std::vector<int32_t> MpoPlaces(const MpoShape &shape);
// The matrix [Rows, Cols] of a chain, whose tensors are in the memory of ctx.
Tensor ContractMpo(const Context &ctx, const MpoShape &shape,
                   const std::vector<const Tensor *> &chain);
// Adds the gradient of each tensor, given that of the matrix.
void ContractMpoBackward(const Context &ctx, const MpoShape &shape,
                         const std::vector<const Tensor *> &chain, ConstView dmatrix,
                         const std::vector<Tensor *> &grad);

}  // namespace u2moe

#endif  // U2MOE_MOE_MPO_CHAIN_H_
