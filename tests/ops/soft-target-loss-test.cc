#include "ops/soft-target-loss.h"

#include <cmath>
#include <limits>

#include "ops/ref/soft-target-loss.h"
#include "ops/softmax.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(SoftTargetLoss, LossAndGradientAreTheReference) {
  const Context ctx;
  Rng rng(1);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    for (const double temperature : {0.5, 1.0, 3.0}) {
      GuardedMatrix logits(RandomTensor(&rng, c.rows, c.cols, 2), c.padding),
          targets(RandomTensor(&rng, c.rows, c.cols, 2), c.padding),
          dlogits(Tensor::Zeros(c.rows, c.cols), c.padding);
      const double loss = SoftTargetLoss(ctx, logits, targets, temperature, 0.7f, dlogits);
      RefMatrix x(logits);
      const RefMatrix q(targets);
      const double want = ref::SoftTargetLoss(x, q, temperature);
      EXPECT_NEAR(loss, want, 1e-6 * (1 + want));
      if (c.rows * c.cols < 300) {
        const auto weighted = [&] { return 0.7 * ref::SoftTargetLoss(x, q, temperature); };
        EXPECT_LT(GradientError(weighted, &x, dlogits), 1e-5);
      }
      EXPECT_TRUE(dlogits.Intact() && logits.Intact() && targets.Intact());
      EXPECT_EQ(SoftTargetLoss(ctx, logits, targets, temperature, 0.7f, View()), loss);
    }
  });
}

// A student that is the teacher has nothing to learn; log-probabilities are as good as logits; the
// gradient is added.
TEST(SoftTargetLoss, TheTeacherItself) {
  const Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    const Tensor logits = RandomTensor(&rng, 3, 7), other = RandomTensor(&rng, 3, 7);
    Tensor logp(3, 7), other_logp(3, 7), d = Tensor::Zeros(3, 7), e = Tensor::Zeros(3, 7);
    LogSoftmaxForward(ctx, logits, logp);
    LogSoftmaxForward(ctx, other, other_logp);
    EXPECT_NEAR(SoftTargetLoss(ctx, logits, logp, 2, 1, d), 0, 1e-6);
    EXPECT_LT(MaxAbsDiff(d, Tensor::Zeros(3, 7)), 1e-6);
    const double loss = SoftTargetLoss(ctx, logits, other, 2, 1, e);
    EXPECT_NEAR(SoftTargetLoss(ctx, logp, other_logp, 2, 1, View()), loss, 1e-5);
    EXPECT_GT(loss, 0.1);
    Tensor twice = e;
    SoftTargetLoss(ctx, logits, other, 2, 1, twice);
    for (int64_t i = 0; i < e.Size(); ++i) EXPECT_NEAR(twice.Data()[i], 2 * e.Data()[i], 1e-6);
  });
}

TEST(SoftTargetLoss, ImpossibleUnitsAndNan) {
  const Context ctx;
  const float inf = std::numeric_limits<float>::infinity();
  ForOpTargets([&](int64_t) {
    Tensor logits = Tensor::Zeros(1, 3), targets = Tensor::Zeros(1, 3), d = Tensor::Zeros(1, 3);
    targets(0, 1) = -inf;
    EXPECT_NEAR(SoftTargetLoss(ctx, logits, targets, 1, 1, d), std::log(1.5), 1e-6);
    EXPECT_NEAR(d(0, 1), 1.0 / 3, 1e-6);
    EXPECT_EQ(SoftTargetLoss(ctx, targets, logits, 1, 1, View()), inf);
    logits(0, 0) = std::nanf("");
    EXPECT_TRUE(std::isnan(SoftTargetLoss(ctx, logits, targets, 1, 1, View())));
    EXPECT_EQ(SoftTargetLoss(ctx, Tensor(0, 3), Tensor(0, 3), 1, 1, View()), 0);
  });
}

}  // namespace
}  // namespace u2moe
