#include "train/link-watch.h"

#include <algorithm>

namespace u2moe {

void LinkWatch::Add(int rank, const ExpertCounts &counts) {
  if (network_ == nullptr) return;
  const size_t ranks = static_cast<size_t>(network_->num_ranks);
  if (step_.size() < counts.size()) step_.resize(counts.size());
  for (size_t m = 0; m < counts.size(); ++m) {
    step_[m].resize(ranks, std::vector<double>(counts[m].size(), 0));
    std::vector<double> *to = &step_[m][static_cast<size_t>(rank)];
    for (size_t e = 0; e < counts[m].size(); ++e) (*to)[e] += static_cast<double>(counts[m][e]);
  }
}

void LinkWatch::EndStep() {
  for (const std::vector<std::vector<double>> &mixture : step_) {
    std::vector<std::vector<double>> even = mixture;
    for (size_t r = 0; r < mixture.size(); ++r) {
      const int64_t num_experts = static_cast<int64_t>(mixture[r].size());
      double sum = 0;
      for (int64_t e = 0; e < num_experts; ++e) {
        const double rows = mixture[r][static_cast<size_t>(e)];
        sum += rows;
        if (network_->RankOf(e, num_experts) == static_cast<int>(r)) local_ += rows;
      }
      rows_ += sum;
      std::fill(even[r].begin(), even[r].end(), sum / static_cast<double>(num_experts));
    }
    slowest_ += network_->SlowestLink(mixture, bytes_per_row_);
    slowest_even_ += network_->SlowestLink(even, bytes_per_row_);
    ++count_;
  }
  step_.clear();
}

LinkWatch::Report LinkWatch::Get() const {
  Report report;
  if (count_ == 0 || rows_ == 0) return report;
  report.watched = true;
  report.slowest = slowest_ / static_cast<double>(count_);
  report.slowest_even = slowest_even_ / static_cast<double>(count_);
  report.local_share = local_ / rows_;
  return report;
}

}  // namespace u2moe
