#include "moe/routing-state.h"

namespace u2moe {

std::vector<int64_t> RoutedLayer::Counts() const {
  std::vector<int64_t> counts(static_cast<size_t>(routes.logits.Cols()), 0);
  for (const int32_t e : routes.experts) {
    if (e != kNoExpert) ++counts[static_cast<size_t>(e)];
  }
  return counts;
}

}  // namespace u2moe
