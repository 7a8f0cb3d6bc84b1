#include "feat/frame-choice.h"

#include <algorithm>

#include "base/error.h"
#include "feat/feat-checks.h"
#include "util/text.h"

namespace u2moe {

std::vector<int64_t> ParseDims(const std::string &text) {
  constexpr size_t kMaxDims = 100000;
  std::vector<int64_t> dims;
  for (const std::string &part : Split(text, ',')) {
    const std::vector<std::string> ends = Split(part, '-');
    int32_t first = -1, last = -1;
    if (ends.size() > 2 || !ParseNumber(ends.front(), &first) || !ParseNumber(ends.back(), &last) ||
        first < 0 || last < 0) {
      throw UsageError("the dimensions '", text, "': '", part,
                       "' is neither a number from 0 nor a range such as 3-12");
    }
    const int64_t step = first <= last ? 1 : -1;
    for (int64_t d = first; d != last + step; d += step) {
      if (dims.size() == kMaxDims) {
        throw UsageError("'", text, "' are more than ", kMaxDims, " dimensions");
      }
      dims.push_back(d);
    }
  }
  return dims;
}

Tensor SelectDims(const std::vector<int64_t> &dims, ConstView feats) {
  CheckHasFrames(feats);
  for (const int64_t d : dims) {
    if (d >= feats.Cols()) {
      throw DataError("features have ", feats.Cols(), " dimensions, dimension ", d,
                      " is not one of them (they count from 0)");
    }
  }
  Tensor out(feats.Rows(), static_cast<int64_t>(dims.size()));
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    float *y = out.View().Row(t);
    for (const int64_t d : dims) *y++ = feats(t, d);
  }
  return out;
}

Tensor ShiftFrames(int64_t shift, ConstView feats) {
  CheckHasFrames(feats);
  Tensor out(feats.Rows(), feats.Cols());
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    const int64_t from = std::clamp<int64_t>(t - shift, 0, feats.Rows() - 1);
    std::copy_n(feats.Row(from), feats.Cols(), out.View().Row(t));
  }
  return out;
}

void SubsampleOptions::Register(OptionParser *po) {
  po->Register("n", &n, "keep every n-th frame; -n: repeat each frame n times");
  po->Register("offset", &offset, "the first frame to keep, from 0");
}

void SubsampleOptions::Check() const {
  if (n == 0 || n < -10000) throw UsageError("--n=", n, ": expected 1 or more, or -10000 to -1");
  if (offset < 0) throw UsageError("--offset=", offset, ": expected 0 or more");
  if (n < 0 && offset != 0) throw UsageError("--offset=", offset, " goes with a positive --n only");
}

Tensor SubsampleOptions::Apply(ConstView feats) const {
  CheckHasFrames(feats);
  if (offset >= feats.Rows()) {
    throw DataError("no frame is left: there are ", feats.Rows(), ", --offset=", offset);
  }
  const int64_t rows = n > 0 ? (feats.Rows() - offset + n - 1) / n : feats.Rows() * -n;
  Tensor out(rows, feats.Cols());
  for (int64_t t = 0; t < rows; ++t) {
    const int64_t from = n > 0 ? offset + t * n : t / -n;
    std::copy_n(feats.Row(from), feats.Cols(), out.View().Row(t));
  }
  return out;
}

}  // namespace u2moe
