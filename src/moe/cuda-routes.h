// Routing that never leaves the device: which experts work on which rows, sorted into slots, and
// what they made summed up again, without a word to the host. For routers whose choice and gates
// are Router's own (RouterTraits::default_choice). Only files that are compiled where HAVE_CUDA is
// set may include this.
#ifndef U2MOE_MOE_CUDA_ROUTES_H_
#define U2MOE_MOE_CUDA_ROUTES_H_

#include <cstdint>
#include <memory>

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {
namespace cuda {

constexpr int kMostChoices = 16;  // that a row of DeviceRoutes may have

// How a row chooses: the `choices` largest of its logits, in falling order, ties to the lower id;
// of these the first row_experts, if that is not 0; of these the first alone, if its gate is at
// least skip_gate. Gates are the softmax over the logits of those that are left. As
// Router::Select and Gate with steps 1 and 2 of ApplyExpertPolicy.
struct RouteRule {
  int num_experts = 0, choices = 0, row_experts = 0;
  float skip_gate = 2;  // above 1: none is skipped
};

// All in the memory of the device. Of T rows with K choices each, S <= T*K slots are in use, how
// many only the device knows; they are sorted by expert and then by row.
struct DeviceRoutes {
  int64_t rows = 0;  // T
  RouteRule rule;
  std::shared_ptr<float> memory;    // of all that follows
  int32_t *expert_begin = nullptr;  // [E+1] expert e has slots [begin[e], begin[e+1])
  int32_t *slot_row = nullptr;      // [T*K] row of each slot
  // [T, K] of each row, by rising expert: slots, -1 where there are no more, and their gates.
  int32_t *row_slot = nullptr;
  float *row_gate = nullptr;

  int64_t MostSlots() const { return rows * rule.choices; }
};

// logits [T, E]. exited: [T] of the device, rows with 1 get no expert; null: all may. A row with a
// logit that is not finite gets gates that are NaN.
DeviceRoutes RouteRows(ConstView logits, const RouteRule &rule, const uint8_t *exited);

// y[t, :] = [y[t, :] +] scale * sum over the slots s of row t, in this order, of gate * out[s, :].
// out [T*K, D], y [T, D].
void CombineSlots(const DeviceRoutes &routes, ConstView out, float scale, bool add, View y);

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_MOE_CUDA_ROUTES_H_
