#include "decode/rescoring.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/test-util.h"

namespace u2moe {
namespace {

using Hyps = std::vector<std::vector<int32_t>>;

// Tells what it was told to, and remembers what it was asked.
class FakeScorer : public Scorer {
 public:
  FakeScorer(std::vector<double> l2r, std::vector<double> r2l)
      : l2r_(std::move(l2r)), r2l_(std::move(r2l)) {}
  bool HasRightToLeft() const override { return !r2l_.empty(); }
  std::vector<double> ScoreLeftToRight(ConstView, const Hyps &hyps) const override {
    seen = hyps;
    return l2r_;
  }
  std::vector<double> ScoreRightToLeft(ConstView, const Hyps &hyps) const override {
    ++num_right_to_left;
    EXPECT_EQ(hyps, seen);
    return r2l_;
  }
  mutable Hyps seen;
  mutable int num_right_to_left = 0;

 private:
  std::vector<double> l2r_, r2l_;
};

RescoringOptions Options(float ctc_weight, float reverse_weight) {
  RescoringOptions opts;
  opts.ctc_weight = ctc_weight;
  opts.reverse_weight = reverse_weight;
  return opts;
}

TEST(Rescoring, CombinesByHand) {
  const FakeScorer scorer({-10, -12, -8}, {-20, -4, -30});
  const Hyps hyps = {{1, 2}, {}, {3}};
  const auto got = Rescore(scorer, Options(0.5f, 0.25f), ConstView(), hyps, {-2, -4, -1});
  // .75 * -10 + .25 * -20 + .5 * -2 = -13.5; -9 - 1 - 2 = -12; -6 - 7.5 - .5 = -14
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(scorer.seen, hyps);
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
  const FakeScorer scorer({-5, -3, -3, -3}, {-5, -3, -3, -3});
  const auto got = Rescore(scorer, Options(0, 0.5f), ConstView(), Hyps(4), {0, -9, -8, -7});
  EXPECT_EQ(got[0].index, 1);
  EXPECT_EQ(got[1].index, 2);
  EXPECT_EQ(got[2].index, 3);
  EXPECT_EQ(got[3].index, 0);
}

TEST(Rescoring, WeightZeroSwitchesAPartOff) {
  const double inf = std::numeric_limits<double>::infinity();
  const FakeScorer both({-5, -3}, {-inf, -1});
  auto got = Rescore(both, Options(0, 0), ConstView(), Hyps(2), {-inf, -inf});
  EXPECT_EQ(both.num_right_to_left, 0);
  EXPECT_EQ(got[0].index, 1);
  EXPECT_EQ(got[0].total, -3);
  const FakeScorer left_is_impossible({-inf, -3}, {-1, -2});
  got = Rescore(left_is_impossible, Options(0, 1), ConstView(), Hyps(2), {0, 0});
  EXPECT_EQ(got[0].index, 0);
  EXPECT_EQ(got[0].total, -1);
}

TEST(Rescoring, Errors) {
  const FakeScorer one_way({-5}, {});
  EXPECT_THROW(Rescore(one_way, Options(0.5f, 0.3f), ConstView(), Hyps(1), {0}), UsageError);
  EXPECT_EQ(Rescore(one_way, Options(0.5f, 0), ConstView(), Hyps(1), {-2})[0].total, -6);
  EXPECT_TRUE(Rescore(one_way, Options(0.5f, 0), ConstView(), {}, {}).empty());
  EXPECT_THROW(Rescore(one_way, Options(0.5f, 0), ConstView(), Hyps(1), {}), Error);
  EXPECT_THROW(Rescore(one_way, Options(0.5f, 0), ConstView(), Hyps(1), {std::nan("")}), DataError);
  EXPECT_THROW(Options(-1, 0).Check(), UsageError);
  EXPECT_THROW(Options(std::nanf(""), 0).Check(), UsageError);
  EXPECT_THROW(Options(0.5f, 1.5f).Check(), UsageError);
  RescoringOptions().Check();
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
        const auto got = Rescore(FakeScorer(l2r, r2l), opts, ConstView(), hyps, ctc);
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
