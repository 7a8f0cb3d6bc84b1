#include <cmath>

#include "ops/adam.h"
#include "ops/cuda-packs.h"
#include "ops/extent.h"

namespace u2moe {
namespace cuda {
namespace {

struct AdamConstants {
  float grad_scale, beta2, one_minus_beta1, one_minus_beta2, step_size, inv_sqrt_correction2, eps;
};

// Bound by memory: 4 floats are read and 3 written for each.
template <int kWidth>
__global__ void AdamKernel(AdamConstants k, DeviceRows<const float> grad, DeviceRows<float> param,
                           DeviceRows<float> m, DeviceRows<float> v) {
  ForEachPack<kWidth>(param.rows, param.cols, [&](int64_t i, int64_t j) {
    using P = Pack<kWidth>;
    const P g = P::Load(grad.Row(i) + j);
    P p = P::Load(param.Row(i) + j), first = P::Load(m.Row(i) + j), second = P::Load(v.Row(i) + j);
    for (int c = 0; c < kWidth; ++c) {
      const float gc = g.at[c] * k.grad_scale;
      float &mc = first.at[c], &vc = second.at[c];
      mc = fmaf(k.one_minus_beta1, gc - mc, mc);
      vc = fmaf(k.beta2, vc, k.one_minus_beta2 * (gc * gc));
      const float denominator = fmaf(sqrtf(vc), k.inv_sqrt_correction2, k.eps);
      p.at[c] = fmaf(-k.step_size, mc / denominator, p.at[c]);
    }
    p.Store(param.Row(i) + j);
    first.Store(m.Row(i) + j);
    second.Store(v.Row(i) + j);
  });
}

}  // namespace

void AdamUpdate(const Context &, const AdamOptions &opts, int64_t step, float learning_rate,
                float grad_scale, ConstView grad, View param, View m, View v) {
  const Extent e = FlatExtent(grad, param, m, v);
  if (e.rows == 0) return;
  const double t = static_cast<double>(step), beta1 = opts.beta1, beta2 = opts.beta2;
  const AdamConstants constants = {
      grad_scale,
      opts.beta2,
      static_cast<float>(1 - beta1),
      static_cast<float>(1 - beta2),
      static_cast<float>(learning_rate / (1 - std::pow(beta1, t))),
      static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, t))),
      opts.eps,
  };
  const auto flat = [e](auto view) {
    return decltype(view)(view.Data(), e.rows, e.cols, view.Stride());
  };
  const ConstView g = flat(grad);
  const View p = flat(param), first = flat(m), second = flat(v);
  const int width = PackWidth(g, p, first, second);
  Launch("AdamUpdate", width == 4 ? AdamKernel<4> : AdamKernel<1>, PackGrid(width, p), 0, constants,
         g, p, first, second);
}

}  // namespace cuda
}  // namespace u2moe
