// Training of the golden models on other devices gives what the CPU gives: losses, gradients
// and weights of some steps, with dropout and the running statistics of batch norm.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "model/devices.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/tiny.h"

namespace u2moe {
namespace {

class DeviceTrainingTest : public testing::TestWithParam<std::tuple<std::string, Device>>,
                           protected ModelOnDevice {
 protected:
  DeviceTrainingTest() : ModelOnDevice(std::get<0>(GetParam()), std::get<1>(GetParam())) {
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

TEST_P(DeviceTrainingTest, StepsOfTheOptimizer) {
  AsrModel grad(here_.model->Config()), there_grad(here_.model->Config());
  MoveToDevice(there_ctx_, &there_grad);
  SetZero(&grad);
  SetZero(&there_grad);
  Optimizer optimizer(AdamOptions(), 5, here_.model.get()),
      there_optimizer(AdamOptions(), 5, there_.model.get());
  for (int step = 0; step < 3; ++step) {
    const AttentionMask mask = step == 1 ? AttentionMask::Chunk(4, 2) : AttentionMask::Full();
    const LossTerms want = Loss(cpu_, mask, here_.model.get(), &grad),
                    got = Loss(there_ctx_, mask, there_.model.get(), &there_grad);
    ExpectAgree(Where(), want.total, got.total, "loss", step == 0 ? 1e-5 : 1e-3);
    if (Where() != Device::kCuda || step == 0) {
      EXPECT_EQ(got["accuracy"].sum, want["accuracy"].sum);
      ExpectModelsAgree(Where(), &grad, &there_grad, "gradient");
    }
    ExpectAgree(Where(), optimizer.Step(cpu_, 1e-3, &grad),
                there_optimizer.Step(there_ctx_, 1e-3, &there_grad), "norm",
                step == 0 ? 1e-4 : 1e-2);
    // Adam's first steps have the signs of gradients, also of those that are all rounding.
    if (Where() != Device::kCuda)
      ExpectModelsAgree(Where(), here_.model.get(), there_.model.get(), "weights");
    SetZero(&grad);
    SetZero(&there_grad);
  }
  const LossTerms want = Loss(cpu_, AttentionMask::Full(), here_.model.get(), nullptr),
                  got = Loss(there_ctx_, AttentionMask::Full(), there_.model.get(), nullptr);
  ExpectAgree(Where(), want.total, got.total, "loss", 1e-3);
}

// Mixtures that the golden models do not have: routers with state, shared and random ones, experts
// of which some are always on, losses on the decisions.
class DeviceMixtureTest : public testing::TestWithParam<Device> {};

TEST_P(DeviceMixtureTest, GiveTheSame) {
  const Context cpu, there_ctx(GetParam());
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
    AsrModel here(config), there(config), grad(config), there_grad(config), teacher(config),
        there_teacher(config);
    InitModel(&here, 4);
    InitModel(&there, 4);
    InitModel(&teacher, 5);
    InitModel(&there_teacher, 5);
    MoveToDevice(there_ctx, &there_teacher);
    std::unique_ptr<RouteTeacher> routes, there_routes;
    if (cut) {
      for (AsrModel *model : {&here, &there}) {
        ForEachParam(model, [](const std::string &name, Tensor *t, const ParamInit &, bool) {
          if (name.find(".neurons") == name.npos) return;
          for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] = static_cast<float>(i);
        });
      }
      for (auto *r : {&routes, &there_routes}) {
        auto model = std::make_unique<AsrModel>(dense);
        InitModel(model.get(), 8);
        if (r == &there_routes) MoveToDevice(there_ctx, model.get());
        *r = std::make_unique<RouteTeacher>(std::move(model), config, &here, "t");
      }
    }
    SetZero(&grad);
    SetZero(&there_grad);
    MoveToDevice(there_ctx, &there);
    MoveToDevice(there_ctx, &there_grad);
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
      options.teacher = &model == &here ? &teacher : &there_teacher;
      options.route_teacher = &model == &here ? routes.get() : there_routes.get();
      return ComputeLoss(ctx, model, batch, options, to, nullptr).total;
    };
    ExpectAgree(GetParam(), loss(cpu, here, &grad), loss(there_ctx, there, &there_grad), "loss");
    ExpectModelsAgree(GetParam(), &grad, &there_grad, "gradient");
  }
}

INSTANTIATE_TEST_SUITE_P(All, DeviceTrainingTest,
                         testing::Combine(testing::ValuesIn(GoldenModelNames()),
                                          testing::ValuesIn(OtherDevices())),
                         [](const auto &info) {
                           return std::get<0>(info.param) + "_" + NameOf(std::get<1>(info.param));
                         });
INSTANTIATE_TEST_SUITE_P(All, DeviceMixtureTest, testing::ValuesIn(OtherDevices()),
                         [](const auto &info) { return NameOf(info.param); });

}  // namespace
}  // namespace u2moe
