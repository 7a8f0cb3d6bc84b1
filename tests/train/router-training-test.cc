// Training of what routers learn beside gradients: in steps, over threads, over an interruption.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "train/tiny.h"
#include "train/training-run.h"

namespace u2moe {
namespace {

TrainOptions Options(int32_t epochs) {
  TrainOptions o;
  o.epochs = epochs;
  o.batch_size = 3;
  o.learning_rate = 5e-3;
  o.warmup_steps = 10;
  o.shard_frames = 1;
  o.spec.max_t = 8;
  o.spec.max_f = 4;
  return o;
}

std::unique_ptr<AsrModel> Model(const std::string &router, float bias_rate = 1e-3f,
                                float dropout = 0.1f) {
  ModelConfig c = TinyConfig(dropout);
  c.encoder.dynamic_chunk = dropout > 0;
  c.encoder.ffn.router = c.decoder.ffn.router = router;
  c.encoder.ffn.router_bias_rate = c.decoder.ffn.router_bias_rate = bias_rate;
  auto model = std::make_unique<AsrModel>(c);
  InitModel(model.get(), 3);
  return model;
}

std::vector<Tensor> Balances(AsrModel *model) {
  std::vector<Tensor> found;
  ForEachParam(model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name.find(".gate.balance") != std::string::npos) found.push_back(*t);
  });
  return found;
}

std::unique_ptr<AsrModel> Train(std::unique_ptr<AsrModel> model, const TrainOptions &opts,
                                const std::string &dir, const std::vector<TrainUtterance> &data) {
  TrainingRunOptions run;
  run.exp_dir = dir;
  run.average = 1;
  ModelInfo info;
  RunTraining(opts, run, MemorySource(data), nullptr, &model, &info);
  return model;
}

TEST(SigmoidBiasTraining, OneStepIsTheRuleOnItsCounts) {
  const std::vector<TrainUtterance> data = TinyData(3, 1);
  std::unique_ptr<AsrModel> model = Model("sigmoid-bias", 0.25f, 0),
                            before = Model("sigmoid-bias", 0.25f, 0);
  TrainOptions opts = Options(1);
  opts.spec_augment = false;
  const MemorySource source(data);
  Trainer trainer(opts, model.get(), &source);
  trainer.TrainEpoch(1);
  // What the routers chose in the step: nothing is random in these models, and the mask is full.
  ExpertCounts sum;
  for (const TrainUtterance &u : data) {
    LoadCounter one;
    TrainBatch batch;
    batch.feats = u.feats;
    batch.shape = RaggedShape::Single(u.feats.Rows());
    batch.labels = {u.labels};
    LossOptions options;
    options.routes = &one;
    ComputeLoss(Context(), *before, batch, options, nullptr, nullptr);
    AddCounts(one.Counts(), 1, &sum);
  }
  const std::vector<Tensor> moved = Balances(model.get());
  ASSERT_EQ(moved.size(), 6u);  // 2 blocks of 2, 2 decoders of 1
  // RouteSink hears the macaron first, the visitor visits it last.
  const size_t order[] = {1, 0, 3, 2, 4, 5};
  for (size_t m = 0; m < 6; ++m) {
    const std::vector<int64_t> &counts = sum[order[m]];
    const int64_t all = std::accumulate(counts.begin(), counts.end(), int64_t{0});
    for (int e = 0; e < 4; ++e) {
      const int64_t load = 4 * counts[static_cast<size_t>(e)];
      EXPECT_EQ(moved[m](0, e), load < all ? 0.25f : load > all ? -0.25f : 0) << m << " " << e;
    }
  }
}

