#include <cmath>

#include "ops/rotary.h"

namespace u2moe {
namespace cpu {

void Rotate(const Context &, int num_heads, int64_t first, bool back, View x) {
  const int64_t width = x.Cols() / num_heads, half = width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double rate = std::pow(10000.0, -2 * static_cast<double>(i) / static_cast<double>(width));
    for (int64_t t = 0; t < x.Rows(); ++t) {
      // In double: positions of long streams times a rate are beyond what floats tell apart.
      const double angle = static_cast<double>(first + t) * rate;
      const auto c = static_cast<float>(std::cos(angle));
      const auto s = static_cast<float>(back ? -std::sin(angle) : std::sin(angle));
      for (int h = 0; h < num_heads; ++h) {
        float *a = x.Row(t) + h * width + i, *b = a + half;
        const float before_a = *a, before_b = *b;
        *a = before_a * c - before_b * s;
        *b = before_a * s + before_b * c;
      }
    }
  }
}

}  // namespace cpu
}  // namespace u2moe
