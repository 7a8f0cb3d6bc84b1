#include "lattice/posteriors.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/log-add.h"

namespace u2moe {
namespace {

constexpr double kZero = -std::numeric_limits<double>::infinity();  // a logarithm
// What an insertion or deletion costs beyond a substitution, so that of equal alignments one is
// chosen.
constexpr double kMore = 1e-5;

size_t Index(int state) { return static_cast<size_t>(state); }

// By state: the logarithm of the sum of exp(-cost) over all paths from the start.
template <class L>
std::vector<double> ForwardSums(const L &lattice, const CostScales &scales) {
  std::vector<double> sums(Index(lattice.NumStates()), kZero);
  if (lattice.Start() == fst::kNoStateId) return sums;
  sums[Index(lattice.Start())] = 0;
  for (int s = 0; s < lattice.NumStates(); ++s) {
    if (sums[Index(s)] == kZero) continue;
    for (fst::ArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      double &next = sums[Index(it.Value().nextstate)];
      next = LogAdd(next, sums[Index(s)] - PathCost(it.Value().weight, scales));
    }
  }
  return sums;
}

// And to the end.
template <class L>
std::vector<double> BackwardSums(const L &lattice, const CostScales &scales) {
  std::vector<double> sums(Index(lattice.NumStates()), kZero);
  for (int s = lattice.NumStates() - 1; s >= 0; --s) {
    double sum = -PathCost(lattice.Final(s), scales);
    for (fst::ArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      sum = LogAdd(sum, sums[Index(it.Value().nextstate)] - PathCost(it.Value().weight, scales));
    }
    sums[Index(s)] = sum;
  }
  return sums;
}

// The expected alignment of the paths of a lattice with `words`, as the paper's figures 4 and 5: by
// state and number of words, the expected edits of the paths to there.
template <class L>
class ExpectedEdits {
 public:
  ExpectedEdits(const L &lattice, const std::vector<int32_t> &words, const CostScales &scales)
      : words_(words), sums_(ForwardSums(lattice, scales)) {
    const size_t n = sums_.size();
    // The ends become one state, n, that arcs without words lead to.
    sums_.push_back(kZero);
    incoming_.resize(n + 1);
    for (size_t s = 0; s < n; ++s) {
      const auto state = static_cast<int>(s);
      if (sums_[s] == kZero) continue;
      for (fst::ArcIterator<L> it(lattice, state); !it.Done(); it.Next()) {
        const auto &arc = it.Value();
        incoming_[Index(arc.nextstate)].push_back(
            {s, arc.olabel, sums_[s] - PathCost(arc.weight, scales)});
      }
      const double end = sums_[s] - PathCost(lattice.Final(state), scales);
      if (end == kZero) continue;
      incoming_[n].push_back({s, 0, end});
      sums_[n] = LogAdd(sums_[n], end);
    }
    edits_.assign(n + 1, {});
    for (size_t s = 0; s <= n; ++s) {
      if (sums_[s] == kZero) continue;
      edits_[s].assign(words_.size() + 1, 0);
      if (static_cast<int>(s) == lattice.Start()) {
        for (size_t q = 1; q <= words_.size(); ++q) edits_[s][q] = edits_[s][q - 1] + 1 + kMore;
      }
      for (const Arc &arc : incoming_[s]) {
        Align(arc);
        const double share = std::exp(arc.sum - sums_[s]);
        for (size_t q = 0; q <= words_.size(); ++q) edits_[s][q] += share * arc_edits_[q];
      }
    }
  }

  // By word: the expected number of times that it stands in its place.
  std::vector<double> Confidences() {
    const size_t n = sums_.size() - 1, num_words = words_.size();
    std::vector<double> confidences(num_words, 0);
    if (sums_[n] == kZero) return confidences;
    std::vector<std::vector<double>> shares(n + 1, std::vector<double>(num_words + 1, 0));
    shares[n][num_words] = 1;
    std::vector<double> arc_shares(num_words + 1);
    for (size_t s = n + 1; s-- > 0;) {
      for (const Arc &arc : incoming_[s]) {
        Align(arc);
        const double share = std::exp(arc.sum - sums_[s]);
        for (size_t q = 0; q <= num_words; ++q) arc_shares[q] = shares[s][q] * share;
        for (size_t q = num_words + 1; q-- > 0;) {
          switch (arc_steps_[q]) {
            case Step::kBoth:
              shares[arc.from][q - 1] += arc_shares[q];
              if (words_[q - 1] == arc.word) confidences[q - 1] += arc_shares[q];
              break;
            case Step::kPath:
              shares[arc.from][q] += arc_shares[q];
              break;
            case Step::kWords:
              arc_shares[q - 1] += arc_shares[q];
              break;
          }
        }
      }
    }
    return confidences;
  }

