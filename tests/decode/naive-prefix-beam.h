// CTC prefix beam search as its contract says it, with label sequences and times written out and
// nothing passed over; and the sum of all paths.
#ifndef U2MOE_TESTS_DECODE_NAIVE_PREFIX_BEAM_H_
#define U2MOE_TESTS_DECODE_NAIVE_PREFIX_BEAM_H_

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "decode/test-posteriors.h"

namespace u2moe {

// The sum of the probabilities of all V^T paths, by label sequence.
inline std::map<std::vector<int32_t>, double> AllPaths(ConstView logp, int32_t blank) {
  std::map<std::vector<int32_t>, double> sums;
  const int64_t frames = logp.Rows(), vocab = logp.Cols();
  int64_t paths = 1;
  for (int64_t t = 0; t < frames; ++t) paths *= vocab;
  for (int64_t p = 0; p < paths; ++p) {
    std::vector<int32_t> labels;
    double score = 0;
    int64_t rest = p, previous = -1;
    for (int64_t t = 0; t < frames; ++t, rest /= vocab) {
      const int64_t k = rest % vocab;
      score += logp(t, k);
      if (k != blank && k != previous) labels.push_back(static_cast<int32_t>(k));
      previous = k;
    }
    sums[labels] += std::exp(score);
  }
  return sums;
}

struct NaiveHypothesis {
  std::vector<int32_t> tokens;
  double blank = -std::numeric_limits<double>::infinity(), nonblank = blank;
  double best_blank = blank, best_nonblank = blank, token_logp = blank;
  double extra = 0;
  std::vector<int32_t> times_blank, times_nonblank;

  static double LogAdd(double a, double b) {
    if (a < b) std::swap(a, b);
    return std::isinf(b) ? a : a + std::log1p(std::exp(b - a));
  }
  double Total() const { return LogAdd(blank, nonblank); }
  double Score() const { return Total() + extra; }
  double Best() const { return std::max(best_blank, best_nonblank); }
  const std::vector<int32_t> &Times() const {
    return best_blank > best_nonblank ? times_blank : times_nonblank;
  }
  int32_t Last() const { return tokens.empty() ? -1 : tokens.back(); }
};

// What a search has beside CTC: a score of the labels alone, and the tokens that are tried beside
// the best ones, given the prefixes of the beam.
struct NaiveExtras {
  std::function<double(const std::vector<int32_t> &)> score = [](const std::vector<int32_t> &) {
    return 0.0;
  };
  std::function<std::vector<int32_t>(const std::vector<std::vector<int32_t>> &)> admitted =
      [](const std::vector<std::vector<int32_t>> &) { return std::vector<int32_t>(); };
};

inline std::vector<NaiveHypothesis> NaivePrefixBeam(ConstView logp, size_t beam, int32_t blank,
                                                    const NaiveExtras &extras = {}) {
  constexpr double kZero = -std::numeric_limits<double>::infinity();
  std::vector<NaiveHypothesis> hyps(1);
  hyps[0].blank = hyps[0].best_blank = hyps[0].best_nonblank = 0;
  for (int64_t t = 0; t < logp.Rows(); ++t) {
    std::vector<int32_t> ids;
    for (int32_t j = 0; j < logp.Cols(); ++j) {
      if (!std::isinf(logp(t, j))) ids.push_back(j);
    }
    std::stable_sort(ids.begin(), ids.end(),
                     [&](int32_t a, int32_t b) { return logp(t, a) > logp(t, b); });
    const size_t kept = std::min(ids.size(), beam);
    std::vector<std::vector<int32_t>> prefixes;
    for (const NaiveHypothesis &h : hyps) prefixes.push_back(h.tokens);
    const std::vector<int32_t> admitted = extras.admitted(prefixes);
    ids.erase(std::remove_if(ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(),
                             [&](int32_t id) {
                               return std::count(admitted.begin(), admitted.end(), id) == 0;
                             }),
              ids.end());
    std::vector<NaiveHypothesis> next;
    const auto find = [&](const std::vector<int32_t> &tokens) {
      for (NaiveHypothesis &h : next) {
        if (h.tokens == tokens) return &h;
      }
      next.emplace_back();
      next.back().tokens = tokens;
      return &next.back();
    };
    for (int32_t id : ids) {
      const double p = logp(t, id);
      for (const NaiveHypothesis &h : hyps) {
        if (id == blank) {
          NaiveHypothesis *n = find(h.tokens);
          n->blank = h.Total() + p;
          n->best_blank = h.Best() + p;
          n->times_blank = h.Times();
          continue;
        }
        const bool repeats = h.Last() == id;
        if (repeats && h.nonblank > kZero) {
          NaiveHypothesis *n = find(h.tokens);
          n->nonblank = NaiveHypothesis::LogAdd(n->nonblank, h.nonblank + p);
          if (n->best_nonblank < h.best_nonblank + p) {
            n->best_nonblank = h.best_nonblank + p;
            if (n->token_logp < p) {
              n->token_logp = p;
              n->times_nonblank = h.times_nonblank;
              n->times_nonblank.back() = static_cast<int32_t>(t);
            }
          }
        }
        const double from = repeats ? h.blank : h.Total();
        if (from == kZero) continue;
        const double best = (repeats ? h.best_blank : h.Best()) + p;
        std::vector<int32_t> tokens = h.tokens;
        tokens.push_back(id);
        NaiveHypothesis *n = find(tokens);
        n->nonblank = NaiveHypothesis::LogAdd(n->nonblank, from + p);
        if (n->best_nonblank < best) {
          n->best_nonblank = best;
          n->token_logp = p;
          n->times_nonblank = repeats ? h.times_blank : h.Times();
          n->times_nonblank.push_back(static_cast<int32_t>(t));
        }
      }
    }
    for (NaiveHypothesis &h : next) h.extra = extras.score(h.tokens);
    std::stable_sort(next.begin(), next.end(),
                     [](const auto &a, const auto &b) { return a.Score() > b.Score(); });
    next.resize(std::min(next.size(), beam));
    hyps = std::move(next);
  }
  return hyps;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_DECODE_NAIVE_PREFIX_BEAM_H_
