// Weights of linear maps in the order in which the products of inference read them
// (ops/packed/packed-gemm.h).
#ifndef U2MOE_TENSOR_PACKED_MATRIX_H_
#define U2MOE_TENSOR_PACKED_MATRIX_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tensor/tensor.h"
#include "tensor/view.h"

namespace u2moe {

enum class WeightFormat { kFloat32, kBfloat16, kInt8, kInt4 };

// "float32", "bfloat16", "int8" or "int4"; throws UsageError for others.
WeightFormat ParseWeightFormat(const std::string &name);
std::string ToString(WeightFormat format);

// A matrix W [N, K] of N outputs and K inputs, in panels of 16 outputs; outputs beyond N are zero.
// Panel after panel, each is
//   kFloat32   [K][16] float32
//   kBfloat16  [K/2][16][2] bfloat16 (rounded to nearest even), K filled up with a zero
//   kInt8      [K/4][16][4] uint8: code + 128, code in -127...127, K filled up with code 0
//   kInt4      [K/8][16][4] uint8: the code + 8 of input 8b+i in the low, of 8b+4+i in the high
//              half of byte i of block b, code in -7...7, K filled up with code 0
// and the value of a code is code * scale. Scales are per output and group of `GroupSize()`
// successive inputs (the last group may be shorter). Immutable; copies share the memory.
class PackedMatrix {
 public:
  static constexpr int64_t kPanel = 16;

  PackedMatrix() = default;

  // w [N, K]. group_size: a multiple of 8, or 0 for one group of all inputs; no meaning for
  // floats. Codes are the nearest to w / scale with scale = max |w| of the group / the largest
  // code. Throws DataError for values that are not finite.
  static PackedMatrix Pack(ConstView w, WeightFormat format, int64_t group_size = 0);
  // The same of a w in the memory of ctx, where the result will lie too.
  static PackedMatrix Pack(const Context &ctx, ConstView w, WeightFormat format,
                           int64_t group_size = 0);
  PackedMatrix ToDevice(const Context &ctx) const;  // a copy
  // On memory that `data` keeps alive, such as a mapped file: PackedBytes(...) bytes, aligned to 64
  // bytes, and for codes `scales` [panels * (1 + groups), 16] as Scales() describes. Throws
  // DataError for a wrong shape of scales.
  static PackedMatrix Borrow(WeightFormat format, int64_t rows, int64_t cols, int64_t group_size,
                             std::shared_ptr<const uint8_t> data, Tensor scales);

  // Bytes of the panels of an N x K matrix.
  static int64_t PackedBytes(WeightFormat format, int64_t rows, int64_t cols);

  // Rows of Scales(): 0 for floats.
  static int64_t ScaleRows(WeightFormat format, int64_t rows, int64_t cols, int64_t group_size);

  bool Empty() const { return rows_ == 0; }
  WeightFormat Format() const { return format_; }
  int64_t Rows() const { return rows_; }             // N
  int64_t Cols() const { return cols_; }             // K
  int64_t GroupSize() const { return group_size_; }  // inputs that share a scale; K if one group
  int64_t NumPanels() const { return (rows_ + kPanel - 1) / kPanel; }
  int64_t NumGroups() const { return scales_.Empty() ? 0 : scales_.Rows() / NumPanels() - 1; }
  // Bytes of one panel.
  int64_t PanelBytes() const { return PackedBytes(format_, kPanel, cols_); }
  const uint8_t *Panel(int64_t p) const { return data_.get() + p * PanelBytes(); }
  // For each panel a row of 16 corrections, the sums over all groups of scale * (sum of the group's
  // codes), which is what a zero point of 1 in the activations adds; then a row of 16 scales for
  // each group.
  const Tensor &Scales() const { return scales_; }
  const float *Corrections(int64_t p) const { return scales_.View().Row(p * (NumGroups() + 1)); }
  const float *PanelScales(int64_t p) const { return Corrections(p) + kPanel; }
  const std::shared_ptr<const uint8_t> &Data() const { return data_; }
  // Panels and scales.
  int64_t Bytes() const {
    return NumPanels() * PanelBytes() + scales_.Size() * static_cast<int64_t>(sizeof(float));
  }

  // Panels [first, first + count), which borrow the memory of this matrix: it must outlive them.
  PackedMatrix PanelRange(int64_t first, int64_t count) const;

  // The values [N, K] that the codes stand for.
  Tensor Unpack() const;

 private:
  WeightFormat format_ = WeightFormat::kFloat32;
  int64_t rows_ = 0, cols_ = 0, group_size_ = 0;
  std::shared_ptr<const uint8_t> data_;
  Tensor scales_;
};

// The nearest bfloat16, ties to even, of a finite float; and back.
inline uint16_t ToBfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
inline float FromBfloat16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float x;
  std::memcpy(&x, &wide, sizeof(x));
  return x;
}

}  // namespace u2moe

#endif  // U2MOE_TENSOR_PACKED_MATRIX_H_
