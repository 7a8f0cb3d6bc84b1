#include "ops/ctc-loss.h"

#include <nlohmann/json.hpp>

#include "ops/ref/ctc-loss.h"
#include "ops/softmax.h"
#include "support/golden-report.h"
#include "support/op-test.h"
#include "table/kaldi-tables.h"

namespace u2moe {
namespace {

RefMatrix LogSoftmax(const RefMatrix &x) {
  RefMatrix y = x;
  for (int64_t t = 0; t < x.rows; ++t) {
    double total = 0;
    for (int64_t v = 0; v < x.cols; ++v) total += std::exp(x(t, v));
    for (int64_t v = 0; v < x.cols; ++v) y(t, v) -= std::log(total);
  }
  return y;
}

// All label sequences up to max_length over V - 1 labels.
std::vector<std::vector<int32_t>> AllLabels(int64_t vocabulary, int32_t blank, size_t max_length) {
  std::vector<std::vector<int32_t>> all{{}};
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].size() == max_length) continue;
    for (int32_t v = 0; v < vocabulary; ++v) {
      if (v == blank) continue;
      all.push_back(all[i]);
      all.back().push_back(v);
    }
  }
  return all;
}

// Every label sequence, also longer ones than the frames can carry.
TEST(CtcLoss, IsTheSumOverAllPaths) {
  Context ctx;
  Rng rng(1);
  int64_t impossible = 0, possible = 0;
  ForOpTargets(&rng, [&](int64_t) {
    for (int64_t vocabulary = 1; vocabulary <= 4; ++vocabulary) {
      for (int64_t frames = 1; frames <= 5; ++frames) {
        const int32_t blank = static_cast<int32_t>((frames + vocabulary) % vocabulary);
        Tensor logp = RandomTensor(&rng, frames, vocabulary, 2);
        LogSoftmaxForward(ctx, logp, logp);
        const RefMatrix reference(logp.View());
        for (const auto &labels : AllLabels(vocabulary, blank, vocabulary == 4 ? 3 : 6)) {
          Tensor d(frames, vocabulary);
          const double loss = CtcLoss(ctx, logp, labels, blank, 1, d);
          if (CtcMinFrames(labels) > frames) {
            ++impossible;
            EXPECT_EQ(loss, std::numeric_limits<double>::infinity());
            EXPECT_EQ(MaxAbsDiff(d, Tensor::Zeros(frames, vocabulary)), 0);
          } else {
            ++possible;
            EXPECT_NEAR(loss, ref::CtcLossByPaths<double>(reference, labels, blank), 1e-6);
          }
        }
      }
    }
  });
  EXPECT_GT(impossible, 100);
  EXPECT_GT(possible, 100);
}

TEST(CtcLoss, GradientIsOfTheLogits) {
  Context ctx;
  Rng rng(2);
  struct Case {
    int64_t frames, vocabulary;
    int32_t blank;
    std::vector<int32_t> labels;
  };
  const std::vector<Case> cases = {{1, 1, 0, {}},
                                   {1, 3, 0, {2}},
                                   {4, 3, 2, {}},
                                   {7, 5, 0, {1, 1, 3}},
                                   {5, 5, 3, {1, 1, 1}},  // just fits
                                   {9, 4, 1, {0, 2, 3, 3, 0}},
                                   {20, 19, 0, {5, 18, 5, 5, 7, 1}},
                                   {12, 17, 16, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}};
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : cases) {
      for (int64_t padding : {0, 3}) {
        SCOPED_TRACE(Cat(c.frames, "x", c.vocabulary, " labels ", c.labels.size()));
        Tensor x = RandomTensor(&rng, c.frames, c.vocabulary, 2);
        GuardedMatrix logp(x, padding), d(c.frames, c.vocabulary, padding);
        LogSoftmaxForward(ctx, logp, logp);
        const double got = CtcLoss(ctx, logp, c.labels, c.blank, 0.3f, d);
        EXPECT_TRUE(d.Intact());
        RefMatrix logits(x.View());
        const auto loss = [&] {
          return ref::CtcLoss<double>(LogSoftmax(logits), c.labels, c.blank);
        };
        EXPECT_NEAR(got, loss(), 1e-5);
        const auto weighted = [&] { return 0.3 * loss(); };
        EXPECT_LT(GradientError(weighted, &logits, d), 2e-6);
        EXPECT_EQ(CtcLoss(ctx, logp, c.labels, c.blank, 0.3f, View()), got);
        // In the place of logp: the same bits.
        EXPECT_EQ(CtcLoss(ctx, logp, c.labels, c.blank, 0.3f, logp), got);
        EXPECT_EQ(MaxAbsDiff(logp, d), 0);
      }
    }
  });
}

