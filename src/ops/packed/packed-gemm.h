// The products of inference: activations times packed weights, with everything that follows done
// while the results are in registers. A row of the result never depends on the other rows of the
// call, and every instruction set adds in the same order within a format (but AVX512_BF16: the
// results of bfloat16 differ in the last bits between machines with and without it).
#ifndef U2MOE_OPS_PACKED_PACKED_GEMM_H_
#define U2MOE_OPS_PACKED_PACKED_GEMM_H_

#include <cstdint>
#include <optional>

#include "ops/activation.h"
#include "ops/packed/tile-unit.h"
#include "tensor/context.h"
#include "tensor/packed-matrix.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

namespace u2moe {

// Activations in the form that products with a format of weights take.
//   kFloat32   the floats themselves: x must outlive this object
//   kBfloat16  bfloat16, rounded to nearest even, K filled up to even
//   codes      int8 with a scale and a zero point per row: x = scale * (code - zero), codes over
//              the interval of the row (0 included), K filled up to a multiple of 8 with the code
//              0 (as are the codes of the weights). Throws DataError for a row that is not finite;
//              on CUDA, where the host would have to wait for that word, its scale and what is
//              computed of it are NaN.
class PackedRows {
 public:
  // capacity: takes memory for so many rows; negative: for those of x. Where the number of rows
  // depends on the data, a fixed capacity keeps what is taken from doing so.
  PackedRows(const Context &ctx, ConstView x, WeightFormat format, int64_t capacity = -1);

  WeightFormat Format() const { return format_; }
  int64_t Rows() const { return x_.Rows(); }
  int64_t Cols() const { return x_.Cols(); }
  const float *FloatRow(int64_t i) const { return x_.Row(i); }
  const uint16_t *Bfloat16Row(int64_t i) const {
    return reinterpret_cast<const uint16_t *>(codes_.Data()) + i * Stride();
  }
  const int8_t *CodeRow(int64_t i) const {
    return reinterpret_cast<const int8_t *>(codes_.Data()) + i * Stride();
  }
  // Elements from row to row of the codes.
  int64_t Stride() const;
  // Of a row of codes: [scale, zero].
  const float *Scale(int64_t i) const { return scales_.Data() + 2 * i; }

 private:
  friend void CheckOperand(const PackedRows &x);

  WeightFormat format_;
  ConstView x_;
  Tensor codes_;   // bytes
  Tensor scales_;  // [R, 2]
};

// Which rows of x go in and where their results go, in the memory of the Context; by default row i
// to row i, all of them.
struct GemmRows {
  int64_t count = -1;             // negative: all rows of x
  const int32_t *in = nullptr;    // row of x of the i-th product, or null
  const int32_t *out = nullptr;   // row of y of the i-th product, or null; all different
  const float *factor = nullptr;  // of the i-th result, or null
};

// y = [y +] scale * factor * f(x W^T + bias)
struct Epilogue {
  const float *bias = nullptr;  // [N], or null
  std::optional<Activation> activation;
  float scale = 1;
  bool add = false;
};

// For tensor/op-scope.h.
void CheckOperand(const PackedRows &x);
void CheckOperand(const GemmRows &rows);
void CheckOperand(const Epilogue &epilogue);

// w [N, K], x [R, K] -> the rows of y [., N] that `rows` names. x and w must be of one format; y
// must not overlap x.
void PackedGemm(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                const PackedMatrix &w, const Epilogue &epilogue, View y);
inline void PackedGemm(const Context &ctx, ConstView x, const PackedMatrix &w,
                       const Epilogue &epilogue, View y) {
  PackedGemm(ctx, PackedRows(ctx, x, w.Format()), GemmRows(), w, epilogue, y);
}

namespace cpu {
// One format of weights each, or int8 and int4; a call with rows.count >= 0.
void PackedGemmFloat32(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                       const PackedMatrix &w, const Epilogue &epilogue, View y);
void PackedGemmBfloat16(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                        const PackedMatrix &w, const Epilogue &epilogue, View y);
void PackedGemmCodes(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                     const PackedMatrix &w, const Epilogue &epilogue, View y);
// The same to the bit, with more than a few rows by `unit`, if that is not nullptr.
void PackedGemmCodes(const TileUnit *unit, const PackedRows &x, const GemmRows &rows,
                     const PackedMatrix &w, const Epilogue &epilogue, View y);
void Bfloat16Rows(const Context &ctx, ConstView x, uint16_t *out, int64_t stride);
void QuantizeRows(const Context &ctx, ConstView x, int8_t *codes, int64_t stride, View scales);
}  // namespace cpu

namespace cuda {
void PackedGemmFloat32(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                       const PackedMatrix &w, const Epilogue &epilogue, View y);
void PackedGemmBfloat16(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                        const PackedMatrix &w, const Epilogue &epilogue, View y);
void PackedGemmCodes(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                     const PackedMatrix &w, const Epilogue &epilogue, View y);
void Bfloat16Rows(const Context &ctx, ConstView x, uint16_t *out, int64_t stride);
// Rows that are not finite get the scale NaN: the host would have to wait for a word of them.
void QuantizeRows(const Context &ctx, ConstView x, int8_t *codes, int64_t stride, View scales);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_PACKED_PACKED_GEMM_H_
