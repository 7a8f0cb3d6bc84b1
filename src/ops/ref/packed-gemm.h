// The plain form of ops/packed/packed-gemm.h, in double.
#ifndef U2MOE_OPS_REF_PACKED_GEMM_H_
#define U2MOE_OPS_REF_PACKED_GEMM_H_

#include <cmath>

#include "ops/packed/packed-gemm.h"

namespace u2moe::ref {

// What PackedGemm gives with the values that codes stand for: the value of row i, input k of the
// activations is x.
inline double ActivationValue(const PackedRows &x, int64_t i, int64_t k) {
  switch (x.Format()) {
    case WeightFormat::kFloat32:
      return x.FloatRow(i)[k];
    case WeightFormat::kBfloat16:
      return FromBfloat16(x.Bfloat16Row(i)[k]);
    default:
      return x.Scale(i)[0] * (static_cast<double>(x.CodeRow(i)[k]) - x.Scale(i)[1]);
  }
}

inline void PackedGemm(const PackedRows &x, const GemmRows &rows, const PackedMatrix &w,
                       const Epilogue &e, View y) {
  const Tensor weights = w.Unpack();
  const int64_t count = rows.count < 0 ? x.Rows() : rows.count;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t in = rows.in != nullptr ? rows.in[i] : i;
    float *out = y.Row(rows.out != nullptr ? rows.out[i] : i);
    for (int64_t n = 0; n < w.Rows(); ++n) {
      double sum = e.bias != nullptr ? e.bias[n] : 0;
      for (int64_t k = 0; k < w.Cols(); ++k) sum += ActivationValue(x, in, k) * weights(n, k);
      if (e.activation == Activation::kRelu) sum = sum < 0 ? 0 : sum;  // NaN stays NaN
      if (e.activation == Activation::kSwish) sum = sum / (1 + std::exp(-sum));
      sum *= e.scale * (rows.factor != nullptr ? static_cast<double>(rows.factor[i]) : 1.0);
      out[n] = static_cast<float>(e.add ? out[n] + sum : sum);
    }
  }
}

}  // namespace u2moe::ref

#endif  // U2MOE_OPS_REF_PACKED_GEMM_H_
