#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/ref/adam.h"
#include "train/tiny.h"

namespace u2moe {
namespace {

std::unique_ptr<AsrModel> RandomGradient(Rng *rng, float scale) {
  auto grad = std::make_unique<AsrModel>(TinyConfig(0));
  for (Tensor *t : TrainableTensors(grad.get())) {
    for (int64_t i = 0; i < t->Size(); ++i)
      t->Data()[i] = scale * static_cast<float>(rng->Normal());
  }
  return grad;
}

TEST(WarmupLearningRate, RisesThenFalls) {
  EXPECT_NEAR(WarmupLearningRate(1e-3, 400, 1), 1e-3 / 400, 1e-12);
  EXPECT_EQ(WarmupLearningRate(1e-3, 400, 1), WarmupLearningRate(1e-3, 400, 2));
  EXPECT_NEAR(WarmupLearningRate(1e-3, 400, 3), 2e-3 / 400, 1e-12);
  EXPECT_NEAR(WarmupLearningRate(1e-3, 400, 401), 1e-3, 1e-12);  // the peak
  EXPECT_NEAR(WarmupLearningRate(1e-3, 400, 1601), 0.5e-3, 1e-12);
  EXPECT_LT(WarmupLearningRate(1e-3, 400, 400), 1e-3);
  EXPECT_LT(WarmupLearningRate(1e-3, 400, 402), 1e-3);
  EXPECT_EQ(WarmupLearningRate(1e-3, 0, 1), 1e-3);
  EXPECT_EQ(WarmupLearningRate(1e-3, 0, 1000000), 1e-3);
  EXPECT_NEAR(WarmupLearningRate(2, 1, 1), 2, 1e-12);
  EXPECT_THROW(WarmupLearningRate(1e-3, 400, 0), Error);
}

TEST(Optimizer, StepsAreAdamOnTheClippedGradient) {
  Context ctx;
  for (const double clip : {0.0, 0.5, 1e6}) {
    SCOPED_TRACE(clip);
    Rng rng(1);
    std::unique_ptr<AsrModel> model = TinyModel(0);
    Optimizer optimizer(AdamOptions(), clip, model.get());
    const std::vector<Tensor *> params = TrainableTensors(model.get());
    std::vector<std::vector<double>> w, m, v;
    for (const Tensor *t : params) {
      w.emplace_back(t->Data(), t->Data() + t->Size());
      m.emplace_back(t->Size(), 0.0);
      v.emplace_back(t->Size(), 0.0);
    }
    for (int step = 1; step <= 3; ++step) {
      const std::unique_ptr<AsrModel> grad = RandomGradient(&rng, 0.1f);
      const std::vector<Tensor *> grads = TrainableTensors(grad.get());
      double squares = 0;
      for (const Tensor *g : grads) {
        for (int64_t i = 0; i < g->Size(); ++i)
          squares += static_cast<double>(g->Data()[i]) * g->Data()[i];
      }
      const double norm = std::sqrt(squares),
                   scale = clip > 0 ? std::min(1.0, clip / (norm + 1e-6)) : 1;
      EXPECT_NEAR(optimizer.Step(ctx, 0.01, grad.get()), norm, 1e-6 * norm);
      double worst = 0;
      for (size_t p = 0; p < params.size(); ++p) {
        for (int64_t i = 0; i < params[p]->Size(); ++i) {
          const size_t s = static_cast<size_t>(i);
          ref::Adam<double>(0.9f, 0.999f, 1e-8f, step, 0.01, scale * grads[p]->Data()[i], &w[p][s],
                            &m[p][s], &v[p][s]);
          worst = std::max(worst, std::fabs(w[p][s] - params[p]->Data()[i]));
        }
      }
      EXPECT_LT(worst, 2e-6) << "step " << step;
    }
    EXPECT_EQ(optimizer.NumSteps(), 3);
    EXPECT_EQ(optimizer.NumSkipped(), 0);
  }
}

TEST(Optimizer, SkipsAGradientThatIsNotFinite) {
  Context ctx;
  Rng rng(2);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::unique_ptr<AsrModel> model = TinyModel(0), before = TinyModel(0);
    Optimizer optimizer(AdamOptions(), 5, model.get()), other(AdamOptions(), 5, before.get());
    std::unique_ptr<AsrModel> grad = RandomGradient(&rng, 0.1f);
    TrainableTensors(grad.get())[7]->Data()[3] = bad;
    EXPECT_FALSE(std::isfinite(optimizer.Step(ctx, 0.01, grad.get())));
    EXPECT_TRUE(SameModels(model.get(), before.get()));
    EXPECT_EQ(optimizer.NumSkipped(), 1);
    EXPECT_EQ(optimizer.NumSteps(), 0);
    // What follows is as if it had not been.
    grad = RandomGradient(&rng, 0.1f);
    optimizer.Step(ctx, 0.01, grad.get());
    other.Step(ctx, 0.01, grad.get());
    EXPECT_TRUE(SameModels(model.get(), before.get()));
    EXPECT_EQ(optimizer.NumSteps(), 1);
  }
}

TEST(Optimizer, SavedAndLoadedGoesOnWithTheSameBits) {
  Context ctx;
  Rng rng(3);
  std::unique_ptr<AsrModel> model = TinyModel(0), copy = TinyModel(0);
  Optimizer optimizer(AdamOptions(), 5, model.get());
  for (int i = 0; i < 3; ++i) {
    std::unique_ptr<AsrModel> grad = RandomGradient(&rng, 0.1f);
    if (i == 1) TrainableTensors(grad.get())[0]->Data()[0] = NAN;
    optimizer.Step(ctx, 0.01, grad.get());
  }
  const std::string path = TempDir() + "/optimizer.safetensors";
  optimizer.Save(path);
  const std::vector<Tensor *> from = TrainableTensors(model.get()),
                              to = TrainableTensors(copy.get());
  for (size_t i = 0; i < from.size(); ++i) *to[i] = *from[i];
  Optimizer loaded(AdamOptions(), 5, copy.get());
  loaded.Load(Context(), path);
  EXPECT_EQ(loaded.NumSteps(), 2);
  EXPECT_EQ(loaded.NumSkipped(), 1);
  const std::unique_ptr<AsrModel> grad = RandomGradient(&rng, 0.1f);
  optimizer.Step(ctx, 0.01, grad.get());
  loaded.Step(ctx, 0.01, grad.get());
  EXPECT_TRUE(SameModels(model.get(), copy.get()));
}

TEST(Optimizer, RefusesTheStateOfAnotherModel) {
  const std::string dir = TempDir();
  std::unique_ptr<AsrModel> model = TinyModel(0);
  Optimizer optimizer(AdamOptions(), 5, model.get());
  const auto expect_refused = [&](const std::string &path, const std::string &message) {
    try {
      optimizer.Load(Context(), path);
      ADD_FAILURE() << path << " was taken";
    } catch (const DataError &e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    }
  };
  const auto save = [&](const ModelConfig &config, const std::string &name) {
    AsrModel other(config);
    InitModel(&other, 1);
    Optimizer(AdamOptions(), 5, &other).Save(dir + "/" + name);
    return dir + "/" + name;
  };
  ModelConfig wider = TinyConfig(0), deeper = wider, shallower = wider;
  wider.encoder.ffn.hidden_dim = 14;
  deeper.encoder.num_blocks = 3;
  shallower.encoder.num_blocks = 1;
  expect_refused(save(wider, "wider"), "belongs to another model");
  expect_refused(save(deeper, "deeper"), "belongs to another model");
  expect_refused(save(shallower, "shallower"), "has no tensor");
  WriteModel(dir + "/model", model.get(), ModelInfo());
  expect_refused(dir + "/model", "not an optimizer state");
  optimizer.Save(dir + "/whole");
  const std::string bytes = ReadFile(dir + "/whole");
  WriteFile(dir + "/cut", bytes.substr(0, bytes.size() / 2));
  expect_refused(dir + "/cut", "");
  EXPECT_EQ(optimizer.NumSteps(), 0);
}

}  // namespace
}  // namespace u2moe
