#ifndef U2MOE_LAYER_REF_CONVOLUTION_MODULE_H_
#define U2MOE_LAYER_REF_CONVOLUTION_MODULE_H_

#include <string>

#include "layer/ref/linear.h"
#include "ops/ref/activation.h"
#include "ops/ref/batch-norm.h"
#include "ops/ref/depthwise-conv.h"
#include "ops/ref/layer-norm.h"
#include "tensor/ragged.h"

namespace u2moe {
namespace ref {

// All sequences at once, as batch norm wants them. Causal: W-1 zero frames stand before the first,
// in front of pointwise 1. Symmetric: (W-1)/2 zero rows on both sides after GLU. Batch norm, if the
// parameters have it, takes the statistics of the rows in training and the running ones else.
template <class Real>
Matrix<Real> ConvolutionModule(const Params<Real> &p, const std::string &scope, bool causal,
                               Activation f, bool training, const RaggedShape &shape,
                               const Matrix<Real> &x) {
  const Real eps = static_cast<Real>(1e-5f);
  const Matrix<Real> &weight = p.at(scope + "depthwise_conv.weight");
  const int64_t history = weight.cols - 1;
  Matrix<Real> conv(x.rows, x.cols);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const int64_t length = shape.Length(b);
    const Matrix<Real> own = RowRange(x, shape.Begin(b), length);
    Matrix<Real> in;
    if (causal) {
      in = Glu(Linear(p, scope + "pointwise_conv1.", RowRange(own, -history, length + history)));
    } else {
      in =
          RowRange(Glu(Linear(p, scope + "pointwise_conv1.", own)), -history / 2, length + history);
    }
    PutRows(DepthwiseConv(in, weight, p.at(scope + "depthwise_conv.bias")), shape.Begin(b), &conv);
  }
  const Matrix<Real> &gamma = p.at(scope + "norm.weight"), &beta = p.at(scope + "norm.bias");
  if (p.count(scope + "norm.running_mean") == 0) {
    conv = LayerNorm(conv, gamma, beta, eps);
  } else if (training) {
    conv = BatchNorm(conv, gamma, beta, eps);
  } else {
    conv = BatchNorm(conv, gamma, beta, p.at(scope + "norm.running_mean"),
                     p.at(scope + "norm.running_var"), eps);
  }
  return Linear(p, scope + "pointwise_conv2.", Activate(f, conv));
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_LAYER_REF_CONVOLUTION_MODULE_H_
