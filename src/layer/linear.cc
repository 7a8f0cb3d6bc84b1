#include "layer/linear.h"

#include <cmath>
#include <utility>

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

void Linear::SetPacked(PackedMatrix packed) {
  CHECK(packed.Rows() == OutDim() && packed.Cols() == InDim())
      << packed.Rows() << "x" << packed.Cols() << ", expected " << OutDim() << "x" << InDim();
  packed_ = std::move(packed);
  weight_ = Tensor();
}

void Linear::Forward(const Context &ctx, ConstView x, const LayerOutput &out,
                     std::optional<Activation> f) const {
  if (IsPacked()) {
    Forward(ctx, PackedRows(ctx, x, packed_.Format()), GemmRows(), out, f);
    return;
  }
  Tensor own;
  View y = out.y;
  if (out.add) {
    own = Tensor(ctx, y.Rows(), y.Cols());
    y = own;
  }
  Gemm(ctx, 1, x, Trans::kNo, weight_, Trans::kYes, 0, y);
  if (!bias_.Empty()) AddRowVector(ctx, bias_, y);
  if (f.has_value()) ActivationForward(ctx, *f, y, y);
  if (out.add) AddTo(ctx, out.scale, y, out.y);
}

void Linear::Forward(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                     const LayerOutput &out, std::optional<Activation> f) const {
  Epilogue epilogue;
  if (!bias_.Empty()) epilogue.bias = bias_.Data();
  epilogue.activation = f;
  epilogue.scale = out.scale;
  epilogue.add = out.add;
  PackedGemm(ctx, x, rows, packed_, epilogue, out.y);
}

void Linear::Backward(const Context &ctx, ConstView x, ConstView dy, Linear *grad, View dx) const {
  CHECK(!IsPacked()) << "no gradient of a packed weight";
  Gemm(ctx, 1, dy, Trans::kYes, x, Trans::kNo, 1, grad->weight_);
  if (!bias_.Empty()) AddSumOfRows(ctx, dy, grad->bias_);
  if (dx.Data() != nullptr) Gemm(ctx, 1, dy, Trans::kNo, weight_, Trans::kNo, 0, dx);
}

void ForwardAll(const Context &ctx, ConstView x, std::initializer_list<LinearMap> maps) {
  std::optional<PackedRows> rows;
  for (const LinearMap &map : maps) {
    if (!map.linear->IsPacked()) {
      map.linear->Forward(ctx, x, map.out);
      continue;
    }
    const WeightFormat format = map.linear->Packed().Format();
    if (!rows.has_value() || rows->Format() != format) rows.emplace(ctx, x, format);
    map.linear->Forward(ctx, *rows, GemmRows(), map.out);
  }
}

void Linear::VisitParams(ParamVisitor *v) {
  // torch.nn.Linear: U(-1/sqrt(in), 1/sqrt(in)) for both.
  const ParamInit init = ParamInit::Uniform(1 / std::sqrt(static_cast<double>(InDim())));
  v->Weight("weight", &weight_, &packed_, init);
  v->Param("bias", &bias_, init);
}

}  // namespace u2moe
