#include "layer/linear.h"

#include <cmath>

#include "ops/elementwise.h"
#include "tensor/gemm.h"

namespace u2moe {

Linear::Linear(int64_t in_dim, int64_t out_dim, bool has_bias) : weight_(out_dim, in_dim) {
  if (has_bias) bias_ = Tensor({out_dim});
}

Linear Linear::Pointwise(int64_t in_dim, int64_t out_dim, bool has_bias) {
  Linear l(in_dim, out_dim, has_bias);
  l.weight_ = Tensor({out_dim, in_dim, 1});
  return l;
}

void Linear::Forward(const Context &ctx, ConstView x, View y) const {
  Gemm(ctx, 1, x, Trans::kNo, weight_, Trans::kYes, 0, y);
  if (!bias_.Empty()) AddRowVector(ctx, bias_, y);
}

void Linear::Backward(const Context &ctx, ConstView x, ConstView dy, Linear *grad, View dx) const {
  Gemm(ctx, 1, dy, Trans::kYes, x, Trans::kNo, 1, grad->weight_);
  if (!bias_.Empty()) AddSumOfRows(ctx, dy, grad->bias_);
  if (dx.Data() != nullptr) Gemm(ctx, 1, dy, Trans::kNo, weight_, Trans::kNo, 0, dx);
}

void Linear::VisitParams(ParamVisitor *v) {
  // torch.nn.Linear: U(-1/sqrt(in), 1/sqrt(in)) for both.
  const ParamInit init = ParamInit::Uniform(1 / std::sqrt(static_cast<double>(InDim())));
  v->Param("weight", &weight_, init);
  v->Param("bias", &bias_, init);
}

}  // namespace u2moe
