// What all CTC searches do with a frame before they search: check it and apply the blank penalty.
#ifndef U2MOE_DECODE_FRAME_SOURCE_H_
#define U2MOE_DECODE_FRAME_SOURCE_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

class CtcFrameSource {
 public:
  CtcFrameSource(int32_t blank, float blank_penalty) : blank_(blank), penalty_(blank_penalty) {}

  void Begin() {
    frame_ = 0;
    cols_ = -1;
  }
  // Checks the shape of what the next frames come from; throws DataError.
  void CheckShape(ConstView logp);

  // The log-posteriors of the next frame: `row` itself, or a copy in which the blank lost the
  // penalty and the whole row was normalised again (the same as taking it from the logit before
  // log-softmax).
  const float *Prepare(const float *row);

  // Checks every value of a prepared frame and gives the largest of each kGroup columns (the last
  // group may be shorter): a search then looks only into groups that matter. Throws DataError,
  // naming the frame and the first column whose value cannot be a log-probability, and for a frame
  // without any probability.
  static constexpr int64_t kGroup = 64;
  const std::vector<float> &GroupMaxima(const float *logp);
  // The columns of a group: [first, second).
  std::pair<int64_t, int64_t> GroupColumns(size_t group) const {
    const int64_t begin = static_cast<int64_t>(group) * kGroup;
    return {begin, std::min(begin + kGroup, cols_)};
  }

  int32_t Blank() const { return blank_; }
  int64_t Cols() const { return cols_; }
  int32_t Frame() const { return frame_; }
  void Advance() { ++frame_; }

 private:
  void CheckValue(float value, int64_t col) const;

  Context ctx_;
  int32_t blank_;
  float penalty_;
  int32_t frame_ = 0;
  int64_t cols_ = -1;
  std::vector<float> buffer_, maxima_;
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_FRAME_SOURCE_H_
