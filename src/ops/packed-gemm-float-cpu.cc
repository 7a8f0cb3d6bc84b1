// Products with weights of float32 and bfloat16.
#include "ops/packed-gemm.h"
#include "ops/ref/packed-gemm.h"

namespace u2moe::cpu {

void PackedGemmFloat32(const Context &, const PackedRows &x, const GemmRows &rows,
                       const PackedMatrix &w, const Epilogue &epilogue, View y) {
  ref::PackedGemm(x, rows, w, epilogue, y);
}

void PackedGemmBfloat16(const Context &, const PackedRows &x, const GemmRows &rows,
                        const PackedMatrix &w, const Epilogue &epilogue, View y) {
  ref::PackedGemm(x, rows, w, epilogue, y);
}

void Bfloat16Rows(const Context &, ConstView x, uint16_t *out, int64_t stride) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    for (int64_t k = 0; k < stride; ++k)
      out[i * stride + k] = k < x.Cols() ? ToBfloat16(x(i, k)) : uint16_t{0};
  }
}

}  // namespace u2moe::cpu
