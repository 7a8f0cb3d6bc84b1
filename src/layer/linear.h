#ifndef U2MOE_LAYER_LINEAR_H_
#define U2MOE_LAYER_LINEAR_H_

#include <optional>

#include "layer/layer-output.h"
#include "layer/param-visitor.h"
#include "ops/packed/packed-gemm.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

// y = x * weight^T + bias; weight [out, in] (torch's layout), bias [out] or empty. For inference
// the weight may be packed instead; then there is no Weight() and no Backward().
class Linear {
 public:
  Linear() = default;
  Linear(int64_t in_dim, int64_t out_dim, bool has_bias = true);
  // torch's pointwise Conv1d: the same map with weight [out, in, 1].
  static Linear Pointwise(int64_t in_dim, int64_t out_dim, bool has_bias = true);

  int64_t InDim() const { return IsPacked() ? packed_.Cols() : weight_.Dim(1); }
  int64_t OutDim() const { return IsPacked() ? packed_.Rows() : weight_.Dim(0); }
  const Tensor &Weight() const { return weight_; }
  Tensor *MutableWeight() { return &weight_; }
  const Tensor &Bias() const { return bias_; }
  Tensor *MutableBias() { return &bias_; }
  // Parameters, whatever holds them.
  int64_t NumParams() const { return InDim() * OutDim() + bias_.Size(); }

  bool IsPacked() const { return !packed_.Empty(); }
  const PackedMatrix &Packed() const { return packed_; }
  // Replaces the weight.
  void SetPacked(PackedMatrix packed);

  // x [R, in], out.y [R, out], out receives f(y), or y without f. Activations that several packed
  // maps of one format share are prepared once by the caller: PackedRows and GemmRows.
  void Forward(const Context &ctx, ConstView x, const LayerOutput &out,
               std::optional<Activation> f = std::nullopt) const;
  void Forward(const Context &ctx, const PackedRows &x, const GemmRows &rows,
               const LayerOutput &out, std::optional<Activation> f = std::nullopt) const;
  // dx [R, in] overwritten (a default View skips it); adds to grad's weight and bias.
  void Backward(const Context &ctx, ConstView x, ConstView dy, Linear *grad, View dx) const;

  void VisitParams(ParamVisitor *v);

 private:
  Tensor weight_, bias_;
  PackedMatrix packed_;
};

// Maps of one input: x goes to each out. Packed activations are made once where formats agree.
struct LinearMap {
  const Linear *linear;
  LayerOutput out;
};
void ForwardAll(const Context &ctx, ConstView x, std::initializer_list<LinearMap> maps);

}  // namespace u2moe

#endif  // U2MOE_LAYER_LINEAR_H_
