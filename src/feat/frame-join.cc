#include "feat/frame-join.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {

Tensor ConcatFrames(const std::vector<Tensor> &parts) {
  CHECK(!parts.empty());
  int64_t num_frames = 0, dim = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].Empty()) continue;
    if (num_frames > 0 && parts[i].Cols() != dim) {
      throw DataError("input ", i + 1, " has ", parts[i].Cols(), " dimensions, those before had ",
                      dim, "; extract all of them with the same options");
    }
    dim = parts[i].Cols();
    num_frames += parts[i].Rows();
  }
  Tensor out(num_frames, dim);
  float *to = out.Data();
  for (const Tensor &part : parts) to = std::copy_n(part.Data(), part.Size(), to);
  return out;
}

Tensor PasteFrames(const std::vector<Tensor> &parts, int64_t length_tolerance) {
  CHECK(!parts.empty());
  int64_t shortest = parts[0].Rows(), longest = shortest, dim = 0;
  for (const Tensor &part : parts) {
    shortest = std::min(shortest, part.Rows());
    longest = std::max(longest, part.Rows());
    dim += part.Cols();
  }
  if (shortest == 0) throw DataError("one of the inputs has no frames; leave the utterance out");
  if (longest - shortest > length_tolerance) {
    throw DataError("the inputs have ", shortest, " to ", longest,
                    " frames, more apart than --length-tolerance=", length_tolerance,
                    "; raise it, or leave the utterance out");
  }
  Tensor out(shortest, dim);
  int64_t column = 0;
  for (const Tensor &part : parts) {
    for (int64_t t = 0; t < shortest; ++t) {
      std::copy_n(part.View().Row(t), part.Cols(), out.View().Row(t) + column);
    }
    column += part.Cols();
  }
  return out;
}

}  // namespace u2moe
