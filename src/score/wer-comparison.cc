#include "score/wer-comparison.h"

#include <algorithm>
#include <cstddef>

namespace u2moe {

double BootstrapP(const BootstrapResult &bootstrap) {
  const auto n = static_cast<double>(bootstrap.num_draws);
  const double tail = std::min(bootstrap.second_better, 1 - bootstrap.second_better) * n;
  return std::min(1.0, 2 * (tail + 1) / (n + 1));
}

void CompareSystems(const WerResult &first,
                    const std::unordered_map<std::string, std::string> &utt2spk, int64_t draws,
                    uint64_t seed, std::vector<WerComparison> *others) {
  std::vector<double> bootstrap_p, matched_p;
  for (WerComparison &other : *others) {
    other.bootstrap = Bootstrap(BootstrapUnits(first, &other.result, utt2spk), draws, seed);
    other.matched = MatchedPairsTest(first, other.result);
    bootstrap_p.push_back(BootstrapP(other.bootstrap));
    matched_p.push_back(other.matched.p);
  }
  bootstrap_p = HolmAdjusted(bootstrap_p);
  matched_p = HolmAdjusted(matched_p);
  for (size_t i = 0; i < others->size(); ++i) {
    (*others)[i].bootstrap_p_holm = bootstrap_p[i];
    (*others)[i].matched_p_holm = matched_p[i];
  }
}

}  // namespace u2moe