TEST(SigmoidBiasTraining, TheSameForAnyThreadsAndOverAnInterruption) {
  const std::vector<TrainUtterance> data = TinyData(8, 1);
  const std::unique_ptr<AsrModel> want =
      Train(Model("sigmoid-bias"), Options(3), TempDir() + "/sigmoid-a", data);
  TrainOptions threads = Options(3);
  threads.threads = 3;
  const std::unique_ptr<AsrModel> threaded =
      Train(Model("sigmoid-bias"), threads, TempDir() + "/sigmoid-b", data);
  EXPECT_TRUE(SameModels(want.get(), threaded.get()));
  const std::string dir = TempDir() + "/sigmoid-c";
  Train(Model("sigmoid-bias"), Options(1), dir, data);
  const std::unique_ptr<AsrModel> resumed = Train(Model("sigmoid-bias"), Options(3), dir, data);
  EXPECT_TRUE(SameModels(want.get(), resumed.get()));
  double moved = 0;
  for (const Tensor &b : Balances(want.get())) {
    for (int e = 0; e < 4; ++e) moved = std::max<double>(moved, std::fabs(b(0, e)));
  }
  EXPECT_GT(moved, 1.5e-3);  // more than one step
}

// A step that is skipped moves nothing.
TEST(SigmoidBiasTraining, SkippedStepsDoNotCount) {
  std::vector<TrainUtterance> data = TinyData(3, 1);
  data[1].feats(4, 4) = 1e30f;  // its square is no float
  std::unique_ptr<AsrModel> model = Model("sigmoid-bias");
  TrainOptions opts = Options(1);
  opts.batch_size = 3;
  opts.spec_augment = false;
  const MemorySource source(data);
  Trainer trainer(opts, model.get(), &source);
  EXPECT_THROW(trainer.TrainEpoch(1), Error);  // nothing was learnt
  for (const Tensor &b : Balances(model.get())) {
    for (int e = 0; e < 4; ++e) EXPECT_EQ(b(0, e), 0);
  }
}

// All of the routers of the house train, the same for any number of threads.
TEST(RouterTraining, ThreadsChangeNothing) {
  const std::vector<TrainUtterance> data = TinyData(6, 2);
  for (const char *name : {"top-p", "fixed-random", "uniform-random", "position-hash"}) {
    const std::string dir = Cat(TempDir(), "/", name);
    const std::unique_ptr<AsrModel> one = Train(Model(name), Options(2), dir + "-1", data);
    TrainOptions threads = Options(2);
    threads.threads = 2;
    const std::unique_ptr<AsrModel> two = Train(Model(name), threads, dir + "-2", data);
    EXPECT_TRUE(SameModels(one.get(), two.get())) << name;
    // What is random by design is as it began.
    std::unique_ptr<AsrModel> start = Model(name);
    std::map<std::string, Tensor> projections;
    ForEachParam(start.get(), [&](const std::string &n, Tensor *t, const ParamInit &, bool) {
      if (n.find("gate.projection") != std::string::npos) projections[n] = *t;
    });
    EXPECT_EQ(projections.size(), name == std::string("fixed-random") ? 6u : 0u);
    ForEachParam(one.get(), [&](const std::string &n, Tensor *t, const ParamInit &, bool) {
      if (projections.count(n) > 0) {
        EXPECT_EQ(MaxAbsDiff(projections[n], *t), 0) << n;
      }
    });
  }
}

// Dropped rows are told with the epoch, of the ends of utterances where the first come first.
TEST(CapacityTraining, DropsAreReported) {
  ModelConfig c = TinyConfig(0.1f);
  c.encoder.ffn.capacity_factor = c.decoder.ffn.capacity_factor = 0.5f;
  AsrModel model(c);
  InitModel(&model, 3);
  const MemorySource source(TinyData(6, 2));
  Trainer trainer(Options(1), &model, &source);
  const EpochReport report = trainer.TrainEpoch(1);
  EXPECT_GE(report.drops.Share(), 0.5 - 0.15);
  EXPECT_GT(report.drops.Share(9), report.drops.Share(0));
  EXPECT_NE(report.ToJson().find("\"dropped_by_tenth\":["), std::string::npos);
  AsrModel free(TinyConfig(0.1f));
  InitModel(&free, 3);
  Trainer other(Options(1), &free, &source);
  EXPECT_EQ(other.TrainEpoch(1).ToJson().find("dropped"), std::string::npos);
}

}  // namespace
}  // namespace u2moe
