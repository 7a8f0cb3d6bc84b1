#include "lab/mutual-information.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace u2moe {
namespace {

double Entropy(const std::vector<int64_t> &counts, int64_t total) {
  double h = 0;
  for (const int64_t n : counts) {
    if (n == 0) continue;
    const double p = static_cast<double>(n) / static_cast<double>(total);
    h -= p * std::log2(p);
  }
  return h;
}

int64_t NumOccurring(const std::vector<int64_t> &counts) {
  return static_cast<int64_t>(counts.size()) - std::count(counts.begin(), counts.end(), 0);
}

}  // namespace

void JointCounts::Add(size_t a, size_t b, int64_t n) {
  CHECK(a < num_a_ && n >= 0) << a << " of " << num_a_ << ", " << n << " times";
  if ((b + 1) * num_a_ > cells_.size()) cells_.resize((b + 1) * num_a_, 0);
  cells_[b * num_a_ + a] += n;
  total_ += n;
}

std::vector<int64_t> JointCounts::SumsA() const {
  std::vector<int64_t> sums(num_a_, 0);
  for (size_t i = 0; i < cells_.size(); ++i) sums[i % num_a_] += cells_[i];
  return sums;
}

std::vector<int64_t> JointCounts::SumsB() const {
  std::vector<int64_t> sums(num_a_ == 0 ? 0 : cells_.size() / num_a_, 0);
  for (size_t i = 0; i < cells_.size(); ++i) sums[i / num_a_] += cells_[i];
  return sums;
}

double JointCounts::EntropyA() const { return Entropy(SumsA(), total_); }

double JointCounts::EntropyB() const { return Entropy(SumsB(), total_); }

double JointCounts::MutualInformation() const {
  return std::max(0.0, EntropyA() + EntropyB() - Entropy(cells_, total_));
}

double JointCounts::CorrectedInformation() const {
  if (total_ == 0) return 0;
  const int64_t excess = NumOccurring(SumsA()) + NumOccurring(SumsB()) - NumOccurring(cells_) - 1;
  return MutualInformation() +
         static_cast<double>(excess) / (2 * std::log(2.0) * static_cast<double>(total_));
}

double JointCounts::NormalisedInformation() const {
  const double sum = EntropyA() + EntropyB();
  return sum == 0 ? 0 : 2 * MutualInformation() / sum;
}

}  // namespace u2moe
