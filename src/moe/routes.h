#ifndef U2MOE_MOE_ROUTES_H_
#define U2MOE_MOE_ROUTES_H_

#include <cstddef>
#include <cstdint>

#include "tensor/allocator.h"
#include "tensor/tensor.h"

namespace u2moe {

// The decisions of a router for T frames. Frame t goes to the experts in places [t*M, t*M + M), M =
// max_slots, which are combined with the gates of the same places. A frame may have fewer than M
// experts, even none: its last places are empty then, kNoExpert with gate 0. The bound keeps memory
// independent of the data.
constexpr int32_t kNoExpert = -1;
struct Routes {
  int max_slots = 0;
  Tensor logits;                  // [T, E], in the host's memory, as all of the routes
  Tensor scores;                  // [T, E], by which experts are chosen; empty: by the logits
  CachedVector<int32_t> experts;  // [T*M] different in a frame, in the router's order of preference
  CachedVector<float> gates;      // [T*M] need not sum to 1, see RouterTraits
  // [T] the same number for neighbours that one decision is for, where RouterTraits::merges; else
  // empty.
  CachedVector<int32_t> groups;

  size_t Begin(int64_t row) const {
    return static_cast<size_t>(row) * static_cast<size_t>(max_slots);
  }
  // How many experts a row has.
  size_t NumExperts(int64_t row) const {
    const size_t begin = Begin(row), slots = static_cast<size_t>(max_slots);
    size_t n = 0;
    while (n < slots && experts[begin + n] != kNoExpert) ++n;
    return n;
  }
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTES_H_
