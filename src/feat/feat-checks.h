// What several feature operations ask of their input.
#ifndef U2MOE_FEAT_FEAT_CHECKS_H_
#define U2MOE_FEAT_FEAT_CHECKS_H_

#include <cmath>
#include <cstdint>

#include "base/error.h"
#include "tensor/view.h"

namespace u2moe {

// Throws DataError if there is no frame, or frames of no dimension.
inline void CheckHasFrames(ConstView feats) {
  if (feats.Empty()) throw DataError("no frames; leave the utterance out");
}

// Throws DataError for a NaN or an infinite value, naming its place: an operation over a window of
// frames would spread it.
inline void CheckFinite(ConstView feats) {
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    for (int64_t d = 0; d < feats.Cols(); ++d) {
      if (!std::isfinite(feats(t, d))) {
        throw DataError("frame ", t, ", dimension ", d,
                        " is NaN or infinite; extract the features again");
      }
    }
  }
}

}  // namespace u2moe

#endif  // U2MOE_FEAT_FEAT_CHECKS_H_
