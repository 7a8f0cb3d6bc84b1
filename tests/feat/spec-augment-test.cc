#include "feat/spec-augment.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "support/golden-report.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"

namespace u2moe {
namespace {

// Plays recorded [low, high, value] draws back and checks that each is asked for as recorded.
class Replay {
 public:
  explicit Replay(const nlohmann::json &draws) : draws_(draws) {}
  DrawInt Draw() {
    return [this](int64_t low, int64_t high) {
      EXPECT_LT(next_, draws_.size());
      const nlohmann::json &d = draws_.at(next_++);
      EXPECT_EQ(d.at(0).get<int64_t>(), low);
      EXPECT_EQ(d.at(1).get<int64_t>(), high);
      return d.at(2).get<int64_t>();
    };
  }
  bool Finished() const { return next_ == draws_.size(); }

 private:
  nlohmann::json draws_;
  size_t next_ = 0;
};

TEST(SpecAugment, AgreesWithWenetOnRecordedDraws) {
  const std::string draws = GoldenPath("specaug/draws.json"),
                    input = GoldenPath("specaug/input.ark"),
                    output = GoldenPath("specaug/output.ark");
  if (draws.empty() || input.empty() || output.empty()) GTEST_SKIP() << "no golden specaug";
  const nlohmann::json cases = nlohmann::json::parse(ReadFile(draws));
  RandomAccessMatrixReader in("ark:" + input), out("ark:" + output);
  double worst = 0;
  for (const auto &[name, c] : cases.items()) {
    SCOPED_TRACE(name);
    Tensor x = in.Value("utt");
    int64_t num_frames = x.Rows();
    Replay replay(c.at("draws"));
    const nlohmann::json &o = c.at("options");
    SpecAugmentOptions opts;
    opts.num_t_mask = opts.num_f_mask = 0;
    const std::string function = c.at("function");
    if (function == "spec_aug") {
      opts.num_t_mask = o.at("num_t_mask");
      opts.num_f_mask = o.at("num_f_mask");
      opts.max_t = o.at("max_t");
      opts.max_f = o.at("max_f");
    } else if (function == "spec_sub") {
      opts.num_t_sub = o.at("num_t_sub");
      opts.max_t_sub = o.at("max_t");
    } else {
      ASSERT_EQ(function, "spec_trim");
      opts.max_t_trim = o.at("max_t");
    }
    num_frames = ApplySpecAugment(opts, replay.Draw(), x);
    EXPECT_TRUE(replay.Finished());
    const Tensor &want = out.Value(name);
    ASSERT_EQ(num_frames, want.Rows());
    worst = std::max(worst, MaxAbsDiff(x.View().RowRange(0, num_frames), want));
  }
  EXPECT_EQ(cases.size(), 9u);
  ReportGolden("specaug", "specaug/output.ark", worst, 0);
}

TEST(SpecAugment, OneRowOneColumnAndNothing) {
  Rng rng(1);
  SpecAugmentOptions opts;
  opts.num_t_sub = 3;
  opts.max_t_trim = 5;
  Tensor empty(0, 4);
  EXPECT_EQ(ApplySpecAugment(
                [] {
                  SpecAugmentOptions o;
                  return o;
                }(),
                DrawFrom(&rng), empty),
            0);
  Tensor one = RandomTensor(&rng, 1, 1);
  EXPECT_EQ(ApplySpecAugment(opts, DrawFrom(&rng), one), 1);
  EXPECT_EQ(one(0, 0), 0);
}

TEST(SpecAugment, TouchesOnlyItsViewAndWholeStripes) {
  Rng rng(2);
  Tensor x = RandomTensor(&rng, 60, 20);
  const Tensor before = x;
  const View inner = View(x.Data() + 20 * 5 + 3, 50, 14, 20);
  SpecAugment(2, 10, 2, 4, DrawFrom(&rng), inner);
  std::set<int64_t> rows, columns;
  int64_t num_zero = 0;
  for (int64_t t = 0; t < 60; ++t) {
    for (int64_t d = 0; d < 20; ++d) {
      if (t < 5 || t >= 55 || d < 3 || d >= 17) {
        ASSERT_EQ(x(t, d), before(t, d));
      } else if (x(t, d) == 0) {
        ++num_zero;
      } else {
        ASSERT_EQ(x(t, d), before(t, d));
      }
    }
  }
  for (int64_t t = 5; t < 55; ++t) {
    bool all = true;
    for (int64_t d = 3; d < 17; ++d) all &= x(t, d) == 0;
    if (all) rows.insert(t);
  }
  for (int64_t d = 3; d < 17; ++d) {
    bool all = true;
    for (int64_t t = 5; t < 55; ++t) all &= x(t, d) == 0;
    if (all) columns.insert(d);
  }
  const int64_t r = static_cast<int64_t>(rows.size()), c = static_cast<int64_t>(columns.size());
  EXPECT_GE(r, 1);
  EXPECT_LE(r, 20);
  EXPECT_GE(c, 1);
  EXPECT_LE(c, 8);
  EXPECT_EQ(num_zero, r * 14 + c * 50 - r * c);
}

TEST(SpecAugment, TrimKeepsMoreThanHalf) {
  EXPECT_EQ(SpecTrim(10, 9, [](int64_t, int64_t) { return 4; }), 6);
  EXPECT_EQ(SpecTrim(10, 9, [](int64_t, int64_t) { return 5; }), 10);
  EXPECT_EQ(SpecTrim(9, 9, [](int64_t, int64_t) { return 4; }), 5);
}

TEST(SpecAugment, OptionsAreChecked) {
  SpecAugmentOptions opts;
  opts.Check();
  opts.max_t = 0;
  EXPECT_THROW(opts.Check(), UsageError);
  opts.num_t_mask = 0;
  opts.Check();
  opts.num_f_mask = -1;
  EXPECT_THROW(opts.Check(), UsageError);
}

}  // namespace
}  // namespace u2moe