TEST(CtcLoss, IsWenets) {
  const std::string path = GoldenPath("losses/ctc.json");
  if (path.empty()) GTEST_SKIP() << "no golden losses";
  Context ctx;
  const nlohmann::json golden = nlohmann::json::parse(ReadFile(path));
  RandomAccessMatrixReader logits("ark:" + GoldenPath("losses/ctc_logits.ark")),
      gradients("ark:" + GoldenPath("losses/ctc_grad.ark"));
  const auto frames = golden.at("frames").get<std::vector<int64_t>>();
  const auto lengths = golden.at("target_lengths").get<std::vector<int64_t>>();
  ASSERT_EQ(frames.size(), 5u);
  double worst = 0, worst_loss = 0;
  ForOpTargets([&](int64_t) {
    double loss = 0;
    for (size_t r = 0; r < frames.size(); ++r) {
      SCOPED_TRACE(r);
      const std::string key = Cat("row", r);
      auto labels = golden.at("target").at(r).get<std::vector<int32_t>>();
      labels.resize(static_cast<size_t>(lengths[r]));
      const Tensor x = logits.Value(key), want = gradients.Value(key);
      Tensor logp(frames[r], x.Cols()), d(frames[r], x.Cols());
      LogSoftmaxForward(ctx, x.View().RowRange(0, frames[r]), logp);
      const double row = CtcLoss(ctx, logp, labels, 0, 1.f / 5, d);
      EXPECT_EQ(std::isinf(row), r == 3);
      if (r != 3) loss += row;
      worst = std::max(worst, MaxAbsDiff(d, want.View().RowRange(0, frames[r])));
    }
    worst_loss = std::max(worst_loss, Deviation(loss / 5, golden.at("loss")));
  });
  ReportGolden("losses", "losses/ctc_grad.ark", worst, 2e-5);
  ReportGolden("losses", "losses/ctc.json", worst_loss, 9e-5);
}

// Long utterances with very unlikely labels: probabilities of e^-5000 and less.
TEST(CtcLoss, DoesNotUnderflow) {
  Context ctx;
  Rng rng(3);
  const int64_t frames = 3000, vocabulary = 6;
  Tensor logp(frames, vocabulary), d(frames, vocabulary);
  for (int64_t t = 0; t < frames; ++t) {
    for (int64_t v = 0; v < vocabulary; ++v) logp(t, v) = v == 0 ? -0.001f : -80.f;
  }
  std::vector<int32_t> labels;
  for (int i = 0; i < 200; ++i) labels.push_back(1 + i % 5);
  ForOpTargets([&](int64_t) {
    const double loss = CtcLoss(ctx, logp, labels, 0, 1, d);
    // Nearly all probability lies on paths with one frame a label: C(3000, 200) of them.
    const double ways = std::lgamma(3001) - std::lgamma(201) - std::lgamma(2801);
    EXPECT_NEAR(loss, 200 * 80 + 2800 * 0.001 - ways, 0.01);
    double sum = 0;
    for (int64_t t = 0; t < frames; ++t) {
      for (int64_t v = 1; v < vocabulary; ++v) sum -= d(t, v);
    }
    EXPECT_NEAR(sum, 200, 0.01);  // expected frames with a label
  });
}

// More states than a block of CUDA has threads, and than its shared memory holds two rows of; more
// outputs than threads; labels that come back again and again, and some that do not.
TEST(CtcLoss, LongLabels) {
  Context ctx;
  struct Case {
    int64_t frames, vocabulary, labels;
  };
  for (const Case &c : {Case{40, 700, 17}, Case{340, 300, 270}, Case{800, 40, 779}}) {
    SCOPED_TRACE(Cat(c.frames, "x", c.vocabulary, " labels ", c.labels));
    Rng rng(7);
    Tensor logp = RandomTensor(&rng, c.frames, c.vocabulary, 2);
    LogSoftmaxForward(ctx, logp, logp);
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < c.labels; ++i) {
      labels.push_back(static_cast<int32_t>(i % 3 == 0 ? 5 : rng.UniformInt(1, c.vocabulary - 1)));
      if (i == c.labels - 2)
        labels.back() = labels[labels.size() - 2];  // needs a blank
      else if (i > 0 && labels[labels.size() - 2] == labels.back())
        labels.back() = static_cast<int32_t>(7 - i % 2);
    }
    double first = 0;
    Tensor first_d;
    ForOpTargets([&](int64_t) {
      Tensor d(c.frames, c.vocabulary);
      const double loss = CtcLoss(ctx, logp, labels, 0, 0.5f, d);
      ASSERT_TRUE(std::isfinite(loss));
      if (first_d.Empty()) {
        first = loss;
        first_d = d;
      }
      EXPECT_NEAR(loss, first, 1e-10 * first);
      EXPECT_LT(MaxAbsDiff(d, first_d), 1e-6);
      EXPECT_EQ(CtcLoss(ctx, logp, labels, 0, 0.5f, View()), loss);
      Tensor again(c.frames, c.vocabulary);
      EXPECT_EQ(CtcLoss(ctx, logp, labels, 0, 0.5f, again), loss);
      EXPECT_TRUE(SameBits(d, again));
    });
  }
}

