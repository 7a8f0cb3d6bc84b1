#include "score/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "base/quantile.h"
#include "base/rng.h"

namespace u2moe {
namespace {

Interval Central95(std::vector<double> *values) {
  std::sort(values->begin(), values->end());
  return {SortedQuantile(*values, 0.025), SortedQuantile(*values, 0.975)};
}

Spread SpreadOf(const std::vector<double> &values) {
  Spread s;
  for (const double x : values) s.mean += x / static_cast<double>(values.size());
  double square = 0;
  for (const double x : values) square += (x - s.mean) * (x - s.mean);
  s.deviation = std::sqrt(square / static_cast<double>(values.size()));
  return s;
}

}  // namespace

BootstrapResult Bootstrap(const std::vector<BootstrapUnit> &units, int64_t num_draws,
                          uint64_t seed) {
  constexpr int64_t kWork = 100'000'000;  // units drawn in all, unless told otherwise
  const int64_t n = static_cast<int64_t>(units.size());
  BootstrapResult result;
  if (n == 0) return result;
  if (num_draws <= 0) num_draws = std::clamp<int64_t>(kWork / n, 1000, 10000);
  Rng rng(seed);
  std::vector<double> rates, rates2, differences;
  double better = 0, fewer = 0;
  for (int64_t draw = 0; draw < num_draws; ++draw) {
    BootstrapUnit sum;
    for (int64_t i = 0; i < n; ++i) {
      // The high half of a product is uniform over [0, n) up to n / 2^64.
      const auto k = static_cast<size_t>(
          (static_cast<unsigned __int128>(rng.Next()) * static_cast<uint64_t>(n)) >> 64);
      sum.errors += units[k].errors;
      sum.errors2 += units[k].errors2;
      sum.words += units[k].words;
    }
    if (sum.words == 0) continue;
    const double words = static_cast<double>(sum.words);
    rates.push_back(static_cast<double>(sum.errors) / words);
    rates2.push_back(static_cast<double>(sum.errors2) / words);
    differences.push_back(static_cast<double>(sum.errors2 - sum.errors) / words);
    fewer += sum.errors2 < sum.errors;
    better += sum.errors2 < sum.errors ? 1.0 : sum.errors2 == sum.errors ? 0.5 : 0.0;
  }
  result.num_draws = static_cast<int64_t>(rates.size());
  if (rates.empty()) return result;
  result.spread = SpreadOf(rates);
  result.spread2 = SpreadOf(rates2);
  result.rate = Central95(&rates);
  result.rate2 = Central95(&rates2);
  result.difference = Central95(&differences);
  result.second_better = better / static_cast<double>(rates.size());
  result.second_fewer = fewer / static_cast<double>(rates.size());
  return result;
}

}  // namespace u2moe
