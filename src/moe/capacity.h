// Experts that take a limited number of rows, as where memory is fixed beforehand; for comparison,
// in training and offline. Which rows lose an expert depends on rows to come, so that no stream can
// do it.
#ifndef U2MOE_MOE_CAPACITY_H_
#define U2MOE_MOE_CAPACITY_H_

#include <cstdint>
#include <string>

#include "moe/router.h"

namespace u2moe {

// Of one mixture.
class Capacity {
 public:
  // factor: FeedForwardConfig::capacity_factor, 0 for no limits; order: ::capacity_order.
  Capacity(float factor, const std::string &order);

  // Of an expert for so many rows: C = ceil(factor * rows * choices / experts), at least 1.
  // experts: those among which the rows choose.
  int64_t RowsOf(int64_t rows, int num_choices, int num_experts) const;
  // Where more than C rows of a sequence want an expert, C stay: RowsOf the sequence, which chooses
  // among all experts but those that its router closes to it (of other pools). First choices go
  // before second ones, among them, by `order`:
  // - first: the earlier row (GShard, arXiv 2006.16668);
  // - random: the smaller of random numbers, which follow from the utterance's seed, the mixture,
  //   the row's position and the expert (random token selection, arXiv 2109.10465);
  // - priority: the row with the larger largest probability, softmax over all experts; ties to the
  //   earlier row (batch priority routing, arXiv 2106.05974).
  // A row's other experts move up, and its gates are the router's of those that are left; a row
  // without any has none. Only sequences in training are limited, or all where call.capacity is
  // set; nodes of token trees never are. Tells call.sink of it.
  // Those papers count the rows of a batch. Here they are those of each utterance, whose results so
  // do not depend on its company.
  void Apply(const RouteCall &call, const Router &router, Routes *routes) const;

 private:
  enum class Order { kFirst, kRandom, kPriority };

  double factor_;
  Order order_ = Order::kFirst;
};

bool IsCapacityOrder(const std::string &name);

// How many of the experts that rows wanted were full, by where in their utterance they are.
struct CapacityDrops {
  static constexpr int kParts = 10;  // of an utterance, of equal length
  int64_t wanted[kParts] = {}, dropped[kParts] = {};

  // As RouteSink::OnCapacity.
  void Add(const RaggedShape &shape, Span<int32_t> wanted_of, Span<int32_t> kept_of);
  void Add(const CapacityDrops &other);
  bool Any() const;              // whether experts had capacities at all
  double Share() const;          // dropped of wanted
  double Share(int part) const;  // the same of one part
  std::string ToString() const;  // "3.1 % (by tenth of the utterance 0.0 0.1 ... 9.2)"
};

}  // namespace u2moe

#endif  // U2MOE_MOE_CAPACITY_H_
