#include "feat/frame-context.h"

#include <algorithm>

#include "base/error.h"
#include "feat/feat-checks.h"

namespace u2moe {

void DeltaOptions::Register(OptionParser *po) {
  po->Register("delta-order", &order, "how many derivatives to add");
  po->Register("delta-window", &window,
               "frames on either side of a frame that each derivative looks at");
  po->Register("truncate", &truncate, "first cut the features to this many dimensions; 0: do not");
}

void DeltaOptions::Check() const {
  if (order < 0 || order > 999) throw UsageError("--delta-order=", order, ": expected 0 to 999");
  if (window < 1 || window > 999) {
    throw UsageError("--delta-window=", window, ": expected 1 to 999");
  }
  if (truncate < 0) throw UsageError("--truncate=", truncate, ": expected 0 or more");
}

std::vector<std::vector<double>> DeltaFilters(const DeltaOptions &opts) {
  const int64_t window = opts.window;
  double norm = 0;
  for (int64_t j = -window; j <= window; ++j) norm += static_cast<double>(j * j);
  std::vector<std::vector<double>> filters = {{1}};
  for (int32_t i = 0; i < opts.order; ++i) {
    const std::vector<double> &previous = filters.back();
    std::vector<double> next(previous.size() + static_cast<size_t>(2 * window), 0.0);
    for (size_t k = 0; k < previous.size(); ++k) {
      for (int64_t j = -window; j <= window; ++j) {
        next[k + static_cast<size_t>(j + window)] += static_cast<double>(j) * previous[k] / norm;
      }
    }
    filters.push_back(std::move(next));
  }
  return filters;
}

Tensor AddDeltas(const DeltaOptions &opts, ConstView feats) {
  CheckHasFrames(feats);
  if (opts.truncate > feats.Cols()) {
    throw DataError("features have ", feats.Cols(), " dimensions, --truncate=", opts.truncate,
                    " asks for more; lower it");
  }
  const int64_t num_frames = feats.Rows(), dim = opts.truncate > 0 ? opts.truncate : feats.Cols();
  const std::vector<std::vector<double>> filters = DeltaFilters(opts);
  Tensor out = Tensor::Zeros(num_frames, dim * static_cast<int64_t>(filters.size()));
  std::vector<double> sum(static_cast<size_t>(dim));
  for (int64_t t = 0; t < num_frames; ++t) {
    float *y = out.View().Row(t);
    for (const std::vector<double> &filter : filters) {
      const int64_t reach = (static_cast<int64_t>(filter.size()) - 1) / 2;
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t j = -reach; j <= reach; ++j) {
        const double w = filter[static_cast<size_t>(j + reach)];
        if (w == 0) continue;  // so that a NaN there does not matter
        const float *x = feats.Row(std::clamp<int64_t>(t + j, 0, num_frames - 1));
        for (int64_t d = 0; d < dim; ++d) sum[static_cast<size_t>(d)] += w * x[d];
      }
      for (const double s : sum) *y++ = static_cast<float>(s);
    }
  }
  return out;
}

void SpliceOptions::Register(OptionParser *po) {
  po->Register("left-context", &left_context, "frames before each frame");
  po->Register("right-context", &right_context, "frames after each frame");
}

void SpliceOptions::Check() const {
  if (left_context < 0 || right_context < 0 || left_context > 10000 || right_context > 10000) {
    throw UsageError("--left-context=", left_context, " --right-context=", right_context,
                     ": expected 0 to 10000");
  }
}

Tensor SpliceFrames(const SpliceOptions &opts, ConstView feats) {
  CheckHasFrames(feats);
  const int64_t num_frames = feats.Rows(), dim = feats.Cols();
  Tensor out(num_frames, dim * (opts.left_context + 1 + opts.right_context));
  for (int64_t t = 0; t < num_frames; ++t) {
    float *y = out.View().Row(t);
    for (int64_t s = t - opts.left_context; s <= t + opts.right_context; ++s, y += dim) {
      std::copy_n(feats.Row(std::clamp<int64_t>(s, 0, num_frames - 1)), dim, y);
    }
  }
  return out;
}

}  // namespace u2moe
