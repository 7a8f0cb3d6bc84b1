// The choice of weights against trying them all, and ties.
#include "decode/tune-weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "base/rng.h"

namespace u2moe {
namespace {

RescoredHypothesis Hyp(double l2r, double ctc, double r2l, double language, int32_t length) {
  RescoredHypothesis h;
  h.left_to_right = l2r;
  h.ctc = ctc;
  h.right_to_left = r2l;
  h.language = language;
  h.length = length;
  return h;
}

TuningGrid SmallGrid() { return {{0, 0.5f, 1}, {0, 0.5f, 1}, {0, 0.3f}, {-0.5f, 0, 0.5f}}; }

TuningSet RandomSet(Rng *rng, bool reverse, bool language) {
  TuningSet set;
  set.has_right_to_left = reverse;
  set.has_language = language;
  for (int64_t n = rng->UniformInt(1, 12); n > 0; --n) {
    set.lists.emplace_back();
    for (int64_t h = rng->UniformInt(1, 6); h > 0; --h) {
      const auto draw = [&] { return 3 * static_cast<double>(rng->Normal()); };
      set.lists.back().hyps.push_back(
          Hyp(draw(), draw(), draw(), draw(), static_cast<int32_t>(rng->UniformInt(0, 9))));
      set.lists.back().errors.push_back(rng->UniformInt(0, 3));
    }
    set.num_units += 3;
  }
  return set;
}

TEST(TuneWeights, ErrorsAreThoseOfTheRescoring) {
  Rng rng(1);
  for (int n = 0; n < 100; ++n) {
    const TuningSet set = RandomSet(&rng, true, true);
    RescoringOptions w;
    w.ctc_weight = static_cast<float>(std::fabs(rng.Normal()));
    w.reverse_weight = 0.25f * static_cast<float>(rng.UniformInt(0, 4));
    w.lm_weight = n % 2 == 0 ? 0 : 0.4f;
    w.length_bonus = static_cast<float>(rng.Normal());
    int64_t want = 0, oracle = 0;
    for (const TuningList &list : set.lists) {
      std::vector<RescoredHypothesis> hyps = list.hyps;
      for (size_t i = 0; i < hyps.size(); ++i) hyps[i].index = static_cast<int32_t>(i);
      want += list.errors[static_cast<size_t>(Combine(w, hyps)[0].index)];
      oracle += *std::min_element(list.errors.begin(), list.errors.end());
    }
    EXPECT_EQ(TuningErrors(set, w), want);
    EXPECT_EQ(OracleErrors(set), oracle);
    EXPECT_LE(oracle, want);
  }
}

TEST(TuneWeights, TheGridsBest) {
  Rng rng(2);
  const TuningGrid grid = SmallGrid();
  for (int n = 0; n < 40; ++n) {
    const TuningSet set = RandomSet(&rng, n % 2 == 0, n % 3 == 0);
    std::optional<TunedWeights> want;
    for (const float lm : grid.lm) {
      for (const float bonus : grid.bonus) {
        for (const float reverse : grid.reverse) {
          for (const float ctc : grid.ctc) {
            RescoringOptions w;
            w.ctc_weight = ctc;
            w.reverse_weight = set.has_right_to_left ? reverse : 0;
            w.lm_weight = set.has_language ? lm : 0;
            w.length_bonus = bonus;
            const TunedWeights t{w, TuningErrors(set, w)};
            if (!want || Better(set, t, *want)) want = t;
          }
        }
      }
    }
    const TunedWeights got = SearchGrid(set, grid), fine = RefineWeights(set, got, 3);
    EXPECT_EQ(got.errors, want->errors);
    EXPECT_EQ(got.weights.ToString(), want->weights.ToString());
    EXPECT_LE(fine.errors, got.errors);
    EXPECT_FALSE(Better(set, got, fine));
    EXPECT_EQ(fine.errors, TuningErrors(set, fine.weights));
    fine.weights.Check();
    if (!set.has_right_to_left) {
      EXPECT_EQ(fine.weights.reverse_weight, 0);
    }
    if (!set.has_language) {
      EXPECT_EQ(fine.weights.lm_weight, 0);
    }
  }
}

// Two lists that only a CTC weight from 0.625 to 0.7 gets right, which the grid does not have.
TEST(TuneWeights, RefinementFindsWhatLiesBetween) {
  TuningSet set;
  set.num_units = 4;
  set.lists.push_back({{Hyp(-10, -4, 0, 0, 2), Hyp(-7, -8.8, 0, 0, 2)}, {0, 1}});   // c >= 0.625
  set.lists.push_back({{Hyp(-10, -6, 0, 0, 2), Hyp(-12.8, -2, 0, 0, 2)}, {0, 1}});  // c <= 0.7
  TuningGrid grid = SmallGrid();
  grid.bonus = {0};
  const TunedWeights coarse = SearchGrid(set, grid);
  EXPECT_EQ(coarse.errors, 1);
  RescoringOptions from;
  from.ctc_weight = 0.5f;
  from.reverse_weight = 0;
  const TunedWeights fine = RefineWeights(set, {from, TuningErrors(set, from)}, 3);
  EXPECT_EQ(fine.errors, 1);  // 0.55 and 0.45 are no better: nothing to climb
  from.ctc_weight = 0.6f;
  const TunedWeights near = RefineWeights(set, {from, TuningErrors(set, from)}, 3);
  EXPECT_EQ(near.errors, 0);
  EXPECT_GE(near.weights.ctc_weight, 0.625f);  // where both tie, the first wins
  EXPECT_LE(near.weights.ctc_weight, 0.7f);
}

TuningSet UndecidedSet(bool reverse, bool language) {
  TuningSet set;
  set.has_right_to_left = reverse;
  set.has_language = language;
  set.num_units = 1;
  set.lists.push_back({{Hyp(-1, -1, -1, -1, 1), Hyp(-2, -2, -2, -2, 1)}, {0, 1}});
  return set;
}

// A set that cannot tell keeps what attention-rescore has without tuning, or what of the grid is
// nearest to it.
TEST(TuneWeights, TiesGoToTheUntunedWeights) {
  for (const bool reverse : {false, true}) {
    for (const bool language : {false, true}) {
      const TuningSet set = UndecidedSet(reverse, language);
      TuningGrid grid{{0, 0.5f, 1}, {0, 0.3f, 1}, {0, 0.3f}, {-0.5f, 0, 0.5f}};
      const RescoringOptions plain = UntunedWeights(set);
      EXPECT_EQ(SearchGrid(set, grid).weights.ToString(), plain.ToString());
      EXPECT_EQ(DistanceFromUntuned(set, plain), 0);
      grid = {{0, 0.75f, 3}, {0, 0.2f, 1}, {0.3f, 1}, {-0.5f, 0.25f, 0.5f}};
      const TunedWeights got = SearchGrid(set, grid);
      EXPECT_EQ(got.errors, 0);
      EXPECT_EQ(got.weights.ctc_weight, 0.75f);
      EXPECT_EQ(got.weights.reverse_weight, reverse ? 0.2f : 0.f);
      EXPECT_EQ(got.weights.lm_weight, language ? 0.3f : 0.f);
      EXPECT_EQ(got.weights.length_bonus, 0.25f);
      EXPECT_EQ(DistanceFromUntuned(set, got.weights),
                5 + (reverse ? 2 : 0) + (language ? 6 : 0) + 1);
      EXPECT_EQ(RefineWeights(set, got, -1).weights.ToString(), got.weights.ToString());
      EXPECT_EQ(RefineWeights(set, got, 0).weights.ToString(), plain.ToString());
    }
  }
}

// The untuned weights win a tie however the way to them is barred: between them and the grid's
// point lies one that errs.
TEST(TuneWeights, UntunedWeightsAreAlwaysTried) {
  TuningSet set;
  set.num_units = 1;  // from 0.6 to 0.8 the second one wins
  set.lists.push_back(
      {{Hyp(-10, -10, 0, 0, 2), Hyp(-10.6, -9, 0, 0, 2), Hyp(-11.4, -8, 0, 0, 2)}, {0, 1, 0}});
  RescoringOptions from;
  from.reverse_weight = 0;
  from.ctc_weight = 0.7f;
  EXPECT_EQ(TuningErrors(set, from), 1);
  from.ctc_weight = 1;
  const TunedWeights got = RefineWeights(set, {from, TuningErrors(set, from)}, 1);
  EXPECT_EQ(got.errors, 0);
  EXPECT_EQ(got.weights.ctc_weight, 0.5f);
}

// Errors come first, however far.
TEST(TuneWeights, FewerErrorsAreWorthTheWay) {
  const TuningSet set = UndecidedSet(true, true);
  RescoringOptions far;
  far.ctc_weight = 3;
  EXPECT_TRUE(Better(set, {far, 1}, {UntunedWeights(set), 2}));
  EXPECT_FALSE(Better(set, {far, 2}, {UntunedWeights(set), 2}));
}

}  // namespace
}  // namespace u2moe
