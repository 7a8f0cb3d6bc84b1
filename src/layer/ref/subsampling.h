#ifndef U2MOE_LAYER_REF_SUBSAMPLING_H_
#define U2MOE_LAYER_REF_SUBSAMPLING_H_

#include <string>
#include <vector>

#include "layer/ref/linear.h"
#include "ops/ref/activation.h"
#include "ops/ref/conv2d.h"

namespace u2moe {
namespace ref {

// One sequence x [T, F]. inner, if not null, receives the values before each ReLU.
template <class Real>
Matrix<Real> Subsampling(const Params<Real> &p, const std::string &scope, int rate,
                         const Matrix<Real> &x, std::vector<Real> *inner) {
  struct KernelStride {
    int64_t kernel, stride;
  };
  std::vector<KernelStride> convolutions = {{3, 2}, {3, 2}};
  if (rate == 6) convolutions[1] = {5, 3};
  if (rate == 8) convolutions.push_back({3, 2});
  Conv2dShape s;
  s.in_freq = x.cols;
  s.in_channels = 1;
  Matrix<Real> plane(x.rows * x.cols, 1);
  plane.data = x.data;
  int64_t frames = x.rows, freqs = x.cols;
  for (size_t i = 0; i < convolutions.size(); ++i) {
    const std::string name = scope + "conv." + std::to_string(2 * i) + ".";
    s.kernel = convolutions[i].kernel;
    s.stride = convolutions[i].stride;
    s.out_channels = p.at(name + "weight").rows;
    plane = Conv2d(s, plane, p.at(name + "weight"), p.at(name + "bias"));
    if (inner != nullptr) inner->insert(inner->end(), plane.data.begin(), plane.data.end());
    plane = Activate(Activation::kRelu, plane);
    frames = s.OutTime(frames);
    freqs = s.OutFreq();
    s.in_freq = freqs;
    s.in_channels = s.out_channels;
  }
  // torch flattens channel, then frequency.
  const int64_t channels = s.out_channels;
  Matrix<Real> flat(frames, channels * freqs);
  for (int64_t t = 0; t < frames; ++t) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t f = 0; f < freqs; ++f) flat(t, c * freqs + f) = plane(t * freqs + f, c);
    }
  }
  return Linear(p, scope + (rate == 4 ? "out.0." : "linear."), flat);
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_LAYER_REF_SUBSAMPLING_H_
