#ifndef U2MOE_OPS_ACTIVATION_H_
#define U2MOE_OPS_ACTIVATION_H_

#include <string>

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// kSwish: x * sigmoid(x). kRelu: max(x, 0), derivative 0 at 0.
enum class Activation { kSwish, kRelu };
Activation ParseActivation(const std::string &name);  // "swish" or "relu"; DataError for others
std::string ToString(Activation a);

// y = f(x); x, y [R, D]; y may alias x if no backward follows.
void ActivationForward(const Context &ctx, Activation f, ConstView x, View y);
// dx = dy * f'(x), with x the input of forward; dx may alias dy. Overwrites dx.
void ActivationBackward(const Context &ctx, Activation f, ConstView x, ConstView dy, View dx);

// Gated linear unit: y = a * sigmoid(b) with x = [a | b]; x [R, 2D], y [R, D].
void GluForward(const Context &ctx, ConstView x, View y);
// dx [R, 2D] from dy [R, D] and the input x of forward. Overwrites dx.
void GluBackward(const Context &ctx, ConstView x, ConstView dy, View dx);

namespace cpu {
void ActivationForward(const Context &ctx, Activation f, ConstView x, View y);
void ActivationBackward(const Context &ctx, Activation f, ConstView x, ConstView dy, View dx);
void GluForward(const Context &ctx, ConstView x, View y);
void GluBackward(const Context &ctx, ConstView x, ConstView dy, View dx);
}  // namespace cpu

namespace cuda {
void ActivationForward(const Context &ctx, Activation f, ConstView x, View y);
void ActivationBackward(const Context &ctx, Activation f, ConstView x, ConstView dy, View dx);
void GluForward(const Context &ctx, ConstView x, View y);
void GluBackward(const Context &ctx, ConstView x, ConstView dy, View dx);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_ACTIVATION_H_
