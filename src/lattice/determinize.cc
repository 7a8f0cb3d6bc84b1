#include "lattice/determinize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "lattice/lattice-costs.h"

namespace u2moe {
namespace {

// Residual costs this near are the same: sums of the same floats in another order.
constexpr double kSameCost = 1.0 / (1 << 16);

// Memory that ran out before this share of the beam was done was filled with what lies between, and
// goes further with a smaller beam. A beam is not made smaller than the last.
constexpr double kFarEnough = 0.75;
constexpr double kSmallestBeam = 1e-3;
constexpr int kMostTries = 6;

// In double, so that residuals of long paths keep what tells them apart. `total` is scaled.
struct Costs {
  double graph = 0, acoustic = 0, total = 0;

  Costs Plus(const LatticeWeight &w, const CostScales &scales) const {
    return {graph + w.GraphCost(), acoustic + w.AcousticCost(), total + PathCost(w, scales)};
  }
  Costs Minus(const Costs &other) const {
    return {graph - other.graph, acoustic - other.acoustic, total - other.total};
  }
};

// As Compare of LatticeWeights.
int CompareCosts(const Costs &a, const Costs &b) {
  if (a.total != b.total) return a.total < b.total ? 1 : -1;
  if (a.graph != b.graph) return a.graph < b.graph ? 1 : -1;
  return 0;
}

// As Compare of CompactLatticeWeights of equal costs.
int CompareStrings(const std::vector<int32_t> &a, const std::vector<int32_t> &b) {
  if (a.size() != b.size()) return a.size() < b.size() ? 1 : -1;
  return a == b ? 0 : a > b ? 1 : -1;
}

// States of the input that the same words lead to, with what is left of the costs and input labels
// of the best way to each once what they have in common is on the arcs before: the best costs are
// 0, and not all strings begin with the same label.
struct Subset {
  struct Element {
    int state;
    Costs costs;
    std::vector<int32_t> string;
  };
  std::vector<Element> elements;  // by state, each once

  size_t Hash() const {
    size_t hash = elements.size();
    for (const Element &e : elements) {
      hash = hash * 7853 + static_cast<size_t>(e.state);
      for (const int32_t label : e.string) hash = hash * 7499 + static_cast<size_t>(label);
    }
    return hash;
  }
  bool Same(const Subset &other) const {
    const auto same = [](const Element &a, const Element &b) {
      return a.state == b.state && std::fabs(a.costs.graph - b.costs.graph) < kSameCost &&
             std::fabs(a.costs.acoustic - b.costs.acoustic) < kSameCost && a.string == b.string;
    };
    return elements.size() == other.elements.size() &&
           std::equal(elements.begin(), elements.end(), other.elements.begin(), same);
  }
  int64_t Bytes() const {
    int64_t bytes = 64;
    for (const Element &e : elements)
      bytes += static_cast<int64_t>(sizeof(Element) + 4 * e.string.size());
    return bytes;
  }
};

class Determinizer {
 public:
  Determinizer(const Lattice &in, const DeterminizeOptions &opts, double beam, CompactLattice *out)
      : in_(in),
        scales_(opts.scales),
        max_bytes_(opts.max_mem),
        out_(out),
        backward_(BackwardCosts(in, opts.scales)) {
    out_->DeleteStates();
    best_ = in.Start() == fst::kNoStateId ? kInfinity : Backward(in.Start());
    // A path at the edge of the beam stays, however its sum is rounded.
    cutoff_ = best_ + beam + kSameCost;
    place_.assign(backward_.size(), -1);
  }

  // Returns the beam within which the output is complete; negative: not even the best path is.
  double Run(double beam) {
    if (best_ == kInfinity) return beam;
    Subset start;
    start.elements.push_back({in_.Start(), {}, {}});
    out_->SetStart(NewState(std::move(start), 0));
    while (!tasks_.empty()) {
      const std::shared_ptr<Task> task = tasks_.top();
      if (bytes_ > max_bytes_ && task->priority > best_ + kSameCost) {
        beam = std::min(beam, task->priority - best_);
        break;
      }
      // The best path is there in any case; but there may be a great many that are as good.
      if (bytes_ / 16 > max_bytes_) return -1;
      tasks_.pop();
      bytes_ -= task->subset.Bytes();
      const int next = FindState(std::move(task->subset), task->cost);
      out_->AddArc(task->state, CompactLatticeArc(task->word, task->word, task->weight, next));
      bytes_ += ArcBytes(task->weight);
    }
    fst::Connect(out_);
    fst::TopSort(out_);
    return beam;
  }

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  // An arc to be made: `word` from state `state` of the output to the state of `subset`.
  struct Task {
    double priority;  // of the best path through this arc
    int64_t order;
    int state;
    int32_t word;
    CompactLatticeWeight weight;
    double cost;  // of the best way to the end of this arc
    Subset subset;
  };
  struct Later {
    bool operator()(const std::shared_ptr<Task> &a, const std::shared_ptr<Task> &b) const {
      return a->priority != b->priority ? a->priority > b->priority : a->order > b->order;
    }
  };
  // A state that the words of a subset lead to without another word, in closure_.
  struct Reached {
    int state;
    Costs costs;
    int previous;   // in closure_; -1 - n: element n of the subset
    int32_t label;  // after what `previous` has; 0: none
  };
  // The end of an arc with a word, from closure_[previous].
  struct Step {
    int32_t word;
    int next;
    Costs costs;
    int previous;
    int32_t label;
  };

