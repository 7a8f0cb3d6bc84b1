#include "train/role-options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "modelfile/safetensors.h"
#include "ops/ref/adam.h"
#include "train/optimizer.h"
#include "train/tiny.h"
#include "train/trainer.h"
#include "train/training-run.h"

namespace u2moe {
namespace {

RoleOptions Roles(const std::string &freeze, const std::string &rates = "", double decay = 0,
                  const std::string &decays = "") {
  RoleOptions r;
  r.freeze = freeze;
  r.role_rates = rates;
  r.weight_decay = decay;
  r.role_decays = decays;
  return r;
}

std::string Refusal(const std::function<void()> &run) {
  try {
    run();
  } catch (const UsageError &e) {
    return e.what();
  }
  return "nothing";
}

TEST(RoleOptions, WhatIsWrongIsNamed) {
  const auto check = [](const RoleOptions &r) { return Refusal([&] { r.Check(); }); };
  EXPECT_EQ(check(RoleOptions()), "nothing");
  EXPECT_EQ(check(Roles("router,experts", "norm=0.1", 0.5, "attention=0,norm=2")), "nothing");
  EXPECT_NE(check(Roles("routers"))
                .find("--freeze: routers is no role of parameters; there is "
                      "router, experts, feed-forward"),
            std::string::npos);
  EXPECT_NE(check(Roles("router,")).find("no role"), std::string::npos);
  EXPECT_NE(check(Roles("buffer")).find("no role"), std::string::npos);
  for (const char *bad : {"router", "router=", "router=-1", "router=nan", "router=x", "=1"})
    EXPECT_NE(check(Roles("", bad)), "nothing") << bad;
  EXPECT_NE(check(Roles("", "norm=1,norm=2")).find("names norm twice"), std::string::npos);
  EXPECT_NE(check(Roles("norm", "norm=1")).find("--role-rates names norm, which --freeze=norm"),
            std::string::npos);
  EXPECT_NE(check(Roles("", "", -1)).find("--weight-decay=-1"), std::string::npos);
  std::unique_ptr<AsrModel> model = TinyModel(0);
  const auto describe = [&](const RoleOptions &r) {
    return Refusal([&] { r.Describe(model.get()); });
  };
  EXPECT_EQ(describe(Roles("router")), "nothing");
  // All feed-forwards of this model are mixtures.
  EXPECT_NE(
      describe(Roles("feed-forward")).find("--freeze: the model has no feed-forward; it has "),
      std::string::npos);
  EXPECT_NE(
      describe(Roles("router,experts,attention,convolution,embedding,norm,subsampling,output"))
          .find("nothing is left to be trained"),
      std::string::npos);
}

TEST(RoleOptions, SayWhatIsTrained) {
  std::unique_ptr<AsrModel> model = TinyModel(0);
  const std::string text = Roles("experts", "router=0.5", 0.1, "norm=0").Describe(model.get());
  EXPECT_EQ(text.find("trained parameters: router "), 0u) << text;
  EXPECT_NE(text.find(" at 0.5 of the rate with decay 0.1, attention "), std::string::npos) << text;
  EXPECT_NE(text.find("; frozen: experts "), std::string::npos) << text;
  EXPECT_EQ(RoleOptions().Identity(), "");
  EXPECT_EQ(Roles("experts", "router=0.5", 0.1, "norm=0").Identity(),
            " freeze=experts role-rates=router=0.5 weight-decay=0.1 role-decays=norm=0");
}

// Every step is AdamW in double with the rate and the decay of the role; frozen tensors keep their
// bits, have no moments, and do not count in the norm that is clipped.
TEST(RoleOptions, Steps) {
  const Context ctx;
  Rng rng(1);
  std::unique_ptr<AsrModel> model = TinyModel(0), before = TinyModel(0);
  const RoleOptions roles = Roles("experts,norm", "router=0.25,output=0", 0.5, "attention=0.125");
  Optimizer optimizer(AdamOptions(), 0.5, model.get(), roles);
  const std::vector<Tensor *> params = TrainableTensors(model.get()),
                              old = TrainableTensors(before.get());
  const std::vector<ParamUse> use = TrainableUses(model.get());
  std::vector<std::vector<double>> w, m, v;
  size_t num_trained = 0;
  for (size_t p = 0; p < params.size(); ++p) {
    w.emplace_back(params[p]->Data(), params[p]->Data() + params[p]->Size());
    m.emplace_back(params[p]->Size(), 0.0);
    v.emplace_back(params[p]->Size(), 0.0);
    num_trained += use[p].role != ParamRole::kExpert && use[p].role != ParamRole::kNorm;
  }
  const double rate = 0.01;
  for (int step = 1; step <= 3; ++step) {
    AsrModel grad(model->Config());
    double squares = 0;
    const std::vector<Tensor *> grads = TrainableTensors(&grad);
    for (size_t p = 0; p < grads.size(); ++p) {
      for (int64_t i = 0; i < grads[p]->Size(); ++i) {
        const float g = grads[p]->Data()[i] = 0.1f * static_cast<float>(rng.Normal());
        if (use[p].role != ParamRole::kExpert && use[p].role != ParamRole::kNorm)
          squares += static_cast<double>(g) * g;
      }
    }
    const double norm = std::sqrt(squares), scale = 0.5 / (norm + 1e-6);
    EXPECT_NEAR(optimizer.Step(ctx, rate, &grad), norm, 1e-6 * norm);
    for (size_t p = 0; p < params.size(); ++p) {
      const ParamRole r = use[p].role;
      if (r == ParamRole::kExpert || r == ParamRole::kNorm) continue;
      const double own = rate * (r == ParamRole::kRouter ? 0.25 : r == ParamRole::kOutput ? 0 : 1);
      const double decay = r == ParamRole::kAttention ? 0.125 : 0.5;
      for (int64_t i = 0; i < params[p]->Size(); ++i) {
        const size_t s = static_cast<size_t>(i);
        w[p][s] *= 1 - own * decay;
        ref::Adam<double>(0.9f, 0.999f, 1e-8f, step, own, scale * grads[p]->Data()[i], &w[p][s],
                          &m[p][s], &v[p][s]);
        ASSERT_NEAR(w[p][s], params[p]->Data()[i], 2e-6) << ToString(r);
      }
    }
  }
  for (size_t p = 0; p < params.size(); ++p) {
    const bool frozen = use[p].role == ParamRole::kExpert || use[p].role == ParamRole::kNorm;
    EXPECT_EQ(MaxAbsDiff(*params[p], *old[p]) == 0, frozen || use[p].role == ParamRole::kOutput);
  }
  const std::string path = TempDir() + "/moments";
  optimizer.Save(path);
  EXPECT_EQ(SafetensorsFile(path).Entries().size(), 2 * num_trained);
  std::unique_ptr<AsrModel> again = TinyModel(0);
  Optimizer loaded(AdamOptions(), 0.5, again.get(), roles);
  loaded.Load(Context(), path);
  EXPECT_EQ(loaded.NumSteps(), 3);
}

// A whole training with checkpoints and averaging leaves what is frozen as it was to the bit, the
// running statistics of frozen norms among it; all else learns. A folder of a training with
// other roles is refused.
TEST(RoleOptions, FrozenThroughATraining) {
  ModelConfig config = TinyConfig(0.1f);
  config.encoder.conv_norm = ConvNorm::kBatchNorm;
  AsrModel before(config);
  InitModel(&before, 3);
  auto model = std::make_unique<AsrModel>(config);
  InitModel(model.get(), 3);
  TrainOptions o;
  o.epochs = 3;
  o.batch_size = 3;
  o.warmup_steps = 10;
  o.shard_frames = 1;
  o.roles = Roles("router,norm");
  TrainingRunOptions run;
  run.exp_dir = TempDir() + "/roles";
  const MemorySource data(TinyData(6, 1)), dev(TinyData(2, 2));
  ModelInfo info;
  RunTraining(o, run, data, &dev, &model, &info);
  std::map<std::string, Tensor> old;
  ForEachParam(&before, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    old[name] = *t;
  });
  ForEachParam(model.get(), [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    const bool frozen = name.find("gate.") != name.npos || name.find("norm") != name.npos;
    if (name.find("cmvn") != name.npos) return;
    EXPECT_EQ(MaxAbsDiff(*t, old[name]) == 0, frozen) << name;
  });
  o.roles.freeze = "router";
  o.epochs = 4;
  model = std::make_unique<AsrModel>(config);
  InitModel(model.get(), 3);
  EXPECT_NE(Refusal([&] {
              RunTraining(o, run, data, &dev, &model, &info);
            }).find("freeze is router,norm there and router here"),
            std::string::npos);
}

}  // namespace
}  // namespace u2moe
