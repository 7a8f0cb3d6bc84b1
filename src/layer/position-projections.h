#ifndef U2MOE_LAYER_POSITION_PROJECTIONS_H_
#define U2MOE_LAYER_POSITION_PROJECTIONS_H_

#include <array>
#include <cstdint>
#include <mutex>

#include "layer/linear.h"

namespace u2moe {

// Sine/cosine positions after a linear map whose weights stay as they are. Positions are absolute,
// so the first ones serve every utterance and every stream: they are computed when they are first
// needed, in pieces, and kept. Threads share it.
class PositionProjections {
 public:
  // 41 s of encoder frames at a subsampling by 4. What lies beyond is computed each time.
  static constexpr int64_t kPiece = 64, kMaxKept = 1024;

  // out[r] = map(position first + r), out [n, D]. Always the same map, with rows that do not depend
  // on their company.
  void Rows(const Context &ctx, const Linear &map, int64_t first, View out);

 private:
  std::array<std::once_flag, kMaxKept / kPiece> once_;
  std::array<Tensor, kMaxKept / kPiece> pieces_;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_POSITION_PROJECTIONS_H_
