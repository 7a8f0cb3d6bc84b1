#include "lattice/lattice-outline.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

void LatticeOutline::AddState(float cost, uint32_t bytes) {
  states_.push_back({static_cast<int64_t>(arcs_.size()), cost, bytes});
}

void LatticeOutline::AddArc(int32_t next, float cost, uint32_t bytes) {
  sorted_ = sorted_ && next >= static_cast<int64_t>(states_.size());
  arcs_.push_back({next, cost, bytes});
}

int64_t LatticeOutline::Bytes() const {
  constexpr size_t kLater = 2 * sizeof(double) + 3 * sizeof(int32_t);  // costs, order, numbers
  return static_cast<int64_t>(states_.size() * (sizeof(State) + kLater) +
                              arcs_.size() * sizeof(Arc));
}

// States in topological order; only where those of the file are not.
std::vector<int32_t> LatticeOutline::Order() const {
  std::vector<int32_t> arcs_in(states_.size(), 0), order;
  for (const Arc &arc : arcs_) ++arcs_in[static_cast<size_t>(arc.next)];
  for (size_t s = 0; s < states_.size(); ++s)
    if (arcs_in[s] == 0) order.push_back(static_cast<int32_t>(s));
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t s = static_cast<size_t>(order[i]);
    for (int64_t a = states_[s].first_arc; a < End(s); ++a) {
      const int32_t next = arcs_[static_cast<size_t>(a)].next;
      if (--arcs_in[static_cast<size_t>(next)] == 0) order.push_back(next);
    }
  }
  if (order.size() < states_.size())
    throw DataError("the lattice has a cycle; lattices have none, is it a graph?");
  return order;
}

void LatticeOutline::FindCosts(int64_t start) {
  const std::vector<int32_t> order = sorted_ ? std::vector<int32_t>() : Order();
  const auto at = [&](size_t i) { return sorted_ ? i : static_cast<size_t>(order[i]); };
  forward_.assign(states_.size(), kInfinity);
  backward_.assign(states_.size(), kInfinity);
  forward_[static_cast<size_t>(start)] = 0;
  for (size_t i = 0; i < states_.size(); ++i) {
    const size_t s = at(i);
    if (forward_[s] == kInfinity) continue;
    for (int64_t a = states_[s].first_arc; a < End(s); ++a) {
      const Arc &arc = arcs_[static_cast<size_t>(a)];
      double &next = forward_[static_cast<size_t>(arc.next)];
      next = std::min(next, forward_[s] + static_cast<double>(arc.cost));
    }
  }
  for (size_t i = states_.size(); i-- > 0;) {
    const size_t s = at(i);
    double best = states_[s].final;
    for (int64_t a = states_[s].first_arc; a < End(s); ++a) {
      const Arc &arc = arcs_[static_cast<size_t>(a)];
      best =
          std::min(best, static_cast<double>(arc.cost) + backward_[static_cast<size_t>(arc.next)]);
    }
    backward_[s] = best;
  }
}

bool LatticeOutline::KeepsArc(int64_t state, int64_t arc) const {
  const Arc &a = arcs_[static_cast<size_t>(arc)];
  return forward_[static_cast<size_t>(state)] + static_cast<double>(a.cost) +
             backward_[static_cast<size_t>(a.next)] <=
         cutoff_;
}

bool LatticeOutline::KeepsFinal(int64_t state) const {
  const size_t s = static_cast<size_t>(state);
  return forward_[s] + static_cast<double>(states_[s].final) <= cutoff_;
}

int64_t LatticeOutline::BytesWithin(double cutoff) const {
  int64_t bytes = 0;
  for (size_t s = 0; s < states_.size(); ++s) {
    if (!(Slack(s) <= cutoff)) continue;
    bytes += states_[s].bytes;
    for (int64_t a = states_[s].first_arc; a < End(s); ++a) {
      const Arc &arc = arcs_[static_cast<size_t>(a)];
      const double rest = backward_[static_cast<size_t>(arc.next)];
      if (forward_[s] + static_cast<double>(arc.cost) + rest <= cutoff) bytes += arc.bytes;
    }
  }
  return bytes;
}

double LatticeOutline::Prune(int64_t start, int64_t max_bytes) {
  CHECK(start >= 0 && start < static_cast<int64_t>(states_.size()));
  for (const Arc &arc : arcs_)
    CHECK(arc.next >= 0 && arc.next < static_cast<int64_t>(states_.size()));
  FindCosts(start);
  const double best = backward_[static_cast<size_t>(start)];
  if (best == kInfinity) return -1;
  // What is at the edge of the beam stays, however its sum is rounded: as PruneLattice.
  const double slack = 1e-9 * std::max(1.0, std::abs(best));
  const auto fits = [&](double beam) { return BytesWithin(best + beam + slack) <= max_bytes; };
  double low = 0, high = 1.0 / 64;
  if (!fits(0)) return -1;
  // Costs are up to 1e20, and a path has fewer than 2^31 of them.
  for (; high < 1e30 && fits(high); high *= 2) low = high;
  for (int n = 0; n < 20; ++n) {
    const double middle = (low + high) / 2;
    (fits(middle) ? low : high) = middle;
  }
  cutoff_ = best + low + slack;
  new_states_.assign(states_.size(), -1);
  for (size_t s = 0; s < states_.size(); ++s)
    if (Slack(s) <= cutoff_) new_states_[s] = static_cast<int32_t>(num_kept_++);
  return low;
}

}  // namespace u2moe
