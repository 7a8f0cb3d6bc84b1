#include "ops/packed-gemm.h"

#include "base/check.h"
#include "ops/dispatch.h"

namespace u2moe {
namespace {

int64_t RoundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

PackedRows::PackedRows(const Context &ctx, ConstView x, WeightFormat format)
    : format_(format), x_(x) {
  if (format == WeightFormat::kFloat32) return;
  const int64_t bytes = Rows() * Stride() * (format == WeightFormat::kBfloat16 ? 2 : 1);
  codes_ = Tensor({(bytes + 3) / 4});
  if (format == WeightFormat::kBfloat16) {
    OPS_CALL(ctx, Bfloat16Rows, x, reinterpret_cast<uint16_t *>(codes_.Data()), Stride());
  } else {
    scales_ = Tensor(Rows(), 2);
    OPS_CALL(ctx, QuantizeRows, x, reinterpret_cast<int8_t *>(codes_.Data()), Stride(), scales_);
  }
}

int64_t PackedRows::Stride() const {
  return RoundUp(Cols(), format_ == WeightFormat::kBfloat16 ? 2 : 8);
}

void PackedGemm(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                const PackedMatrix &w, const Epilogue &epilogue, View y) {
  CHECK_EQ(x.Cols(), w.Cols());
  CHECK_EQ(y.Cols(), w.Rows());
  CHECK(x.Format() == w.Format()) << ToString(x.Format()) << " and " << ToString(w.Format());
  GemmRows given = rows;
  if (given.count < 0) given.count = x.Rows();
  CHECK(given.in != nullptr || given.count <= x.Rows());
  CHECK(given.out != nullptr || given.count <= y.Rows());
  if (given.count == 0 || w.Rows() == 0) return;
  switch (w.Format()) {
    case WeightFormat::kFloat32:
      return OPS_CALL(ctx, PackedGemmFloat32, x, given, w, epilogue, y);
    case WeightFormat::kBfloat16:
      return OPS_CALL(ctx, PackedGemmBfloat16, x, given, w, epilogue, y);
    case WeightFormat::kInt8:
      return OPS_CALL(ctx, PackedGemmInt8, x, given, w, epilogue, y);
    case WeightFormat::kInt4:
      return OPS_CALL(ctx, PackedGemmInt4, x, given, w, epilogue, y);
  }
}

}  // namespace u2moe