// Where a path is cut off by probability 0, the others count.
TEST(CtcLoss, ZeroProbabilities) {
  Context ctx;
  const float inf = std::numeric_limits<float>::infinity();
  Tensor logp(2, 3), d(2, 3);
  const float half = std::log(0.5f);
  const float rows[2][3] = {{half, half, -inf}, {-inf, 0.f, -inf}};
  for (int64_t t = 0; t < 2; ++t) std::copy(rows[t], rows[t] + 3, logp.View().Row(t));
  ForOpTargets([&](int64_t) {
    EXPECT_NEAR(CtcLoss(ctx, logp, {1}, 0, 1, d), 0, 1e-7);
    EXPECT_NEAR(d(0, 0), 0, 1e-7);
    EXPECT_EQ(d(0, 2), 0);
    EXPECT_EQ(CtcLoss(ctx, logp, {2}, 0, 1, d), inf);
    EXPECT_EQ(MaxAbsDiff(d, Tensor::Zeros(2, 3)), 0);
  });
}

TEST(CtcLoss, NoFrames) {
  Context ctx;
  ForOpTargets([&](int64_t) {
    EXPECT_EQ(CtcLoss(ctx, ConstView(nullptr, 0, 4), {}, 0, 1, View()), 0);
    EXPECT_EQ(CtcLoss(ctx, ConstView(nullptr, 0, 4), {2}, 0, 1, View()),
              std::numeric_limits<double>::infinity());
  });
}

TEST(CtcLoss, NanInNanOut) {
  Context ctx;
  Rng rng(4);
  Tensor logp = RandomTensor(&rng, 6, 5), d(6, 5);
  logp(3, 2) = std::numeric_limits<float>::quiet_NaN();
  ForOpTargets([&](int64_t) {
    EXPECT_TRUE(std::isnan(CtcLoss(ctx, logp, {2, 1}, 0, 1, d)));
    EXPECT_TRUE(std::isnan(d(0, 0)));
  });
}

TEST(CtcLoss, WrongArgumentsThrow) {
  Context ctx;
  Tensor logp = Tensor::Zeros(4, 3), d(3, 3);
  EXPECT_THROW(CtcLoss(ctx, logp, {1}, 3, 1, View()), Error);
  EXPECT_THROW(CtcLoss(ctx, logp, {3}, 0, 1, View()), Error);
  EXPECT_THROW(CtcLoss(ctx, logp, {-1}, 0, 1, View()), Error);
  EXPECT_THROW(CtcLoss(ctx, logp, {0}, 0, 1, View()), Error);
  EXPECT_THROW(CtcLoss(ctx, logp, {1}, 0, 1, d), Error);
}

TEST(CtcLoss, ABatchIsItsSequences) {
  Context ctx;
  Rng rng(9);
  const std::vector<std::vector<int32_t>> labels = {{}, {1, 2}, {}, {3, 3, 3}, {1}, {2}, {}};
  // The fourth does not fit; some have no frames.
  const RaggedShape shape = RaggedShape::FromLengths({0, 5, 3, 4, 0, 7, 0});
  Tensor logp = RandomTensor(&rng, 19, 5), d(19, 5), alone(19, 5);
  LogSoftmaxForward(ctx, logp, logp);
  ForOpTargets([&](int64_t) {
    const CachedVector<double> losses = CtcLosses(ctx, logp, shape, labels, 0, 0.5f, d);
    ASSERT_EQ(losses.size(), labels.size());
    for (int b = 0; b < 7; ++b) {
      const size_t i = static_cast<size_t>(b);
      EXPECT_EQ(losses[i], CtcLoss(ctx, shape.Rows(ConstView(logp.View()), b), labels[i], 0, 0.5f,
                                   shape.Rows(alone.View(), b)));
    }
    EXPECT_TRUE(std::isinf(losses[3]));
    EXPECT_TRUE(std::isinf(losses[4]));
    EXPECT_EQ(losses[6], 0);
    EXPECT_EQ(MaxAbsDiff(d, alone), 0);
    EXPECT_THROW(CtcLosses(ctx, logp, shape, {{1}, {2}}, 0, 1, d), Error);
    EXPECT_THROW(CtcLosses(ctx, logp, RaggedShape::Single(18), {{1}}, 0, 1, d), Error);
  });
}

}  // namespace
}  // namespace u2moe
