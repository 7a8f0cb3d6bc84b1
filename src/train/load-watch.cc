#include "train/load-watch.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "model/mixture-names.h"

namespace u2moe {

void AddCounts(const ExpertCounts &counts, int64_t sign, ExpertCounts *sum) {
  if (sum->size() < counts.size()) sum->resize(counts.size());
  for (size_t m = 0; m < counts.size(); ++m) {
    std::vector<int64_t> *to = &(*sum)[m];
    if (to->size() < counts[m].size()) to->resize(counts[m].size());
    for (size_t e = 0; e < counts[m].size(); ++e) (*to)[e] += sign * counts[m][e];
  }
}

void LoadCounter::OnRoute(ConstView logits, Span<int32_t> experts, Span<float>) {
  std::vector<int64_t> counts(static_cast<size_t>(logits.Cols()));
  for (const int32_t e : experts) {
    if (e >= 0) ++counts[static_cast<size_t>(e)];
  }
  counts_.push_back(std::move(counts));
}

LoadWatch::LoadWatch(const ModelConfig &config) : names_(EncoderMixtureNames(config)) {
  for (const bool right : {false, true}) {
    for (const std::string &name : DecoderMixtureNames(config, right)) names_.push_back(name);
  }
}

void LoadWatch::BeginEpoch(int32_t epoch) {
  epoch_ = epoch;
  num_steps_ = 0;
  steps_.clear();
  step_.clear();
  sum_.clear();
  warned_.clear();
}

void LoadWatch::Add(const ExpertCounts &counts) { AddCounts(counts, 1, &step_); }

void LoadWatch::EndStep() {
  ++num_steps_;
  AddCounts(step_, 1, &sum_);
  steps_.push_back(std::move(step_));
  step_.clear();
  if (steps_.size() > kSteps) {
    AddCounts(steps_.front(), -1, &sum_);
    steps_.pop_front();
  }
  if (steps_.size() == kSteps) Warn();
}

void LoadWatch::EndEpoch() {
  if (steps_.size() < kSteps) Warn();
}

std::string LoadWatch::Name(size_t mixture) const {
  // Where not all mixtures of the configuration were heard, a place would get another's name.
  return sum_.size() == names_.size() ? names_[mixture] : Cat("mixture ", mixture);
}

LoadWatch::Load LoadWatch::SmallestOf(size_t mixture, int64_t *even_share) const {
  const std::vector<int64_t> &counts = sum_[mixture];
  int64_t all = 0;
  for (const int64_t n : counts) all += n;
  *even_share = counts.empty() ? 0 : all / static_cast<int64_t>(counts.size());
  if (all == 0) return {};
  const auto least = std::min_element(counts.begin(), counts.end());
  return {
      static_cast<double>(*least) * static_cast<double>(counts.size()) / static_cast<double>(all),
      Name(mixture), static_cast<int>(least - counts.begin())};
}

LoadWatch::Load LoadWatch::Smallest() const {
  Load smallest;
  for (size_t m = 0; m < sum_.size(); ++m) {
    int64_t even_share;
    const Load load = SmallestOf(m, &even_share);
    if (!load.mixture.empty() && (smallest.mixture.empty() || load.load < smallest.load))
      smallest = load;
  }
  return smallest;
}

void LoadWatch::Warn() {
  warned_.resize(sum_.size());
  for (size_t m = 0; m < sum_.size(); ++m) {
    int64_t even_share;
    const Load load = SmallestOf(m, &even_share);
    if (warned_[m] || load.load >= kCollapse || even_share < kRows) continue;
    warned_[m] = true;
    LOG_WARN << "epoch " << epoch_ << " step " << num_steps_ << ": " << load.mixture << ": expert "
             << load.expert << " got " << 100 * load.load
             << " % of an even share of the rows of the last " << steps_.size()
             << " steps: the mixture is collapsing to fewer experts. Train a model whose "
                "configuration has a balance-weight (or a larger one), or fewer experts";
  }
}

}  // namespace u2moe
