#include "ops/packed/packed-gemm.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "base/thread-pool.h"
#include "ops/dispatch.h"

namespace u2moe {

void CheckOperand(const PackedRows &x) {
  CheckOperand(x.x_);
  CheckOperand(x.codes_);
  CheckOperand(x.scales_);
}

void CheckOperand(const GemmRows &rows) {
  CheckOperandBytes(rows.in, rows.count);
  CheckOperandBytes(rows.out, rows.count);
  CheckOperandBytes(rows.factor, rows.count);
}

void CheckOperand(const Epilogue &e) { CheckOperandBytes(e.bias, 1); }

namespace {

int64_t RoundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

void Compute(const Context &ctx, const PackedRows &x, const GemmRows &rows, const PackedMatrix &w,
             const Epilogue &epilogue, View y) {
  switch (w.Format()) {
    case WeightFormat::kFloat32:
      return OPS_CALL(ctx, PackedGemmFloat32, x, rows, w, epilogue, y);
    case WeightFormat::kBfloat16:
      return OPS_CALL(ctx, PackedGemmBfloat16, x, rows, w, epilogue, y);
    case WeightFormat::kInt8:
    case WeightFormat::kInt4:
      return OPS_CALL(ctx, PackedGemmCodes, x, rows, w, epilogue, y);
  }
}

}  // namespace

PackedRows::PackedRows(const Context &ctx, ConstView x, WeightFormat format, int64_t capacity)
    : format_(format), x_(x) {
  if (format == WeightFormat::kFloat32) return;
  if (capacity < 0) capacity = Rows();
  CHECK_GE(capacity, Rows());
  const int64_t bytes = capacity * Stride() * (format == WeightFormat::kBfloat16 ? 2 : 1);
  codes_ = Tensor(ctx, {(bytes + 3) / 4});
  if (format == WeightFormat::kBfloat16) {
    OPS_CALL(ctx, Bfloat16Rows, x, reinterpret_cast<uint16_t *>(codes_.Data()), Stride());
  } else {
    scales_ = Tensor(ctx, capacity, 2);
    OPS_CALL(ctx, QuantizeRows, x, reinterpret_cast<int8_t *>(codes_.Data()), Stride(),
             scales_.View().RowRange(0, Rows()));
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
  // What is less than 4 million multiply-adds, of 8 rows more for the weights' way from memory, is
  // not worth handing over.
  const double work = static_cast<double>(given.count + 8) * static_cast<double>(w.Rows()) *
                      static_cast<double>(w.Cols());
  const int64_t parts = std::min(static_cast<int64_t>(ctx.OpThreads()),
                                 std::min(w.NumPanels() / 4, static_cast<int64_t>(work / 4e6)));
  if (parts < 2 || ctx.OnCuda()) {  // each thread has a stream of its own there
    Compute(ctx, x, given, w, epilogue, y);
    return;
  }
  const auto part = [&](int64_t i) {
    // Whole pairs of panels, which the widest tiles take.
    const int64_t pairs = (w.NumPanels() + 1) / 2;
    const int64_t first = pairs * i / parts * 2,
                  last = std::min(w.NumPanels(), pairs * (i + 1) / parts * 2);
    const PackedMatrix own = w.PanelRange(first, last - first);
    Epilogue shifted = epilogue;
    if (epilogue.bias != nullptr) shifted.bias = epilogue.bias + first * PackedMatrix::kPanel;
    Compute(ctx, x, given, own, shifted, y.ColRange(first * PackedMatrix::kPanel, own.Rows()));
  };
  ctx.Pool()->ParallelForWithCaller(parts, std::cref(part));
}

}  // namespace u2moe