  double Backward(int state) const { return backward_[static_cast<size_t>(state)]; }
  static int64_t ArcBytes(const CompactLatticeWeight &w) {
    return static_cast<int64_t>(sizeof(CompactLatticeArc) + 4 * w.String().size());
  }

  std::vector<int32_t> StringOf(const Subset &subset, int previous, int32_t label) const {
    std::vector<int32_t> string;
    if (label != 0) string.push_back(label);
    for (; previous >= 0; previous = closure_[static_cast<size_t>(previous)].previous) {
      const int32_t before = closure_[static_cast<size_t>(previous)].label;
      if (before != 0) string.push_back(before);
    }
    const std::vector<int32_t> &begin = subset.elements[static_cast<size_t>(-1 - previous)].string;
    string.insert(string.end(), begin.rbegin(), begin.rend());
    std::reverse(string.begin(), string.end());
    return string;
  }

  // Whether costs and the string behind (previous, label) are better than those of the other; the
  // strings are looked at where the costs are equal only.
  template <class A, class B>
  bool Better(const Subset &subset, const A &a, const B &b) const {
    const int by_costs = CompareCosts(a.costs, b.costs);
    if (by_costs != 0) return by_costs > 0;
    return CompareStrings(StringOf(subset, a.previous, a.label),
                          StringOf(subset, b.previous, b.label)) > 0;
  }

  // closure_: all states that the elements reach without a word, each by its best way, in
  // topological order; those through which every path costs more than the beam are left out.
  void Close(const Subset &subset, double cost) {
    closure_.clear();
    std::priority_queue<int, std::vector<int>, std::greater<int>> states;
    std::vector<Reached> pending;  // by place_
    const auto reach = [&](const Reached &r) {
      if (cost + r.costs.total + Backward(r.state) > cutoff_) return;
      int &place = place_[static_cast<size_t>(r.state)];
      if (place < 0) {
        place = static_cast<int>(pending.size());
        pending.push_back(r);
        states.push(r.state);
      } else if (Better(subset, r, pending[static_cast<size_t>(place)])) {
        pending[static_cast<size_t>(place)] = r;
      }
    };
    for (size_t i = 0; i < subset.elements.size(); ++i) {
      const Subset::Element &e = subset.elements[i];
      reach({e.state, e.costs, -1 - static_cast<int>(i), 0});
    }
    while (!states.empty()) {
      const int state = states.top();
      states.pop();
      const Reached r = pending[static_cast<size_t>(place_[static_cast<size_t>(state)])];
      const auto here = static_cast<int>(closure_.size());
      closure_.push_back(r);
      for (fst::ArcIterator<Lattice> it(in_, state); !it.Done(); it.Next()) {
        const LatticeArc &arc = it.Value();
        if (arc.olabel == 0)
          reach({arc.nextstate, r.costs.Plus(arc.weight, scales_), here, arc.ilabel});
      }
    }
    for (const Reached &r : closure_) place_[static_cast<size_t>(r.state)] = -1;
  }

  int FindState(Subset subset, double cost) {
    std::vector<int> &states = states_by_hash_[subset.Hash()];
    for (const int state : states)
      if (subsets_[static_cast<size_t>(state)].Same(subset)) return state;
    return NewState(std::move(subset), cost);
  }

  int NewState(Subset subset, double cost) {
    const int state = out_->AddState();
    states_by_hash_[subset.Hash()].push_back(state);
    bytes_ += subset.Bytes() + 128;
    Close(subset, cost);
    SetFinal(subset, state, cost);
    MakeTasks(subset, state, cost);
    subsets_.push_back(std::move(subset));
    return state;
  }

  void SetFinal(const Subset &subset, int state, double cost) {
    Reached best{-1, {}, 0, 0};
    for (size_t i = 0; i < closure_.size(); ++i) {
      const LatticeWeight final = in_.Final(closure_[i].state);
      if (final == LatticeWeight::Zero()) continue;
      const Reached end{0, closure_[i].costs.Plus(final, scales_), static_cast<int>(i), 0};
      if (best.state < 0 || Better(subset, end, best)) best = end;
    }
    if (best.state < 0 || cost + best.costs.total > cutoff_) return;
    const CompactLatticeWeight weight(ToWeight(best.costs), StringOf(subset, best.previous, 0));
    bytes_ += ArcBytes(weight);
    out_->SetFinal(state, weight);
  }

