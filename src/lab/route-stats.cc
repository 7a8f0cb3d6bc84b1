#include "lab/route-stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace u2moe {

RouteStats::RouteStats(int num_experts, int num_choices, bool gates_sum_to_one)
    : num_experts_(num_experts),
      num_choices_(num_choices),
      gates_sum_to_one_(gates_sum_to_one),
      counts_(static_cast<size_t>(num_experts), 0),
      pairs_(static_cast<size_t>(num_experts * num_experts), 0),
      gates_(static_cast<size_t>(num_choices), 0) {}

void RouteStats::Add(ConstView logits, Span<int32_t> experts, Span<float> gates,
                     int64_t chunk_size) {
  const size_t k = static_cast<size_t>(num_choices_),
               num_experts = static_cast<size_t>(num_experts_);
  CHECK_EQ(logits.Cols(), num_experts_);
  CHECK_EQ(experts.size(), static_cast<size_t>(logits.Rows()) * k);
  CHECK_EQ(gates.size(), experts.size());
  if (chunk_size <= 0) chunk_size = std::max<int64_t>(1, logits.Rows());
  std::vector<bool> chosen(num_experts), in_chunk(num_experts, false);
  for (int64_t t = 0; t < logits.Rows(); ++t) {
    const size_t base = static_cast<size_t>(t) * k;
    chosen.assign(num_experts, false);
    double sum = 0, lowest = std::numeric_limits<double>::infinity();
    size_t n = 0;
    while (n < k && experts[base + n] >= 0) ++n;
    for (size_t i = base; i < base + n; ++i) {
      const size_t e = static_cast<size_t>(experts[i]);
      CHECK(e < num_experts && !chosen[e])
          << "row " << t << " chose expert " << e << " wrongly or twice";
      chosen[e] = in_chunk[e] = true;
      ++counts_[e];
      for (size_t j = base; j < i; ++j) {
        const size_t other = static_cast<size_t>(experts[j]);
        ++pairs_[e * num_experts + other];
        ++pairs_[other * num_experts + e];
      }
      gates_[i - base] += gates[i];
      sum += gates[i];
      lowest = std::min(lowest, static_cast<double>(logits(t, experts[i])));
    }
    for (size_t i = base + n; i < base + k; ++i)
      CHECK(experts[i] < 0 && gates[i] == 0) << "row " << t << " has a gap or a gate for no expert";
    CHECK(n == 0 || (sum < 1 + 1e-4 && (!gates_sum_to_one_ || sum > 1 - 1e-4)))
        << "the gates of row " << t << " sum to " << sum;
    num_slots_ += static_cast<int64_t>(n);
    num_single_ += n == 1 && k > 1;
    num_exited_ += n == 0;
    double best_rejected = -std::numeric_limits<double>::infinity();
    for (size_t e = 0; e < num_experts; ++e) {
      if (!chosen[e])
        best_rejected =
            std::max(best_rejected, static_cast<double>(logits(t, static_cast<int64_t>(e))));
    }
    if (n > 0 && std::isfinite(best_rejected)) margins_ += lowest - best_rejected;
    ++num_rows_;
    if ((t + 1) % chunk_size == 0 || t + 1 == logits.Rows()) {
      ++num_chunks_;
      distinct_ += std::count(in_chunk.begin(), in_chunk.end(), true);
      in_chunk.assign(num_experts, false);
    }
  }
}

void RouteStats::Add(const RouteStats &o) {
  if (num_experts_ == 0) *this = RouteStats(o.num_experts_, o.num_choices_, o.gates_sum_to_one_);
  CHECK(o.num_experts_ == num_experts_ && o.num_choices_ == num_choices_);
  num_rows_ += o.num_rows_;
  num_slots_ += o.num_slots_;
  num_single_ += o.num_single_;
  num_exited_ += o.num_exited_;
  num_chunks_ += o.num_chunks_;
  distinct_ += o.distinct_;
  margins_ += o.margins_;
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += o.counts_[i];
  for (size_t i = 0; i < pairs_.size(); ++i) pairs_[i] += o.pairs_[i];
  for (size_t i = 0; i < gates_.size(); ++i) gates_[i] += o.gates_[i];
}

double RouteStats::Share(int e) const {
  return num_slots_ == 0 ? 0 : static_cast<double>(Count(e)) / static_cast<double>(num_slots_);
}

double RouteStats::MaxLoad() const {
  double load = 0;
  for (int e = 0; e < num_experts_; ++e) load = std::max(load, Load(e));
  return load;
}

double RouteStats::Entropy() const {
  double h = 0;
  for (int e = 0; e < num_experts_; ++e) {
    const double p = Share(e);
    if (p > 0) h -= p * std::log(p);
  }
  return num_experts_ < 2 ? 1 : h / std::log(static_cast<double>(num_experts_));
}

double RouteStats::MeanGate(int k) const {
  return num_rows_ == 0 ? 0 : gates_[static_cast<size_t>(k)] / static_cast<double>(num_rows_);
}

double RouteStats::MeanMargin() const {
  const int64_t rows = num_rows_ - num_exited_;
  return rows == 0 ? 0 : margins_ / static_cast<double>(rows);
}

double RouteStats::CoActivation(int a, int b) const {
  return num_rows_ == 0 ? 0
                        : static_cast<double>(pairs_[static_cast<size_t>(a * num_experts_ + b)]) /
                              static_cast<double>(num_rows_);
}

double RouteStats::ExpertsPerRow() const {
  return num_rows_ == 0 ? 0 : static_cast<double>(num_slots_) / static_cast<double>(num_rows_);
}

double RouteStats::SecondSkipped() const {
  return num_rows_ == 0 ? 0 : static_cast<double>(num_single_) / static_cast<double>(num_rows_);
}

double RouteStats::Exited() const {
  return num_rows_ == 0 ? 0 : static_cast<double>(num_exited_) / static_cast<double>(num_rows_);
}

double RouteStats::DistinctPerChunk() const {
  return num_chunks_ == 0 ? 0 : static_cast<double>(distinct_) / static_cast<double>(num_chunks_);
}

std::vector<int> RouteStats::DeadExperts() const {
  std::vector<int> dead;
  for (int e = 0; e < num_experts_; ++e) {
    if (Count(e) == 0) dead.push_back(e);
  }
  return dead;
}

}  // namespace u2moe
