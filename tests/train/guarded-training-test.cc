// Training of the golden models on Device::kGuarded gives the bits of the CPU: losses, gradients
// and weights of some steps, with dropout and the running statistics of batch norm.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "model/guarded.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/tiny.h"

namespace u2moe {
namespace {

class GuardedTrainingTest : public testing::TestWithParam<std::string>, protected GuardedModel {
 protected:
  GuardedTrainingTest() : GuardedModel(GetParam()) {
    const int32_t labels[][3] = {{3, 4, 5}, {1, 2, 2}, {7, 1, 7}};
    std::vector<Tensor> feats;
    for (auto &[key, x] : ReadArchive(here_.dir + "/feats.ark")) {
      if (feats.size() == 3) break;
      batch_.shape.Append(x.Rows());
      batch_.labels.emplace_back(std::begin(labels[feats.size()]), std::end(labels[feats.size()]));
      feats.push_back(x);
    }
    batch_.feats = Tensor(batch_.shape.TotalRows(), feats[0].Cols());
    for (int b = 0; b < batch_.shape.NumSequences(); ++b) {
      const Tensor &x = feats[static_cast<size_t>(b)];
      std::copy_n(x.Data(), x.Size(), batch_.shape.Rows(batch_.feats.View(), b).Data());
    }
  }

  LossTerms Loss(const Context &ctx, const AttentionMask &mask, AsrModel *model, AsrModel *grad) {
    DropoutSeeds dropout(5, {6, 7, 8});
    LossOptions options;
    options.mask = mask;
    options.dropout = &dropout;
    options.utterance_divisor = 3;
    options.token_divisor = 12;
    return ComputeLoss(ctx, *model, batch_, options, grad, grad != nullptr ? model : nullptr);
  }

