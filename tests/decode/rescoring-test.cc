#include "decode/rescoring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Hyps = std::vector<std::vector<int32_t>>;

// Tells what it was told of each hypothesis of a list, and remembers how many it was asked for.
class FakeScorer : public Scorer {
 public:
  FakeScorer(const Hyps &list, std::vector<double> l2r, std::vector<double> r2l)
      : list_(list), l2r_(std::move(l2r)), r2l_(std::move(r2l)) {}
  bool HasRightToLeft() const override { return !r2l_.empty(); }
  std::unique_ptr<HypothesisScorer> LeftToRight(ConstView) const override {
    return std::make_unique<Direction>(list_, l2r_, &left_to_right);
  }
  std::unique_ptr<HypothesisScorer> RightToLeft(ConstView) const override {
    return std::make_unique<Direction>(list_, r2l_, &right_to_left);
  }
  mutable size_t left_to_right = 0, right_to_left = 0;

 private:
  class Direction : public HypothesisScorer {
   public:
    Direction(const Hyps &list, const std::vector<double> &scores, size_t *asked)
        : list_(list), scores_(scores), asked_(asked) {}
    std::vector<double> Score(const Hyps &hyps) const override {
      std::vector<double> found;
      for (const auto &hyp : hyps) {
        const auto at = std::find(list_.begin(), list_.end(), hyp);
        found.push_back(scores_.at(static_cast<size_t>(at - list_.begin())));
      }
      *asked_ += hyps.size();
      return found;
    }

   private:
    const Hyps &list_;
    const std::vector<double> &scores_;
    size_t *asked_;
  };

  const Hyps list_;
  const std::vector<double> l2r_, r2l_;
};

Hyps Numbered(int32_t count) {
  Hyps list;
  for (int32_t i = 0; i < count; ++i) list.push_back({i});
  return list;
}

RescoringOptions Options(float ctc_weight, float reverse_weight) {
  RescoringOptions opts;
  opts.ctc_weight = ctc_weight;
  opts.reverse_weight = reverse_weight;
  return opts;
}

TEST(Rescoring, CombinesByHand) {
  const Hyps hyps = {{1, 2}, {}, {3}};
  const FakeScorer scorer(hyps, {-10, -12, -8}, {-20, -4, -30});
  const auto got = Rescore(scorer, Options(0.5f, 0.25f), ConstView(), hyps, {-2, -4, -1});
  // .75 * -10 + .25 * -20 + .5 * -2 = -13.5; -9 - 1 - 2 = -12; -6 - 7.5 - .5 = -14
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].index, 1);  // an empty hypothesis may win
  EXPECT_EQ(got[0].total, -12.0);
  EXPECT_EQ(got[0].left_to_right, -12.0);
  EXPECT_EQ(got[0].right_to_left, -4.0);
  EXPECT_EQ(got[0].ctc, -4.0);
  EXPECT_EQ(got[1].index, 0);
  EXPECT_EQ(got[1].total, -13.5);
  EXPECT_EQ(got[2].index, 2);
  EXPECT_EQ(got[2].total, -14.0);
}

TEST(Rescoring, FirstBestWinsTies) {
  const FakeScorer scorer(Numbered(4), {-5, -3, -3, -3}, {-5, -3, -3, -3});
  const auto got = Rescore(scorer, Options(0, 0.5f), ConstView(), Numbered(4), {0, -9, -8, -7});
  EXPECT_EQ(got[0].index, 1);
  EXPECT_EQ(got[1].index, 2);
  EXPECT_EQ(got[2].index, 3);
  EXPECT_EQ(got[3].index, 0);
}

TEST(Rescoring, WeightZeroSwitchesAPartOff) {
  const double inf = std::numeric_limits<double>::infinity();
  const FakeScorer both(Numbered(2), {-5, -3}, {-inf, -1});
  auto got = Rescore(both, Options(0, 0), ConstView(), Numbered(2), {-inf, -inf});
  EXPECT_EQ(both.right_to_left, 0u);
  EXPECT_EQ(got[0].index, 1);
  EXPECT_EQ(got[0].total, -3);
  const FakeScorer left_is_impossible(Numbered(2), {-inf, -3}, {-1, -2});
  got = Rescore(left_is_impossible, Options(0, 1), ConstView(), Numbered(2), {0, 0});
  EXPECT_EQ(got[0].index, 0);
  EXPECT_EQ(got[0].total, -1);
}

TEST(Rescoring, Errors) {
  const FakeScorer one_way(Numbered(1), {-5}, {});
  EXPECT_THROW(Rescore(one_way, Options(0.5f, 0.3f), ConstView(), Numbered(1), {0}), UsageError);
  EXPECT_EQ(Rescore(one_way, Options(0.5f, 0), ConstView(), Numbered(1), {-2})[0].total, -6);
  EXPECT_TRUE(Rescore(one_way, Options(0.5f, 0), ConstView(), {}, {}).empty());
  EXPECT_THROW(Rescore(one_way, Options(0.5f, 0), ConstView(), Numbered(1), {}), Error);
  EXPECT_THROW(Rescore(one_way, Options(0.5f, 0), ConstView(), Numbered(1), {std::nan("")}),
               DataError);
  EXPECT_THROW(Options(-1, 0).Check(), UsageError);
  EXPECT_THROW(Options(std::nanf(""), 0).Check(), UsageError);
  EXPECT_THROW(Options(0.5f, 1.5f).Check(), UsageError);
  RescoringOptions().Check();
}

