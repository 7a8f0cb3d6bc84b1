#ifndef U2MOE_BASE_LOG_ADD_H_
#define U2MOE_BASE_LOG_ADD_H_

#include <cmath>
#include <utility>

namespace u2moe {

// log(e^a + e^b); minus infinity stands for 0.
inline double LogAdd(double a, double b) {
  if (a < b) std::swap(a, b);
  if (std::isinf(b)) return a;
  return a + std::log1p(std::exp(b - a));
}

}  // namespace u2moe

#endif  // U2MOE_BASE_LOG_ADD_H_
