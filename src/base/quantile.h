#ifndef U2MOE_BASE_QUANTILE_H_
#define U2MOE_BASE_QUANTILE_H_

#include <cmath>
#include <cstddef>
#include <vector>

namespace u2moe {

// The q-th quantile (0 to 1) of a sorted list, 0 for an empty one. There is one definition in all
// of u2moe, and utils/speed_stats.py has the same: linear interpolation between the two values
// around place q (n - 1), numpy's default. The median of an even number is the mean of the two in
// the middle.
inline double SortedQuantile(const std::vector<double> &sorted, double q) {
  if (sorted.empty()) return 0;
  const double position = q * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(std::floor(position));
  const size_t above = below + 1 < sorted.size() ? below + 1 : below;
  return sorted[below] + (position - std::floor(position)) * (sorted[above] - sorted[below]);
}

}  // namespace u2moe

#endif  // U2MOE_BASE_QUANTILE_H_