  TrainBatch batch_;
};

void ExpectSameModels(AsrModel *here, AsrModel *there, const std::string &what) {
  std::vector<const Tensor *> want;
  ForEachParam(here, [&](const std::string &, const Tensor *t, const ParamInit &, bool) {
    want.push_back(t);
  });
  size_t i = 0;
  ForEachParam(there, [&](const std::string &name, const Tensor *t, const ParamInit &, bool) {
    ExpectSameBits(want[i++]->View(), *t, what + " of " + name);
  });
}

TEST_P(GuardedTrainingTest, StepsOfTheOptimizer) {
  AsrModel grad(here_.model->Config()), guarded_grad(here_.model->Config());
  MoveToDevice(guarded_, &guarded_grad);
  SetZero(&grad);
  SetZero(&guarded_grad);
  Optimizer optimizer(AdamOptions(), 5, here_.model.get()),
      guarded_optimizer(AdamOptions(), 5, there_.model.get());
  for (int step = 0; step < 3; ++step) {
    const AttentionMask mask = step == 1 ? AttentionMask::Chunk(4, 2) : AttentionMask::Full();
    const LossTerms want = Loss(cpu_, mask, here_.model.get(), &grad),
                    got = Loss(guarded_, mask, there_.model.get(), &guarded_grad);
    EXPECT_EQ(got.total, want.total);
    EXPECT_EQ(got["accuracy"].sum, want["accuracy"].sum);
    ExpectSameModels(&grad, &guarded_grad, "gradient");
    EXPECT_EQ(guarded_optimizer.Step(guarded_, 1e-3, &guarded_grad),
              optimizer.Step(cpu_, 1e-3, &grad));
    ExpectSameModels(here_.model.get(), there_.model.get(), "weights");
    SetZero(&grad);
    SetZero(&guarded_grad);
  }
  const LossTerms want = Loss(cpu_, AttentionMask::Full(), here_.model.get(), nullptr),
                  got = Loss(guarded_, AttentionMask::Full(), there_.model.get(), nullptr);
  EXPECT_EQ(got.total, want.total);
}

// Mixtures that the golden models do not have: routers with state, shared and random ones, experts
// of which some are always on, losses on the decisions.
TEST(GuardedTraining, OtherMixtures) {
  const Context cpu, guarded(Device::kGuarded);
  for (const std::string router : {"switch", "rmoe", "shared-topk", "noisy-topk", "read-me"}) {
    SCOPED_TRACE(router);
    ModelConfig config = TinyConfig(0.1f);
    for (FeedForwardConfig *ffn : {&config.encoder.ffn, &config.decoder.ffn}) {
      ffn->router = router;
      if (router == "switch") ffn->experts_per_frame = 1;
      if (router == "rmoe") ffn->router_dim = 6;
      if (router == "noisy-topk") ffn->router_noise = 0.5f;
      if (router == "shared-topk") {
        ffn->bank = "shared-plus-routed";
        ffn->num_shared_experts = 1;
      }
      ffn->balance_weight = 0.1f;
      ffn->z_weight = 0.01f;
      ffn->importance_weight = ffn->load_weight = 0.1f;
      ffn->expert_dropout = 0.2f;
    }
    const bool cut = router == "read-me";  // out of a dense model, which teaches the routes
    ModelConfig dense = TinyConfig(0.1f);
    dense.encoder.ffn.num_experts = dense.decoder.ffn.num_experts = 0;
    if (cut) {
      config.decoder = dense.decoder;
      config.encoder.ffn.bank = "neuron-groups";
      config.encoder.ffn.experts_per_frame = 1;
      config.encoder.ffn.router_dim = 8;
      config.encoder.ffn.hidden_dim = dense.encoder.ffn.hidden_dim / 4;
    }
    AsrModel here(config), there(config), grad(config), guarded_grad(config), teacher(config),
        guarded_teacher(config);
    InitModel(&here, 4);
    InitModel(&there, 4);
    InitModel(&teacher, 5);
    InitModel(&guarded_teacher, 5);
    MoveToDevice(guarded, &guarded_teacher);
    std::unique_ptr<RouteTeacher> routes, guarded_routes;
    if (cut) {
      for (AsrModel *model : {&here, &there}) {
        ForEachParam(model, [](const std::string &name, Tensor *t, const ParamInit &, bool) {
          if (name.find(".neurons") == name.npos) return;
          for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] = static_cast<float>(i);
        });
      }
      for (auto *r : {&routes, &guarded_routes}) {
        auto model = std::make_unique<AsrModel>(dense);
        InitModel(model.get(), 8);
        if (r == &guarded_routes) MoveToDevice(guarded, model.get());
        *r = std::make_unique<RouteTeacher>(std::move(model), config, &here, "t");
      }
    }
    SetZero(&grad);
    SetZero(&guarded_grad);
    MoveToDevice(guarded, &there);
    MoveToDevice(guarded, &guarded_grad);
    const std::vector<TrainUtterance> data = TinyData(2, 5);
    TrainBatch batch;
    for (const TrainUtterance &u : data) {
      batch.shape.Append(u.feats.Rows());
      batch.labels.push_back(u.labels);
    }
    batch.feats = Tensor(batch.shape.TotalRows(), data[0].feats.Cols());
    for (int b = 0; b < 2; ++b) {
      const Tensor &x = data[static_cast<size_t>(b)].feats;
      std::copy_n(x.Data(), x.Size(), batch.shape.Rows(batch.feats.View(), b).Data());
    }
    const std::vector<SequenceFacts> facts = {{1, 0, true}, {2, 0, true}};
    const auto loss = [&](const Context &ctx, const AsrModel &model, AsrModel *to) {
      DropoutSeeds dropout(5, {6, 7});
      LossOptions options;
      options.dropout = &dropout;
      options.sequences = facts;
      options.teacher = &model == &here ? &teacher : &guarded_teacher;
      options.route_teacher = &model == &here ? routes.get() : guarded_routes.get();
      return ComputeLoss(ctx, model, batch, options, to, nullptr).total;
    };
    EXPECT_EQ(loss(guarded, there, &guarded_grad), loss(cpu, here, &grad));
    ExpectSameModels(&grad, &guarded_grad, "gradient");
  }
}

INSTANTIATE_TEST_SUITE_P(All, GuardedTrainingTest, testing::ValuesIn(GoldenModelNames()),
                         [](const auto &info) { return info.param; });

}  // namespace
}  // namespace u2moe
