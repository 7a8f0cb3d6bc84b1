// What a bank's experts share is trained in a share of the steps (core-gradient of bank mpo).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "train/role-options.h"
#include "train/tiny.h"
#include "train/trainer.h"

namespace u2moe {
namespace {

ModelConfig MpoConfig(float core_gradient) {
  ModelConfig c = TinyConfig(0);
  for (FeedForwardConfig *ffn : {&c.encoder.ffn, &c.decoder.ffn}) {
    ffn->bank = "mpo";
    ffn->mpo_shape = "2x4x2/2x3x2";
    ffn->core_gradient = core_gradient;
  }
  return c;
}

std::unique_ptr<AsrModel> MpoModel(float core_gradient) {
  auto model = std::make_unique<AsrModel>(MpoConfig(core_gradient));
  InitModel(model.get(), 3);
  return model;
}

TrainOptions OneStep(int32_t seed) {
  TrainOptions o;
  o.batch_size = 8;
  o.bucket_size = 8;
  o.learning_rate = 5e-3;
  o.warmup_steps = 0;
  o.shard_frames = 1;
  o.spec_augment = false;
  o.seed = seed;
  return o;
}

bool IsCore(const std::string &name) { return name.find(".core") != name.npos; }

// Which tensors differ between two models of one shape.
std::set<std::string> Moved(AsrModel *a, AsrModel *b) {
  std::map<std::string, Tensor> before;
  std::set<std::string> moved;
  ForEachParam(
      a, [&](const std::string &name, Tensor *t, const ParamInit &, bool) { before[name] = *t; });
  ForEachParam(b, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (MaxAbsDiff(before.at(name), *t) != 0) moved.insert(name);
  });
  return moved;
}

int NumCores(const std::set<std::string> &names) {
  return static_cast<int>(std::count_if(names.begin(), names.end(), IsCore));
}

// Six mixtures with two matrices each: all cores learn in a step, or none; what an expert has of
// its own always does. In how many steps follows from the share.
TEST(CoreGradient, OneDrawForAllOfAStep) {
  const MemorySource data(TinyData(8, 1));
  int steps = 0;
  constexpr int kSeeds = 24;
  for (int32_t seed = 1; seed <= kSeeds; ++seed) {
    std::unique_ptr<AsrModel> start = MpoModel(0.5f), model = MpoModel(0.5f);
    Trainer trainer(OneStep(seed), model.get(), &data);
    EXPECT_EQ(trainer.TrainEpoch(1).steps, 1);
    const std::set<std::string> moved = Moved(start.get(), model.get());
    const int cores = NumCores(moved);
    EXPECT_TRUE(cores == 0 || cores == 12) << cores;
    EXPECT_EQ(moved.count("encoder.encoders.0.feed_forward.experts.0.w_1.mpo.0"), 1u);
    steps += cores > 0;
  }
  EXPECT_GE(steps, kSeeds / 4);
  EXPECT_LE(steps, 3 * kSeeds / 4);
}

// 1 is plain training; 0 leaves them as they are, whatever the decay.
TEST(CoreGradient, AllAndNone) {
  const MemorySource data(TinyData(8, 1));
  for (const float share : {0.0f, 1.0f}) {
    std::unique_ptr<AsrModel> start = MpoModel(share), model = MpoModel(share);
    TrainOptions o = OneStep(1);
    o.batch_size = 2;
    o.roles.weight_decay = 0.1;
    Trainer trainer(o, model.get(), &data);
    trainer.TrainEpoch(1);
    EXPECT_EQ(NumCores(Moved(start.get(), model.get())), share == 0 ? 0 : 12);
  }
}

TEST(CoreGradient, DropsWhatTheDrawSays) {
  AsrModel grad(MpoConfig(0.25f));
  for (const double draw : {0.0, 0.2, 0.25, 0.9}) {
    ForEachParam(&grad, [](const std::string &, Tensor *t, const ParamInit &, bool) {
      for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] = 1;
    });
    DropGradients(draw, &grad);
    ForEachParam(&grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      EXPECT_EQ(t->Data()[0], IsCore(name) && draw >= 0.25 ? 0 : 1) << name << " " << draw;
    });
  }
}

// The draw of a step depends on the seed and its number: not on threads, not on whether the
// training went on from a file; and on shards only which way sums are rounded.
TEST(CoreGradient, ThreadsShardsAndResuming) {
  const MemorySource data(TinyData(8, 2));
  std::unique_ptr<AsrModel> first;
  for (const int threads : {1, 3}) {
    std::unique_ptr<AsrModel> model = MpoModel(0.5f);
    TrainOptions o = OneStep(5);
    o.batch_size = 2;
    o.threads = threads;
    o.shards = 3;
    Trainer trainer(o, model.get(), &data);
    for (int32_t epoch = 1; epoch <= 3; ++epoch) trainer.TrainEpoch(epoch);
    if (threads > 1) {
      EXPECT_TRUE(SameModels(first.get(), model.get()));
    } else {
      first = std::move(model);
    }
  }
  std::unique_ptr<AsrModel> model = MpoModel(0.5f);
  const std::string path = TempDir() + "/moments";
  for (int32_t epoch = 1; epoch <= 3; ++epoch) {
    TrainOptions o = OneStep(5);
    o.batch_size = 2;
    o.shards = 3;
    Trainer trainer(o, model.get(), &data);
    if (epoch > 1) trainer.Optimizer()->Load(Context(), path);
    trainer.TrainEpoch(epoch);
    trainer.Optimizer()->Save(path);
  }
  EXPECT_TRUE(SameModels(first.get(), model.get()));
  for (int32_t seed = 1; seed <= 6; ++seed) {
    int cores[2];
    for (const int shards : {1, 4}) {
      std::unique_ptr<AsrModel> start = MpoModel(0.5f), end = MpoModel(0.5f);
      TrainOptions o = OneStep(seed);
      o.shards = shards;
      Trainer(o, end.get(), &data).TrainEpoch(1);
      cores[shards == 4] = NumCores(Moved(start.get(), end.get()));
    }
    EXPECT_EQ(cores[0], cores[1]) << seed;
  }
}

}  // namespace
}  // namespace u2moe
