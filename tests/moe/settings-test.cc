// No setting is passed over in silence: each young field of a feed-forward layer, with each router
// and each bank, is either refused by its name or makes a training step another one.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/config-fields.h"
#include "moe/battery-models.h"
#include "support/error-test.h"
#include "train/load-watch.h"
#include "train/loss.h"
#include "train/role-options.h"

namespace u2moe {
namespace {

struct Setting {
  const char *name;  // of the option
  std::function<void(FeedForwardConfig *)> set;
  // What it is compared with has this, if it may.
  std::function<void(FeedForwardConfig *)> before = nullptr;
};

std::vector<Setting> Settings() {
  using C = FeedForwardConfig;
  const auto capacity = [](C *c) { c->capacity_factor = 0.4f; };
  // A loss that hears of every logit, where choices stay as they are.
  const auto z = [](C *c) { c->z_weight = 1; };
  return {
      {"shared-experts", [](C *c) { c->num_shared_experts = c->num_shared_experts == 2 ? 1 : 2; }},
      {"balance-weight", [](C *c) { c->balance_weight = 1; }},
      {"z-weight", [](C *c) { c->z_weight = 1; }},
      {"importance-weight", [](C *c) { c->importance_weight = 1; }},
      {"load-weight", [](C *c) { c->load_weight = 1; }},
      {"sparsity-weight", [](C *c) { c->sparsity_weight = 1; }},
      {"mean-importance-weight", [](C *c) { c->mean_importance_weight = 1; }},
      {"topology-weight", [](C *c) { c->topology_weight = 1; }},
      {"entropy-weight", [](C *c) { c->entropy_weight = 1; }},
      {"router-threshold", [](C *c) { c->router_threshold = 0.3f; }},
      {"router-bias-rate", [](C *c) { c->router_bias_rate = 0.125f; }},
      {"router-pools", [](C *c) { c->router_pools = c->router_pools == 2 ? 1 : 2; }},
      {"router-segment", [](C *c) { c->router_segment = 3; }},
      {"router-layers", [](C *c) { c->router_layers = 3; }},
      {"router-heads", [](C *c) { c->router_heads = 1; }, z},
      {"router-jitter", [](C *c) { c->router_jitter = 0.25f; }, z},
      {"expert-dropout", [](C *c) { c->expert_dropout = 0.4f; }},
      {"capacity-factor", capacity},
      {"capacity-order", [](C *c) { c->capacity_order = "random"; }, capacity},
      {"capacity-order", [](C *c) { c->capacity_order = "random"; }},
      {"mpo-shape", [](C *c) { c->mpo_shape = "4x2x2/1x2x2"; }},
      {"mpo-bond", [](C *c) { c->mpo_bond = 1; }},
      {"core-gradient", [](C *c) { c->core_gradient = 0.5f; }},
  };
}

// The bank is what settings are tried with. The two others are older than this test: files of
// models may hold them whatever the router, so that they are not refused.
const std::set<std::string> kNotTried = {"bank", "router-dim", "router-noise"};

TEST(Settings, AllAreTried) {
  std::set<std::string> tried = kNotTried;
  for (const Setting &s : Settings()) tried.insert(s.name);
  ForEachField(static_cast<const FeedForwardConfig *>(nullptr),
               [&](const char *name, auto, FieldKind kind) {
                 EXPECT_EQ(kind.young, tried.count(name) > 0) << name;
               });
}

// All that a step of training leaves: losses, gradients, which steps train what, and what routers
// learn apart from gradients.
std::string StepOf(const FeedForwardConfig &ffn) {
  const Context ctx;
  ModelConfig config = SmallModelOptions(1, 4).Config();
  config.encoder.ffn = ffn;
  config.encoder.dynamic_chunk = RouterTraitsOf(ffn.router).may_stream;
  config.encoder.dropout = 0.1f;
  config.decoder.ffn.num_experts = 0;
  CheckConfig(config);
  AsrModel model(config), grad(config);
  InitModel(&model, 1);
  SetZero(&grad);
  Rng rng(2);
  TrainBatch batch;
  batch.shape = RaggedShape::FromLengths({60, 44});
  batch.feats = RandomTensor(&rng, 104, 20);
  batch.labels = {{1, 2, 3}, {4, 5}};
  const std::vector<SequenceFacts> facts = {{1, 0, true, 0}, {2, 0, true, 0}};
  DropoutSeeds dropout(3, {4, 5});
  LoadCounter counter;
  LossOptions options;
  options.sequences = facts;
  options.dropout = &dropout;
  options.routes = &counter;
  const LossTerms terms = ComputeLoss(ctx, model, batch, options, &grad, nullptr);
  model.AfterStep(ctx, counter.Counts());
  std::string result;
  const auto add = [&](const void *data, size_t size) {
    result.append(static_cast<const char *>(data), size);
  };
  add(&terms.total, sizeof terms.total);
  for (AsrModel *m : {&model, &grad}) {
    ForEachParam(m, [&](const std::string &, Tensor *t, const ParamInit &, bool) {
      add(t->Data(), static_cast<size_t>(t->Size()) * sizeof(float));
    });
  }
  for (const ParamUse &use : TrainableUses(&model)) add(&use.steps, sizeof use.steps);
  return result;
}

TEST(Settings, AreReadOrRefused) {
  std::map<std::string, int> read, refused;
  for (const std::string &router : RouterNames()) {
    for (const std::string &bank : BankNames()) {
      FeedForwardConfig base = Config(router, bank);
      if (bank == "mpo") base.mpo_shape = "2x4x2/2x1x2";
      if (ErrorOf([&] { StepOf(base); }) != "(no error)") {
        EXPECT_TRUE(RouterTraitsOf(router).merges && bank != "full") << router << " " << bank;
        continue;
      }
      const std::string plain = StepOf(base);
      EXPECT_TRUE(StepOf(base) == plain) << router << " " << bank;
      for (const Setting &s : Settings()) {
        SCOPED_TRACE(Cat(s.name, " with router ", router, " and bank ", bank));
        FeedForwardConfig config = base;
        std::string before = plain;
        if (s.before) {
          s.before(&config);
          if (ErrorOf([&] { before = StepOf(config); }) != "(no error)") config = base;
        }
        s.set(&config);
        std::string step;
        const std::string error = ErrorOf([&] { step = StepOf(config); });
        if (error == "(no error)") {
          EXPECT_TRUE(step != before) << "changes nothing";
          ++read[s.name];
          continue;
        }
        EXPECT_NE(error.find(s.name), error.npos) << error;
        ++refused[s.name];
      }
    }
  }
  for (const Setting &s : Settings()) EXPECT_GT(read[s.name], 0) << s.name;
  EXPECT_EQ(refused["load-weight"], 2 + 3 * 5);  // routers that average, and that do not learn
  EXPECT_GT(refused["router-jitter"], 0);
  EXPECT_GT(refused["core-gradient"], 0);
}

}  // namespace
}  // namespace u2moe