 private:
  struct Arc {
    size_t from;
    int32_t word;  // 0: none
    double sum;    // of the paths that end with it, a logarithm
  };
  // Along the path and the words, along one of them.
  enum class Step { kBoth, kPath, kWords };

  // arc_edits_, arc_steps_: the fewest edits, and the last step to them, by number of words, of the
  // paths that end with the arc.
  void Align(const Arc &arc) {
    const std::vector<double> &before = edits_[arc.from];
    const double insertion = arc.word == 0 ? 0 : 1 + kMore;
    arc_edits_.resize(words_.size() + 1);
    arc_steps_.resize(words_.size() + 1);
    for (size_t q = 0; q <= words_.size(); ++q) {
      arc_edits_[q] = before[q] + insertion;
      arc_steps_[q] = Step::kPath;
      if (q == 0) continue;
      const double both = before[q - 1] + (arc.word == words_[q - 1] ? 0
                                           : arc.word == 0           ? 1 + kMore
                                                                     : 1);
      if (both < arc_edits_[q]) {
        arc_edits_[q] = both;
        arc_steps_[q] = Step::kBoth;
      }
      const double deletion = arc_edits_[q - 1] + 1 + kMore;
      if (deletion < arc_edits_[q]) {
        arc_edits_[q] = deletion;
        arc_steps_[q] = Step::kWords;
      }
    }
  }

  const std::vector<int32_t> &words_;
  std::vector<double> sums_;
  std::vector<std::vector<Arc>> incoming_;
  std::vector<std::vector<double>> edits_;
  std::vector<double> arc_edits_;
  std::vector<Step> arc_steps_;
};

}  // namespace

template <class L>
std::vector<ArcPosterior> ArcPosteriors(const L &lattice, const CostScales &scales,
                                        double *log_sum) {
  std::vector<ArcPosterior> posteriors;
  if (log_sum) *log_sum = kZero;
  if (lattice.Start() == fst::kNoStateId) return posteriors;
  const std::vector<double> forward = ForwardSums(lattice, scales);
  const std::vector<double> backward = BackwardSums(lattice, scales);
  const double all = backward[Index(lattice.Start())];
  if (log_sum) *log_sum = all;
  for (int s = 0; s < lattice.NumStates(); ++s) {
    for (fst::ArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      const auto &arc = it.Value();
      const double through =
          forward[Index(s)] - PathCost(arc.weight, scales) + backward[Index(arc.nextstate)];
      if (through == kZero) continue;
      posteriors.push_back({s, arc.nextstate, arc.olabel, std::min(1.0, std::exp(through - all))});
    }
  }
  return posteriors;
}

std::vector<int32_t> StateTimes(const CompactLattice &lattice) {
  std::vector<int32_t> times(Index(lattice.NumStates()), -1);
  if (lattice.Start() == fst::kNoStateId) return times;
  times[Index(lattice.Start())] = 0;
  for (int s = 0; s < lattice.NumStates(); ++s) {
    if (times[Index(s)] < 0) continue;
    for (fst::ArcIterator<CompactLattice> it(lattice, s); !it.Done(); it.Next()) {
      const CompactLatticeArc &arc = it.Value();
      const int32_t time = times[Index(s)] + static_cast<int32_t>(arc.weight.String().size());
      int32_t &next = times[Index(arc.nextstate)];
      if (next >= 0 && next != time) {
        throw DataError("state ", arc.nextstate, " of the lattice is after ", next, " frames, or ",
                        time, "; its strings are not those of a search frame by frame");
      }
      next = time;
    }
  }
  return times;
}

template <class L>
std::vector<double> WordConfidences(const L &lattice, const std::vector<int32_t> &words,
                                    const CostScales &scales) {
  return ExpectedEdits<L>(lattice, words, scales).Confidences();
}

template std::vector<ArcPosterior> ArcPosteriors(const Lattice &lattice, const CostScales &scales,
                                                 double *log_sum);
template std::vector<ArcPosterior> ArcPosteriors(const CompactLattice &lattice,
                                                 const CostScales &scales, double *log_sum);
template std::vector<double> WordConfidences(const Lattice &lattice,
                                             const std::vector<int32_t> &words,
                                             const CostScales &scales);
template std::vector<double> WordConfidences(const CompactLattice &lattice,
                                             const std::vector<int32_t> &words,
                                             const CostScales &scales);

}  // namespace u2moe
