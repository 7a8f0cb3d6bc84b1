#include "decode/tune-weights.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

constexpr double kStep = 0.05, kBonusStep = 0.25;  // of the refinement, at first

}  // namespace

int64_t TuningErrors(const TuningSet &set, const RescoringOptions &weights) {
  int64_t errors = 0;
  for (const TuningList &list : set.lists) {
    size_t best = 0;
    double best_total = 0;
    for (size_t i = 0; i < list.hyps.size(); ++i) {
      const double total = RescoredTotal(weights, list.hyps[i]);
      if (i == 0 || total > best_total) {
        best = i;
        best_total = total;
      }
    }
    errors += list.errors[best];
  }
  return errors;
}

RescoringOptions UntunedWeights(const TuningSet &set) {
  RescoringOptions weights;
  if (!set.has_right_to_left) weights.reverse_weight = 0;
  return weights;
}

int64_t OracleErrors(const TuningSet &set) {
  int64_t errors = 0;
  for (const TuningList &list : set.lists)
    errors += *std::min_element(list.errors.begin(), list.errors.end());
  return errors;
}

double DistanceFromUntuned(const TuningSet &set, const RescoringOptions &weights) {
  const RescoringOptions plain = UntunedWeights(set);
  // Weights are decimals of a few digits: what floats add to them does not decide ties.
  const auto steps = [](float a, float b, double step) {
    return std::round(std::fabs(static_cast<double>(a) - static_cast<double>(b)) * 1e6) / 1e6 /
           step;
  };
  return std::round(1e6 * (steps(weights.ctc_weight, plain.ctc_weight, kStep) +
                           steps(weights.reverse_weight, plain.reverse_weight, kStep) +
                           steps(weights.lm_weight, plain.lm_weight, kStep) +
                           steps(weights.length_bonus, plain.length_bonus, kBonusStep))) /
         1e6;
}

bool Better(const TuningSet &set, const TunedWeights &a, const TunedWeights &b) {
  if (a.errors != b.errors) return a.errors < b.errors;
  const auto key = [&](const TunedWeights &t) {
    const RescoringOptions &w = t.weights;
    return std::make_tuple(DistanceFromUntuned(set, w), w.lm_weight, std::fabs(w.length_bonus),
                           w.reverse_weight, w.ctc_weight, w.length_bonus);
  };
  return key(a) < key(b);
}

namespace {

void Try(const TuningSet &set, const RescoringOptions &weights, bool *any, TunedWeights *best) {
  const TunedWeights found{weights, TuningErrors(set, weights)};
  if (*any && !Better(set, found, *best)) return;
  *best = found;
  *any = true;
}

}  // namespace

TunedWeights SearchGrid(const TuningSet &set, const TuningGrid &grid) {
  CHECK(!set.lists.empty());
  const std::vector<float> none = {0};
  TunedWeights best;
  bool any = false;
  for (const float lm : set.has_language ? grid.lm : none) {
    for (const float bonus : grid.bonus) {
      for (const float reverse : set.has_right_to_left ? grid.reverse : none) {
        for (const float ctc : grid.ctc) {
          RescoringOptions w;
          w.ctc_weight = ctc;
          w.reverse_weight = reverse;
          w.lm_weight = lm;
          w.length_bonus = bonus;
          Try(set, w, &any, &best);
        }
      }
    }
  }
  CHECK(any) << "an empty grid";
  return best;
}

TunedWeights RefineWeights(const TuningSet &set, TunedWeights from, int halvings) {
  TunedWeights best = from;
  double step = kStep, bonus_step = kBonusStep;
  for (int n = 0; n <= halvings; ++n, step /= 2, bonus_step /= 2) {
    // From the float to the decimal that was meant, so that 0.3 - 0.05 is 0.25.
    const auto moved = [&](float x, int by, double unit) {
      return static_cast<float>(std::round((static_cast<double>(x) + by * unit) * 1e6) / 1e6);
    };
    for (bool moves = true; moves;) {
      moves = false;
      const RescoringOptions at = best.weights;
      for (int lm = -1; lm <= 1; ++lm) {
        if (lm != 0 && !set.has_language) continue;
        for (int bonus = -1; bonus <= 1; ++bonus) {
          for (int reverse = -1; reverse <= 1; ++reverse) {
            if (reverse != 0 && !set.has_right_to_left) continue;
            for (int ctc = -1; ctc <= 1; ++ctc) {
              RescoringOptions w;
              w.ctc_weight = moved(at.ctc_weight, ctc, step);
              w.reverse_weight = moved(at.reverse_weight, reverse, step);
              w.lm_weight = moved(at.lm_weight, lm, step);
              w.length_bonus = moved(at.length_bonus, bonus, bonus_step);
              if (w.ctc_weight < 0 || w.reverse_weight < 0 || w.reverse_weight > 1 ||
                  w.lm_weight < 0)
                continue;
              bool any = true;
              const TunedWeights before = best;
              Try(set, w, &any, &best);
              moves = moves || Better(set, best, before);
            }
          }
        }
      }
    }
  }
  bool any = true;
  if (halvings >= 0) Try(set, UntunedWeights(set), &any, &best);
  return best;
}

}  // namespace u2moe
