#include "moe/read-me-target.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "moe/row-softmax.h"

namespace u2moe {

Tensor ReadMeDemand(ConstView z, const std::vector<std::vector<bool>> &exclusive) {
  const auto width = static_cast<size_t>(z.Cols());
  CHECK(!exclusive.empty());
  const int64_t n = std::count(exclusive[0].begin(), exclusive[0].end(), true);
  for (const std::vector<bool> &mask : exclusive) {
    if (mask.size() != width || std::count(mask.begin(), mask.end(), true) != n || n == 0) {
      throw UsageError("masks of channels must be of the layer's ", width,
                       " channels and all take the same number of them for one expert alone");
    }
  }
  const int64_t ranks[] = {n - 1, 4 * n / 5, 3 * n / 5, 2 * n / 5, n / 5};
  Tensor demand(z.Rows(), static_cast<int64_t>(exclusive.size()));
  std::vector<float> sorted(width);
  for (int64_t t = 0; t < z.Rows(); ++t) {
    std::copy_n(z.Row(t), width, sorted.begin());
    std::sort(sorted.begin(), sorted.end(), std::greater<float>());
    double mean = 0;
    std::vector<double> sums;
    for (const std::vector<bool> &mask : exclusive) {
      int64_t above = 0;
      for (size_t c = 0; c < width; ++c) {
        if (!mask[c]) continue;
        for (const int64_t j : ranks) above += z.Row(t)[c] > sorted[static_cast<size_t>(j)];
      }
      sums.push_back(static_cast<double>(above) / static_cast<double>(3 * n));
      mean += sums.back() / static_cast<double>(exclusive.size());
    }
    for (size_t q = 0; q < sums.size(); ++q)
      demand(t, static_cast<int64_t>(q)) = static_cast<float>(10 * (sums[q] - mean));
  }
  return demand;
}

double ReadMeLoss(ConstView logits, ConstView demand, double scale, View dlogits) {
  const int64_t rows = logits.Rows(), n = logits.Cols();
  CHECK_SHAPE(demand, rows, n);
  double loss = 0;
  RowSoftmax p(n), soft(n);
  for (int64_t t = 0; t < rows; ++t) {
    p.Compute(logits.Row(t));
    soft.Compute(demand.Row(t));
    const int64_t best = std::max_element(demand.Row(t), demand.Row(t) + n) - demand.Row(t);
    for (int64_t e = 0; e < n; ++e) {
      const double hard = (e == best ? 0.5 : 0) + 0.5 / static_cast<double>(n);
      const double target = 0.75 * hard + 0.25 * soft.Probabilities()[static_cast<size_t>(e)];
      loss -= target * (logits(t, e) - p.LogSum()) / static_cast<double>(rows);
      if (dlogits.Empty()) continue;
      dlogits(t, e) += static_cast<float>(
          scale * (p.Probabilities()[static_cast<size_t>(e)] - target) / static_cast<double>(rows));
    }
  }
  return loss;
}

}  // namespace u2moe