  void MakeTasks(const Subset &subset, int state, double cost) {
    std::vector<Step> steps;
    for (size_t i = 0; i < closure_.size(); ++i) {
      for (fst::ArcIterator<Lattice> it(in_, closure_[i].state); !it.Done(); it.Next()) {
        const LatticeArc &arc = it.Value();
        if (arc.olabel == 0) continue;
        const Costs costs = closure_[i].costs.Plus(arc.weight, scales_);
        if (cost + costs.total + Backward(arc.nextstate) > cutoff_) continue;
        steps.push_back({arc.olabel, arc.nextstate, costs, static_cast<int>(i), arc.ilabel});
      }
    }
    // By word and state; the best of those to one state comes first, and alone stays.
    std::sort(steps.begin(), steps.end(), [&](const Step &a, const Step &b) {
      if (a.word != b.word) return a.word < b.word;
      if (a.next != b.next) return a.next < b.next;
      return Better(subset, a, b);
    });
    steps.erase(std::unique(steps.begin(), steps.end(),
                            [](const Step &a, const Step &b) {
                              return a.word == b.word && a.next == b.next;
                            }),
                steps.end());
    for (auto begin = steps.begin(); begin != steps.end();) {
      const auto end =
          std::find_if(begin, steps.end(), [&](const Step &s) { return s.word != begin->word; });
      AddTask(subset, state, cost, begin, end);
      begin = end;
    }
  }

  using Steps = std::vector<Step>::const_iterator;
  void AddTask(const Subset &subset, int state, double cost, Steps begin, Steps end) {
    Subset next;
    Costs best = begin->costs;
    double priority = kInfinity;
    for (Steps step = begin; step != end; ++step) {
      if (CompareCosts(step->costs, best) > 0) best = step->costs;
      priority = std::min(priority, cost + step->costs.total + Backward(step->next));
      next.elements.push_back(
          {step->next, step->costs, StringOf(subset, step->previous, step->label)});
    }
    std::vector<int32_t> common = next.elements[0].string;
    for (const Subset::Element &e : next.elements) {
      const size_t most = std::min(common.size(), e.string.size());
      size_t same = 0;
      while (same < most && common[same] == e.string[same]) ++same;
      common.resize(same);
    }
    for (Subset::Element &e : next.elements) {
      e.costs = e.costs.Minus(best);
      e.string = {e.string.begin() + static_cast<std::ptrdiff_t>(common.size()), e.string.end()};
    }
    bytes_ += next.Bytes();
    tasks_.push(std::make_shared<Task>(Task{priority, num_tasks_++, state, begin->word,
                                            CompactLatticeWeight(ToWeight(best), common),
                                            cost + best.total, std::move(next)}));
  }

  static LatticeWeight ToWeight(const Costs &c) {
    return {static_cast<float>(c.graph), static_cast<float>(c.acoustic)};
  }

  const Lattice &in_;
  const CostScales scales_;
  const int64_t max_bytes_;
  CompactLattice *out_;
  const std::vector<double> backward_;  // by state of in_: the cost of the best way to the end
  double best_, cutoff_;
  int64_t bytes_ = 0, num_tasks_ = 0;

  std::vector<Subset> subsets_;  // by state of the output
  std::unordered_map<size_t, std::vector<int>> states_by_hash_;
  std::priority_queue<std::shared_ptr<Task>, std::vector<std::shared_ptr<Task>>, Later> tasks_;

  std::vector<Reached> closure_;  // of the state at work
  std::vector<int> place_;        // by state of in_, -1 outside Close
};

}  // namespace

void DeterminizeOptions::Register(OptionParser *po) {
  po->Register("beam", &beam, "keep word sequences that cost at most this more than the best");
  po->Register("max-mem", &max_mem,
               "about the memory of determinisation, bytes; beyond it the beam becomes smaller, "
               "with a warning");
}

void DeterminizeOptions::Check() const {
  if (!(beam >= 0)) throw UsageError("--beam=", beam, ": must be 0 or more");
  if (max_mem <= 0) throw UsageError("--max-mem=", max_mem, ": must be above 0");
}

double DeterminizeLattice(const Lattice &in, const DeterminizeOptions &opts, CompactLattice *out) {
  double beam = opts.beam;
  for (int n = 1;; ++n) {
    const double reached = Determinizer(in, opts, beam, out).Run(beam);
    if (reached >= kFarEnough * beam) return reached;
    if (n == kMostTries && reached >= 0) return reached;
    if (n == kMostTries) {
      throw DataError("the words of the lattice do not go into 16 times ", opts.max_mem,
                      " bytes even for the best path; raise --max-mem or decode with a smaller "
                      "--lattice-beam");
    }
    beam = std::sqrt(std::max(reached, std::min(kSmallestBeam, beam)) * beam);
  }
}

void DeterminizeAndWarn(const std::string &utterance, const Lattice &in,
                        const DeterminizeOptions &opts, CompactLattice *out) {
  const double beam = DeterminizeLattice(in, opts, out);
  if (out->NumStates() == 0) throw DataError("the lattice has no path");
  if (beam < opts.beam) {
    LOG_WARN << "utterance " << utterance << ": determinisation reached a beam of " << beam
             << " instead of " << opts.beam << " in " << opts.max_mem
             << " bytes; word sequences beyond it may be missing; raise --max-mem";
  }
}

}  // namespace u2moe
