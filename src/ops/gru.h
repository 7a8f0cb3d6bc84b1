// One step of a gated recurrent unit (arXiv 1406.1078), as torch.nn.GRUCell computes it; the two
// linear maps are the caller's.
#ifndef U2MOE_OPS_GRU_H_
#define U2MOE_OPS_GRU_H_

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// xi = W_i x + b_i and hi = W_h h + b_h, both [R, 3P] with the columns [r | z | n]; h [R, P]:
//   r = sigmoid(xi_r + hi_r), z = sigmoid(xi_z + hi_z), n = tanh(xi_n + r * hi_n),
//   y = (1 - z) * n + z * h.  y [R, P] may be h.
void GruForward(const Context &ctx, ConstView xi, ConstView hi, ConstView h, View y);
// From dy [R, P]: dxi, dhi [R, 3P], and dh [R, P], its share along z alone, all overwritten. dh may
// be dy.
void GruBackward(const Context &ctx, ConstView xi, ConstView hi, ConstView h, ConstView dy,
                 View dxi, View dhi, View dh);

namespace cpu {
void GruForward(const Context &ctx, ConstView xi, ConstView hi, ConstView h, View y);
void GruBackward(const Context &ctx, ConstView xi, ConstView hi, ConstView h, ConstView dy,
                 View dxi, View dhi, View dh);
}  // namespace cpu

namespace cuda {
void GruForward(const Context &ctx, ConstView xi, ConstView hi, ConstView h, View y);
void GruBackward(const Context &ctx, ConstView xi, ConstView hi, ConstView h, ConstView dy,
                 View dxi, View dhi, View dh);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_GRU_H_