TEST(Rescoring, OnlyContendersAreReadFromRightToLeft) {
  const Hyps hyps = Numbered(4);
  const FakeScorer scorer(hyps, {-4, -2, -9, -3}, {-1, -6, -1, -2});
  // Bounds of half the left-to-right scores: -2, -1, -4.5, -1.5. The leader is 1 with -1 - 3 = -4,
  // so 2 is out.
  const std::vector<double> ctc(4, 0.0);
  const auto got = ScoreContenders(scorer, {Options(0, 0.5f)}, ConstView(), hyps, ctc);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(scorer.left_to_right, 4u);
  EXPECT_EQ(scorer.right_to_left, 3u);
  EXPECT_EQ(got[1].index, 1);
  EXPECT_EQ(got[1].right_to_left, -6);
  EXPECT_EQ(got[2].index, 3);  // the order of the list
  EXPECT_EQ(got[2].right_to_left, -2);
  // Without the other direction nobody is left out, and nobody is read.
  const FakeScorer one_way(hyps, {-4, -2, -9, -3}, {});
  EXPECT_EQ(ScoreContenders(one_way, {Options(0, 0)}, ConstView(), hyps, ctc).size(), 4u);
  EXPECT_TRUE(ScoreContenders(scorer, {Options(0, 0.5f)}, ConstView(), {}, {}).empty());
  EXPECT_THROW(ScoreContenders(one_way, {Options(0, 0), Options(0, 0.5f)}, ConstView(), hyps, ctc),
               UsageError);
}

// Whole numbers make ties; probabilities of 0 and of 1 are among them.
TEST(Rescoring, ContendersDecideLikeAll) {
  Rng rng(3);
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<RescoringOptions> sweep = {Options(0.5f, 0.3f), Options(0, 0.5f), Options(1, 0),
                                               Options(0, 1), Options(2, 0.9f)};
  size_t asked = 0, all = 0;
  for (int n = 0; n < 2000; ++n) {
    const int32_t count = static_cast<int32_t>(rng.UniformInt(1, 10));
    const auto draw = [&](int64_t worst) {
      std::vector<double> scores;
      for (int32_t i = 0; i < count; ++i)
        scores.push_back(rng.UniformInt(0, 30) == 0 ? -inf : -rng.UniformInt(0, worst));
      return scores;
    };
    const Hyps hyps = Numbered(count);
    const auto ctc = draw(6), l2r = draw(12), r2l = draw(12);
    const size_t first = static_cast<size_t>(rng.UniformInt(0, 4)),
                 last = static_cast<size_t>(rng.UniformInt(first, 4));
    const std::vector<RescoringOptions> weights(sweep.begin() + first, sweep.begin() + last + 1);
    const FakeScorer scorer(hyps, l2r, r2l);
    const auto some = ScoreContenders(scorer, weights, ConstView(), hyps, ctc);
    asked += scorer.right_to_left;
    all += hyps.size();
    for (const RescoringOptions &w : weights) {
      const auto want = Rescore(scorer, w, ConstView(), hyps, ctc)[0], got = Combine(w, some)[0];
      EXPECT_EQ(got.index, want.index) << n << ": " << w.ToString();
      EXPECT_EQ(got.total, want.total) << n << ": " << w.ToString();
    }
  }
  EXPECT_GT(asked, all / 4);
  EXPECT_LT(asked, 9 * all / 10);
}

TEST(Rescoring, ContendersWithNaNAreAnError) {
  const double nan = std::nan("");
  const Hyps hyps = Numbered(3);
  for (size_t bad = 0; bad < 3; ++bad) {
    std::vector<double> l2r = {-5, -1, -9}, r2l = {-1, -1, -1};
    l2r[bad] = nan;
    const FakeScorer scorer(hyps, l2r, r2l);
    const auto got = ScoreContenders(scorer, {Options(0, 0.5f)}, ConstView(), hyps, {0, 0, 0});
    EXPECT_THROW(Combine(Options(0, 0.5f), got), DataError) << bad;
  }
}

// WeNet's numbers: the combination of its decoder scores, and which hypothesis that chooses.
TEST(Rescoring, GoldenDecodes) {
  int num_lists = 0;
  for (const char *model : {"dense", "moe", "dense_offline", "moe_conv2d6"}) {
    const std::string path = GoldenPath(std::string("models/") + model + "/decode.json");
    if (path.empty()) GTEST_SKIP() << "no models/" << model << "/decode.json";
    const auto golden = nlohmann::json::parse(ReadFile(path));
    const RescoringOptions opts =
        Options(golden["settings"]["ctc_weight"], golden["settings"]["reverse_weight"]);
    for (const auto &mode : golden["results"].items()) {
      for (const auto &utt : mode.value().items()) {
        Hyps hyps;
        std::vector<double> ctc, l2r, r2l;
        for (const auto &h : utt.value()["nbest"]) {
          hyps.push_back(h["tokens"].get<std::vector<int32_t>>());
          ctc.push_back(h["ctc_score"]);
          l2r.push_back(h["l2r"]);
          r2l.push_back(h["r2l"]);
        }
        const auto got = Rescore(FakeScorer(hyps, l2r, r2l), opts, ConstView(), hyps, ctc);
        ASSERT_EQ(got.size(), hyps.size());
        for (const RescoredHypothesis &h : got) {
          const double want = utt.value()["nbest"][static_cast<size_t>(h.index)]["total"];
          EXPECT_NEAR(h.total, want, 1e-6 * std::fabs(want));
        }
        const auto &chosen = utt.value()["attention_rescoring"];
        EXPECT_EQ(hyps[static_cast<size_t>(got[0].index)],
                  chosen["tokens"].get<std::vector<int32_t>>());
        EXPECT_NEAR(got[0].total, chosen["score"].get<double>(), 1e-4);
        ++num_lists;
      }
    }
  }
  EXPECT_GE(num_lists, 16);
}

}  // namespace
}  // namespace u2moe
