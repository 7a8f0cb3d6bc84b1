#ifndef U2MOE_LAYER_DROPOUT_SEEDS_H_
#define U2MOE_LAYER_DROPOUT_SEEDS_H_

#include <cstdint>

#include "base/rng.h"
#include "ops/dropout.h"

namespace u2moe {

// The seeds of the dropout masks of one training forward, drawn in the order of the layers. A
// forward without dropout (inference, dev loss) passes no DropoutSeeds.
class DropoutSeeds {
 public:
  explicit DropoutSeeds(uint64_t seed) : seed_(seed) {}
  uint64_t Next() { return SubSeed(seed_, counter_++); }

 private:
  uint64_t seed_, counter_ = 0;
};

// One use of dropout: what backward has to repeat. rate 0 is no dropout.
struct DropoutMask {
  uint64_t seed = 0;
  float rate = 0;

  static DropoutMask Draw(DropoutSeeds *seeds, float rate) {
    return seeds == nullptr || rate == 0 ? DropoutMask() : DropoutMask{seeds->Next(), rate};
  }
  // In place, on activations in forward and on their gradient in backward.
  void Apply(const Context &ctx, View x) const {
    if (rate > 0) Dropout(ctx, seed, rate, x, x);
  }
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_DROPOUT_SEEDS_H_
