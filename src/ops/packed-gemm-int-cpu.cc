// Products with weights of int8 and int4, and the codes of activations.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/packed-gemm.h"
#include "ops/ref/packed-gemm.h"

namespace u2moe::cpu {

void PackedGemmInt8(const Context &, const PackedRows &x, const GemmRows &rows,
                    const PackedMatrix &w, const Epilogue &epilogue, View y) {
  ref::PackedGemm(x, rows, w, epilogue, y);
}

void PackedGemmInt4(const Context &, const PackedRows &x, const GemmRows &rows,
                    const PackedMatrix &w, const Epilogue &epilogue, View y) {
  ref::PackedGemm(x, rows, w, epilogue, y);
}

void QuantizeRows(const Context &, ConstView x, int8_t *codes, int64_t stride, View scales) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float *row = x.Row(i);
    float low = 0, high = 0;
    bool finite = true;
    for (int64_t k = 0; k < x.Cols(); ++k) {
      finite = finite && std::isfinite(row[k]);
      low = std::min(low, row[k]);
      high = std::max(high, row[k]);
    }
    if (!finite) throw DataError("activations hold NaN or infinity; check features and model");
    const float scale = (high - low) / 255, inverse = scale > 1e-30f ? 1 / scale : 0;
    const float zero = std::nearbyint(-128 - low * inverse);
    for (int64_t k = 0; k < stride; ++k) {
      const float code = k < x.Cols() ? std::nearbyint(row[k] * inverse) + zero : 0;
      codes[i * stride + k] = static_cast<int8_t>(std::min(127.f, std::max(-128.f, code)));
    }
    scales(i, 0) = scale;
    scales(i, 1) = zero;
  }
}

}  // namespace u2moe::cpu
