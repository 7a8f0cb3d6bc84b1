#ifndef U2MOE_LAYER_LINEAR_H_
#define U2MOE_LAYER_LINEAR_H_

#include "layer/param-visitor.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

// y = x * weight^T + bias; weight [out, in] (torch's layout), bias [out] or empty.
class Linear {
 public:
  Linear() = default;
  Linear(int64_t in_dim, int64_t out_dim, bool has_bias = true);
  // torch's pointwise Conv1d: the same map with weight [out, in, 1].
  static Linear Pointwise(int64_t in_dim, int64_t out_dim, bool has_bias = true);

  int64_t InDim() const { return weight_.Dim(1); }
  int64_t OutDim() const { return weight_.Dim(0); }
  const Tensor &Weight() const { return weight_; }
  Tensor *MutableWeight() { return &weight_; }
  const Tensor &Bias() const { return bias_; }
  Tensor *MutableBias() { return &bias_; }

  // x [R, in], y [R, out]. Overwrites y.
  void Forward(const Context &ctx, ConstView x, View y) const;
  // dx [R, in] overwritten (a default View skips it); adds to grad's weight and bias.
  void Backward(const Context &ctx, ConstView x, ConstView dy, Linear *grad, View dx) const;

  void VisitParams(ParamVisitor *v);

 private:
  Tensor weight_, bias_;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_LINEAR_H_
