// Frames and dimensions of features taken out, repeated or moved, as Kaldi's tools do it.
#ifndef U2MOE_FEAT_FRAME_CHOICE_H_
#define U2MOE_FEAT_FRAME_CHOICE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"
#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

// "0,24-22,3-12" is {0, 24, 23, 22, 3, 4, ..., 12}: numbers from 0 and ranges, both ends included.
// Throws UsageError for anything else, and for more than 100000 dimensions.
std::vector<int64_t> ParseDims(const std::string &text);

// [T, D] becomes [T, dims.size()], column i being column dims[i]. Throws DataError if there is no
// such column.
Tensor SelectDims(const std::vector<int64_t> &dims, ConstView feats);

// Row t is row t - shift of feats [T, D], or the first or last one where that lies outside. Throws
// DataError without frames.
Tensor ShiftFrames(int64_t shift, ConstView feats);

struct SubsampleOptions {
  int32_t n = 1, offset = 0;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError

  // Frames offset, offset + n, ... of feats [T, D]; with a negative n every frame -n times. Throws
  // DataError if none is left.
  Tensor Apply(ConstView feats) const;
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_FRAME_CHOICE_H_
