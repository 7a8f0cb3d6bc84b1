#ifndef U2MOE_LAB_ROUTE_STATS_H_
#define U2MOE_LAB_ROUTE_STATS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "layer/route-sink.h"

namespace u2moe {

// What one router chose, or what a MixturePolicy left of it, counted over rows (frames or tokens).
// Every row counts once for each of its experts, K of them without a policy; there are no padded
// rows to miscount.
class RouteStats {
 public:
  RouteStats() = default;
  // gates_sum_to_one: whether the router's gates do, see RouterTraits.
  RouteStats(int num_experts, int num_choices, bool gates_sum_to_one = true);

  // Adds rows as RouteSink::OnRoute reports them. Throws Error unless each row has at most K
  // distinct experts, the empty places behind them, and gates that sum to 1 (or to no more, where
  // the router's do not), or no expert at all.
  // chunk_size: how many rows in succession are one chunk for DistinctPerChunk; <= 0: all rows of
  // the call.
  void Add(ConstView logits, Span<int32_t> experts, Span<float> gates, int64_t chunk_size);
  void Add(const RouteStats &other);

  int NumExperts() const { return num_experts_; }
  int NumChoices() const { return num_choices_; }
  int64_t NumRows() const { return num_rows_; }
  int64_t Count(int e) const { return counts_[static_cast<size_t>(e)]; }
  // Share of all assignments that go to expert e; even would be 1 / E.
  double Share(int e) const;
  // Load against an even one: 1 is fair, 0 is dead.
  double Load(int e) const { return Share(e) * num_experts_; }
  double MaxLoad() const;
  // Entropy of the shares over log E: 1 is even, 0 is one expert for all.
  double Entropy() const;
  // Mean gate of the k-th choice, in falling order of logit; empty places count 0.
  double MeanGate(int k) const;
  // Mean over rows with experts of the smallest gap between a chosen and a rejected logit, negative
  // where a policy moved rows; 0 if all are chosen.
  double MeanMargin() const;
  // Share of rows that chose both a and b.
  double CoActivation(int a, int b) const;
  // Mean number of experts of a row; K without a policy.
  double ExpertsPerRow() const;
  // Share of the rows that have one expert only, where K is more.
  double SecondSkipped() const;
  // Share of the rows that have no expert.
  double Exited() const;
  // Mean number of distinct experts in a chunk.
  double DistinctPerChunk() const;
  // Experts that no row chose.
  std::vector<int> DeadExperts() const;

 private:
  int num_experts_ = 0, num_choices_ = 0;
  bool gates_sum_to_one_ = true;
  int64_t num_rows_ = 0, num_chunks_ = 0, distinct_ = 0, num_slots_ = 0;
  int64_t num_single_ = 0, num_exited_ = 0;  // rows with one expert only; with none
  std::vector<int64_t> counts_, pairs_;      // [E], [E * E]
  std::vector<double> gates_;                // [K] sums
  double margins_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_LAB_ROUTE_STATS_H_
