#ifndef U2MOE_LAYER_LAYER_NORM_LAYER_H_
#define U2MOE_LAYER_LAYER_NORM_LAYER_H_

#include "layer/param-visitor.h"
#include "ops/layer-norm.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

// Layer normalisation with gain and offset, eps 1e-5 (WeNet uses it everywhere).
class LayerNorm {
 public:
  LayerNorm() = default;
  explicit LayerNorm(int64_t dim) : gamma_({dim}), beta_({dim}) {}

  // x, y [R, D]. stats, if not null, receives [R, 2] for Backward.
  void Forward(const Context &ctx, ConstView x, View y, Tensor *stats) const {
    if (stats != nullptr) *stats = Tensor(ctx, x.Rows(), 2);
    LayerNormForward(ctx, x, gamma_, beta_, kEps, y,
                     stats != nullptr ? stats->View() : u2moe::View());
  }
  // dx overwritten, may alias dy; adds to grad.
  void Backward(const Context &ctx, ConstView x, const Tensor &stats, ConstView dy, LayerNorm *grad,
                View dx) const {
    LayerNormBackward(ctx, x, gamma_, stats, dy, dx, grad->gamma_, grad->beta_);
  }
  void VisitParams(ParamVisitor *v) {
    v->In(ParamRole::kNorm, [&] {
      v->Param("weight", &gamma_, ParamInit::Constant(1));
      v->Param("bias", &beta_, ParamInit::Constant(0));
    });
  }

 private:
  static constexpr float kEps = 1e-5f;
  Tensor gamma_, beta_;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_LAYER_NORM_LAYER_H_
