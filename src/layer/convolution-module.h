#ifndef U2MOE_LAYER_CONVOLUTION_MODULE_H_
#define U2MOE_LAYER_CONVOLUTION_MODULE_H_

#include <cstdint>
#include <utility>

#include "layer/layer-norm-layer.h"
#include "layer/linear.h"
#include "layer/param-visitor.h"
#include "ops/activation.h"
#include "tensor/ragged.h"

namespace u2moe {

// The last W-1 rows [W-1, D] of one stream's depthwise input (after GLU); empty before the first
// chunk. A forward makes the next rows; they count after Commit(), so that one that fails leaves
// the cache as it was.
struct ConvolutionCache {
  Tensor rows, next;

  void Commit() { std::swap(rows, next); }
};

// The convolution module of the Conformer (WeNet convolution.py): pointwise 1, GLU, depthwise over
// W frames, norm, activation, pointwise 2. Causal: the W-1 frames before the first are zeros in
// front of pointwise 1, so the depthwise filter sees GLU(bias) there. Symmetric: zeros after GLU on
// both sides.
class ConvolutionModule {
 public:
  struct Tape {
    Tensor before_glu;   // [R, 2D]
    Tensor padded;       // depthwise input with history [R + B*(W-1), D]
    Tensor conv, stats;  // depthwise output [R, D]; statistics of the norm
    Tensor normed, activated;
  };

  ConvolutionModule() = default;
  ConvolutionModule(int64_t dim, int64_t kernel, bool causal, bool batch_norm,
                    Activation activation);

  // x [sum T, D] -> out [sum T, D]. caches: empty, or one per sequence (causal
  // only), whose Commit() is left to the caller.
  // A tape means training: batch norm then uses the statistics of these rows; running, if not null,
  // receives the moved running statistics (its own are read).
  void Forward(const Context &ctx, ConstView x, const RaggedShape &shape,
               Span<ConvolutionCache *> caches, const LayerOutput &out, Tape *tape,
               ConvolutionModule *running) const;
  // dx overwritten, adds to grad.
  void Backward(const Context &ctx, ConstView x, const RaggedShape &shape, const Tape &tape,
                ConstView dy, ConvolutionModule *grad, View dx) const;
  void VisitParams(ParamVisitor *v);

 private:
  int64_t LeftPad() const { return causal_ ? kernel_ - 1 : (kernel_ - 1) / 2; }
  // Copies GLU outputs between their history and padding: padded_shape has T + W - 1 rows per
  // sequence.
  RaggedShape PaddedShape(const RaggedShape &shape) const;

  int64_t kernel_ = 1;
  bool causal_ = true, batch_norm_ = false;
  Activation activation_ = Activation::kSwish;
  Linear pointwise_conv1_, pointwise_conv2_;
  Tensor depthwise_weight_, depthwise_bias_;  // [D, 1, W], [D]
  LayerNorm layer_norm_;
  Tensor bn_gamma_, bn_beta_, bn_mean_, bn_var_;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_CONVOLUTION_MODULE_H_
