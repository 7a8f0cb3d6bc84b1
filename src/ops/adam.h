#ifndef U2MOE_OPS_ADAM_H_
#define U2MOE_OPS_ADAM_H_

#include <cstdint>

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

struct AdamOptions {
  float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f;
};

// One step of Adam (Kingma and Ba 2015, bias-corrected as torch.optim.Adam) on one tensor, with the
// gradient multiplied by grad_scale first (clipping). m, v: running moments. step counts from 1.
void AdamUpdate(const Context &ctx, const AdamOptions &opts, int64_t step, float learning_rate,
                float grad_scale, ConstView grad, View param, View m, View v);

namespace cpu {
void AdamUpdate(const Context &ctx, const AdamOptions &opts, int64_t step, float learning_rate,
                float grad_scale, ConstView grad, View param, View m, View v);
}  // namespace cpu

namespace cuda {
void AdamUpdate(const Context &ctx, const AdamOptions &opts, int64_t step, float learning_rate,
                float grad_scale, ConstView grad, View param, View m, View v);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_ADAM_H_
