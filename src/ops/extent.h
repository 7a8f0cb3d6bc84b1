#ifndef U2MOE_OPS_EXTENT_H_
#define U2MOE_OPS_EXTENT_H_

#include <cstdint>

#include "tensor/view.h"

namespace u2moe {

// Rows and columns an elementwise loop goes over.
struct Extent {
  int64_t rows, cols;
};

// Views of one shape as one long row where all of them are contiguous, else as they are.
template <class First, class... Rest>
Extent FlatExtent(const First &v, const Rest &...rest) {
  if (v.Empty()) return {0, 0};
  if (v.Contiguous() && (... && rest.Contiguous())) return {1, v.Size()};
  return {v.Rows(), v.Cols()};
}

}  // namespace u2moe

#endif  // U2MOE_OPS_EXTENT_H_
