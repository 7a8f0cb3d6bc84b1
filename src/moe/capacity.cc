#include "moe/capacity.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/rng.h"
#include "moe/row-places.h"

namespace u2moe {
namespace {

// A place of the routes that asks for an expert. What sorts lower goes first.
struct Claim {
  size_t place;
  size_t choice;  // 0: the row's first
  double order;   // lower: before

  bool operator<(const Claim &o) const {
    if (choice != o.choice) return choice < o.choice;
    return order != o.order ? order < o.order : place < o.place;
  }
};

double LargestProbability(const Routes &routes, int64_t row) {
  const int64_t n = routes.logits.Cols();
  const float *logits = routes.logits.Data() + row * n;
  const double max = *std::max_element(logits, logits + n);
  double sum = 0;
  for (int64_t e = 0; e < n; ++e) sum += std::exp(logits[e] - max);
  return 1 / sum;
}

// The experts that the router leaves open to a row; at least 1.
int NumOpen(const Routes &routes, int64_t row) {
  const float *logits = routes.logits.View().Row(row);
  return static_cast<int>(std::count_if(logits, logits + routes.logits.Cols(),
                                        [](float v) { return std::isfinite(v); }));
}

// Moves what is left of a row's experts to the front.
void CloseGaps(int64_t row, Routes *routes) {
  int32_t *begin = routes->experts.data() + routes->Begin(row),
          *end = routes->experts.data() + routes->Begin(row + 1);
  std::fill(std::remove(begin, end, kNoExpert), end, kNoExpert);
}

}  // namespace

bool IsCapacityOrder(const std::string &name) {
  return name == "first" || name == "random" || name == "priority";
}

Capacity::Capacity(float factor, const std::string &order) : factor_(factor) {
  CHECK(IsCapacityOrder(order)) << order;
  if (order == "random") order_ = Order::kRandom;
  if (order == "priority") order_ = Order::kPriority;
}

int64_t Capacity::RowsOf(int64_t rows, int num_choices, int num_experts) const {
  // 1.1 as a float is a little more; that must not make one row of it.
  const double exact = factor_ * static_cast<double>(rows * num_choices) / num_experts;
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(exact * (1 - 1e-6))));
}

void Capacity::Apply(const RouteCall &call, const Router &router, Routes *routes) const {
  if (factor_ == 0 || !call.depths.empty()) return;
  const int64_t num_rows = routes->logits.Rows();
  CachedVector<int32_t> wanted, kept;
  bool limited = false;
  const auto count = [&](CachedVector<int32_t> *counts) {
    for (int64_t t = 0; t < num_rows; ++t)
      counts->push_back(static_cast<int32_t>(routes->NumExperts(t)));
  };
  count(&wanted);
  CachedVector<Claim> claims;
  ForEachSequence(call, num_rows, [&](int64_t begin, int64_t end, const SequenceFacts &facts) {
    if (begin == end || (!facts.training && !call.capacity)) return;
    limited = true;
    // What is open to one row is open to all of the sequence.
    const size_t most =
        static_cast<size_t>(RowsOf(end - begin, router.NumChoices(), NumOpen(*routes, begin)));
    CachedVector<uint64_t> seeds;
    if (order_ == Order::kRandom) seeds = RowSeeds(call, facts.seed, begin, end, facts);
    for (int32_t e = 0; e < router.NumExperts(); ++e) {
      claims.clear();
      for (int64_t t = begin; t < end; ++t) {
        const size_t first = routes->Begin(t);
        for (size_t i = 0; i < static_cast<size_t>(routes->max_slots); ++i) {
          if (routes->experts[first + i] != e) continue;
          double order = 0;
          if (order_ == Order::kRandom) {
            const uint64_t hash =
                SubSeed(seeds[static_cast<size_t>(t - begin)], static_cast<uint64_t>(e) + 1);
            order = static_cast<double>(hash >> 11);
          } else if (order_ == Order::kPriority) {
            order = -LargestProbability(*routes, t);
          }
          claims.push_back({first + i, i, order});
        }
      }
      if (claims.size() <= most) continue;
      std::sort(claims.begin(), claims.end());
      for (size_t i = most; i < claims.size(); ++i) routes->experts[claims[i].place] = kNoExpert;
    }
    for (int64_t t = begin; t < end; ++t) {
      CloseGaps(t, routes);
      if (static_cast<int32_t>(routes->NumExperts(t)) != wanted[static_cast<size_t>(t)])
        router.Gate(t, t + 1, routes);
    }
  });
  if (!limited || call.sink == nullptr) return;
  count(&kept);
  call.sink->OnCapacity(call.shape != nullptr ? *call.shape : RaggedShape::Single(num_rows), wanted,
                        kept);
}

void CapacityDrops::Add(const RaggedShape &shape, Span<int32_t> wanted_of, Span<int32_t> kept_of) {
  for (int b = 0; b < shape.NumSequences(); ++b) {
    for (int64_t t = shape.Begin(b); t < shape.End(b); ++t) {
      const int64_t part = (t - shape.Begin(b)) * kParts / shape.Length(b);
      const size_t row = static_cast<size_t>(t);
      wanted[part] += wanted_of[row];
      dropped[part] += wanted_of[row] - kept_of[row];
    }
  }
}

void CapacityDrops::Add(const CapacityDrops &o) {
  for (int i = 0; i < kParts; ++i) {
    wanted[i] += o.wanted[i];
    dropped[i] += o.dropped[i];
  }
}

bool CapacityDrops::Any() const {
  return std::any_of(wanted, wanted + kParts, [](int64_t n) { return n > 0; });
}

double CapacityDrops::Share() const {
  double all = 0, lost = 0;
  for (int i = 0; i < kParts; ++i) {
    all += static_cast<double>(wanted[i]);
    lost += static_cast<double>(dropped[i]);
  }
  return all > 0 ? lost / all : 0;
}

double CapacityDrops::Share(int part) const {
  return wanted[part] > 0 ? static_cast<double>(dropped[part]) / static_cast<double>(wanted[part])
                          : 0;
}

std::string CapacityDrops::ToString() const {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * Share());
  std::string all = Cat(text, " (by tenth of the utterance");
  for (int i = 0; i < kParts; ++i) {
    std::snprintf(text, sizeof text, " %.1f", 100 * Share(i));
    all += text;
  }
  return all + ")";
}

}  // namespace u2moe
