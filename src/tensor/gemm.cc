#include "tensor/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "tensor/op-scope.h"
#if HAVE_CUDA
#include "tensor/cuda-blas.h"
#endif

namespace u2moe {

void Gemm(const Context &ctx, float alpha, ConstView a, Trans trans_a, ConstView b, Trans trans_b,
          float beta, View c) {
  const int64_t m = trans_a == Trans::kNo ? a.Rows() : a.Cols();
  const int64_t k = trans_a == Trans::kNo ? a.Cols() : a.Rows();
  const int64_t n = trans_b == Trans::kNo ? b.Cols() : b.Rows();
  CHECK_EQ(k, trans_b == Trans::kNo ? b.Rows() : b.Cols());
  CHECK_SHAPE(c, m, n);
  constexpr int64_t kMax = std::numeric_limits<blasint>::max();
  CHECK(std::max({m, n, k, a.Stride(), b.Stride(), c.Stride()}) <= kMax)
      << "larger than this BLAS can index: " << m << "x" << k << " times " << k << "x" << n;
  if (m == 0 || n == 0) return;
#if HAVE_CUDA
  if (OpRunsOnCuda(ctx)) {
    CheckCudaOperands(ctx, a, b, ConstView(c));
    cuda::Gemm(alpha, a, trans_a, b, trans_b, beta, c);
    return;
  }
#endif
  std::optional<OpScope> scope;
  if (ctx.OnGuarded()) scope.emplace(a, b, ConstView(c));
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i) {
      float *row = c.Row(i);
      std::transform(row, row + n, row, [beta](float x) { return beta == 0 ? 0 : beta * x; });
    }
    return;
  }
  cblas_sgemm(CblasRowMajor, trans_a == Trans::kNo ? CblasNoTrans : CblasTrans,
              trans_b == Trans::kNo ? CblasNoTrans : CblasTrans, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), alpha, a.Data(),
              static_cast<blasint>(a.Stride()), b.Data(), static_cast<blasint>(b.Stride()), beta,
              c.Data(), static_cast<blasint>(c.Stride()));
}

}  // namespace u2moe
