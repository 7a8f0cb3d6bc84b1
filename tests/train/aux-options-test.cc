#include "train/aux-options.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "model/expert-options.h"
#include "support/error-test.h"
#include "train/link-watch.h"
#include "train/tiny.h"
#include "train/trainer.h"

namespace u2moe {
namespace {

TEST(EpochSchedule, StraightLines) {
  EXPECT_EQ(EpochSchedule("o", "").At(7), 1);
  const EpochSchedule one("o", "3:0.5");
  for (const int epoch : {1, 3, 100}) EXPECT_EQ(one.At(epoch), 0.5);
  const EpochSchedule s("o", "2:0,6:1,10:0.5");
  EXPECT_EQ(s.At(1), 0);
  EXPECT_EQ(s.At(2), 0);
  EXPECT_EQ(s.At(3), 0.25);
  EXPECT_EQ(s.At(6), 1);
  EXPECT_EQ(s.At(8), 0.75);
  EXPECT_EQ(s.At(10), 0.5);
  EXPECT_EQ(s.At(11), 0.5);
  for (const char *bad :
       {"1", "1:", ":1", "0:1", "1:-1", "1:inf", "1:1,", "2:1,1:1", "1:0,1:1", "x:1"})
    EXPECT_NE(ErrorOf([&] { EpochSchedule("--o", bad); }).find("--o="), std::string::npos) << bad;
}

TEST(AuxOptions, WhatDoesNotGoWithTheModel) {
  const std::string path = TempDir() + "/network";
  WriteFile(path, "beta\n1 2\n2 1\n");
  ModelConfig config = TinyConfig(0);
  const auto load = [&](const AuxOptions &o, int32_t shards) {
    return ErrorOf([&] { AuxOptions(o).Load(config, shards, false); });
  };
  AuxOptions schedule, verbose, topology;
  schedule.aux_schedule = "1:1";
  verbose.verbose_losses = true;
  topology.topology = path;
  EXPECT_NE(load(schedule, 4).find("no losses on its routers"), std::string::npos);
  EXPECT_NE(load(verbose, 4).find("--verbose-losses: the model has no losses"), std::string::npos);
  EXPECT_EQ(load(topology, 4), "(no error)");  // and what it would take is watched
  EXPECT_NE(load(topology, 1).find("--shards=1: each rank is a shard"), std::string::npos);
  config.decoder.ffn.num_experts = 3;
  EXPECT_NE(load(topology, 4).find("has 2 ranks, among which 3 experts"), std::string::npos);
  config = TinyConfig(0);
  config.encoder.ffn.topology_weight = 0.01f;
  EXPECT_EQ(load(topology, 4), "(no error)");
  EXPECT_EQ(load(schedule, 4).find("the model has a topology-weight: give --topology"), 0u);
  config.encoder.ffn.num_experts = config.decoder.ffn.num_experts = 0;
  EXPECT_NE(load(topology, 4).find("the model is dense"), std::string::npos);
}

// By hand: two ranks, four experts, rows of 2 bytes.
TEST(LinkWatch, MeansOverStepsAndMixtures) {
  auto network = std::make_shared<Topology>(ParseTopology("beta\n1 10\n20 1\n", "network"));
  LinkWatch watch(network, 2);
  EXPECT_FALSE(watch.Get().watched);
  watch.Add(0, {{3, 1, 2, 0}, {0, 0, 0, 4}});
  watch.Add(1, {{0, 0, 0, 6}, {1, 0, 0, 0}});
  watch.EndStep();
  watch.Add(0, {{1, 0, 0, 0}});
  watch.EndStep();
  const LinkWatch::Report r = watch.Get();
  EXPECT_TRUE(r.watched);
  // Step 1: mixture 0: rank 0 sends 4 rows home and 2 away: 8, 40; rank 1 6 home: 12. Mixture 1: 4
  // away from rank 0: 80; 1 away from rank 1: 40. Step 2: 2.
  EXPECT_NEAR(r.slowest, (40 + 80 + 2) / 3.0, 1e-9);
  // Evenly: rank 0 sends 3 away: 60, rank 1 3 away: 120. Then 2 away: 40, half a one: 20. Then half
  // a row away: 10.
  EXPECT_NEAR(r.slowest_even, (120 + 40 + 10) / 3.0, 1e-9);
  EXPECT_NEAR(r.local_share, (4 + 6 + 1) / 18.0, 1e-9);
  watch.BeginEpoch();
  EXPECT_FALSE(watch.Get().watched);
  LinkWatch none(nullptr, 2);
  none.Add(0, {{1}});
  none.EndStep();
  EXPECT_FALSE(none.Get().watched);
}

TrainOptions Options() {
  TrainOptions o;
  o.batch_size = 5;
  o.learning_rate = 5e-3;
  o.warmup_steps = 10;
  o.shard_frames = 1;
  return o;
}

// A router learns to keep its rows where the network is fast: more of them stay on their rank than
// with the balance loss, and the slowest link is done sooner.
TEST(AuxOptions, TopologyKeepsRowsNear) {
  const MemorySource data(TinyData(20, 1));
  double local[2], slowest[2];
  for (const bool near : {false, true}) {
    ModelConfig config = TinyConfig(0);
    // All ranks are near the experts of rank 0.
    for (FeedForwardConfig *ffn : {&config.encoder.ffn, &config.decoder.ffn})
      (near ? ffn->topology_weight : ffn->balance_weight) = 30;
    AsrModel model(config);
    InitModel(&model, 3);
    TrainOptions o = Options();
    o.shards = 2;
    o.aux.network = std::make_shared<Topology>(ParseTopology("beta\n1 9\n1 9\n", "network"));
    Trainer trainer(o, &model, &data);
    EpochReport report;
    for (int32_t epoch = 1; epoch <= 12; ++epoch) report = trainer.TrainEpoch(epoch);
    EXPECT_TRUE(report.links.watched);
    local[near] = report.links.local_share;
    slowest[near] = report.links.slowest / report.links.slowest_even;
    EXPECT_NE(report.ToJson().find("\"slowest_link_seconds\":"), std::string::npos);
  }
  EXPECT_LT(slowest[1], 0.8 * slowest[0]) << local[0] << " " << local[1];
}

// Why there is no first of several experts, by what routers promise.
TEST(MostExpertsPerFrame, SaysWhyNot) {
  const auto refusal = [](const std::string &router, int experts_per_frame) {
    ModelConfig config = TinyConfig(0);
    config.encoder.ffn.router = router;
    config.encoder.ffn.experts_per_frame = experts_per_frame;
    return ErrorOf([&] { MostExpertsPerFrame(config, "--elastic"); });
  };
  EXPECT_HAS(refusal("read-me", 1), "--elastic: the router 'read-me' takes the one expert decided");
  EXPECT_HAS(refusal("segment", 1), "'segment' averages its experts, so that there is no first");
  EXPECT_HAS(refusal("expert-choice", 2), "'expert-choice' lets experts choose frames");
  EXPECT_EQ(refusal("speech-moe", 2), "(no error)");
}

// The number of experts is drawn anew for each batch, and as it was in between; a schedule scales
// what the losses count. All with threads, a teacher and a network: to the bit.
TEST(Trainer, ElasticScheduledTaughtAndWatched) {
  const MemorySource data(TinyData(13, 3));
  std::shared_ptr<const AsrModel> teacher = TinyModel(0, 77);
  std::unique_ptr<AsrModel> first;
  std::string first_log;
  for (const int threads : {1, 3}) {
    ModelConfig config = TinyConfig(0.2f);
    config.encoder.ffn.experts_per_frame = 3;
    config.encoder.ffn.topology_weight = config.decoder.ffn.load_weight = 0.1f;
    auto model = std::make_unique<AsrModel>(config);
    InitModel(model.get(), 3);
    ExpertPolicy policy;
    policy.exit_blank = 1.5f;  // never; to be found again
    model->SetPolicy(policy);
    TrainOptions o = Options();
    o.threads = threads;
    o.elastic = true;
    o.roles.weight_decay = 0.01;
    o.aux.network = std::make_shared<Topology>(ParseTopology("beta\n1 2\n2 1\n", "network"));
    o.aux.aux_schedule = "1:0,2:1";
    o.teacher.model = teacher;
    Trainer trainer(o, model.get(), &data);
    std::string log;
    for (int32_t epoch = 1; epoch <= 2; ++epoch) {
      const EpochReport report = trainer.TrainEpoch(epoch);
      EXPECT_TRUE(model->Policy() == policy);
      const double experts = report.train["experts_per_frame"].Mean();
      EXPECT_TRUE(experts > 1 && experts < 3) << experts;
      EXPECT_NEAR(report.train["load"].weight, epoch == 1 ? 0 : 0.2, 1e-6);
      EXPECT_GT(report.train["load"].Mean(), 0);
      EXPECT_GT(report.train["teacher_ctc"].Mean(), 0);
      log += Cat(report.train.ToString(), " ", experts, " ", report.links.slowest, " ",
                 report.min_load.load, "\n");
    }
    if (threads == 1) {
      first = std::move(model);
      first_log = log;
      continue;
    }
    EXPECT_TRUE(SameModels(first.get(), model.get()));
    EXPECT_EQ(log, first_log);
  }
}

// Losses that fail are named with layer and step.
TEST(Trainer, NamesTheRouterThatFails) {
  const MemorySource data(TinyData(4, 5));
  ModelConfig config = TinyConfig(0);
  config.encoder.ffn.z_weight = 1e38f;
  AsrModel model(config);
  InitModel(&model, 3);
  ForEachParam(&model, [](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name != "encoder.encoders.1.feed_forward.gate.weight") return;
    for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] *= 1e4f;
  });
  TrainOptions o = Options();
  testing::internal::CaptureStderr();
  Trainer trainer(o, &model, &data);
  EXPECT_THROW(trainer.TrainEpoch(1), Error);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("epoch 1 step 1: "), std::string::npos) << said;
  EXPECT_NE(said.find("(encoder.encoders.1.feed_forward: the gradient of the losses on its router"),
            std::string::npos)
      << said;
}

}  // namespace
}  // namespace u2moe
