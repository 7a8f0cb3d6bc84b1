#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "train/tiny.h"
#include "train/trainable.h"

namespace u2moe {
namespace {

TrainOptions TinyOptions() {
  TrainOptions o;
  o.epochs = 4;
  o.batch_size = 3;
  o.bucket_size = 6;
  o.learning_rate = 5e-3;
  o.warmup_steps = 10;
  o.shard_frames = 1;
  o.spec.max_t = 8;
  o.spec.max_f = 4;
  return o;
}

TEST(Trainer, LearnsEightUtterances) {
  const MemorySource data(TinyData(8, 1));
  std::unique_ptr<AsrModel> model = TinyModel(0);
  TrainOptions o = TinyOptions();
  o.spec_augment = false;
  Trainer trainer(o, model.get(), &data);
  const LossTerms before = trainer.DevLoss(data);
  EXPECT_EQ(before.num_utterances, 8);
  EpochReport report;
  for (int32_t epoch = 1; epoch <= 40; ++epoch) report = trainer.TrainEpoch(epoch);
  const LossTerms after = trainer.DevLoss(data);
  EXPECT_LT(after.MeanTotal(), 0.4 * before.MeanTotal());
  EXPECT_GT(after["accuracy"].sum, before["accuracy"].sum);
  EXPECT_EQ(report.epoch, 40);
  EXPECT_EQ(report.steps, 40 * 3);  // buckets of 6 and 2 utterances: 2 + 1 batches
  EXPECT_EQ(report.train.num_utterances, 8);
  EXPECT_GT(report.grad_norm, 0);
}

TEST(Trainer, SameSeedSameBits) {
  const MemorySource data(TinyData(8, 2));
  TrainOptions o = TinyOptions();
  std::unique_ptr<AsrModel> models[3];
  for (int i = 0; i < 3; ++i) {
    models[i] = TinyModel(0.2f);
    o.seed = i == 2 ? 778 : 777;
    Trainer trainer(o, models[i].get(), &data);
    trainer.TrainEpoch(1);
    trainer.TrainEpoch(2);
  }
  EXPECT_TRUE(SameModels(models[0].get(), models[1].get()));
  EXPECT_FALSE(SameModels(models[0].get(), models[2].get()));
}

// A line of the log without what the clock says.
std::string WithoutTimes(const EpochReport &report) {
  nlohmann::ordered_json j = nlohmann::ordered_json::parse(report.ToJson());
  for (const char *name : {"wall_seconds", "cpu_seconds", "frames_per_second",
                           "frames_per_cpu_second", "dev_seconds"}) {
    EXPECT_EQ(j.erase(name), 1u) << name;
  }
  return j.dump();
}

// Threads make no difference to any bit: not of the model, the optimizer or the log.
TEST(Trainer, ThreadsChangeNothing) {
  const MemorySource data(TinyData(13, 3)), dev(TinyData(3, 4));
  for (const bool moe : {false, true}) {
    for (const bool batch_norm : {false, true}) {
      for (const int accum : {1, 2}) {
        for (const int shards : {1, 4, 7}) {
          SCOPED_TRACE(
              Cat("moe ", moe, " batch norm ", batch_norm, " accum ", accum, " shards ", shards));
          ModelConfig config = TinyConfig(0.2f);
          if (!moe) config.encoder.ffn.num_experts = config.decoder.ffn.num_experts = 0;
          if (batch_norm) config.encoder.conv_norm = ConvNorm::kBatchNorm;
          if (batch_norm) {  // and all that routers may bring
            config.encoder.ffn.router = "noisy-topk";
            config.encoder.ffn.router_noise = 1;
            config.encoder.ffn.balance_weight = 0.1f;
            config.decoder.ffn.z_weight = 0.1f;
          }
          std::unique_ptr<AsrModel> first;
          std::string first_log, first_moments;
          for (const int threads : {1, 2, 3, 5}) {
            TrainOptions o = TinyOptions();
            o.batch_size = 5;
            o.accum_grad = accum;
            o.shards = shards;
            o.threads = threads;
            auto model = std::make_unique<AsrModel>(config);
            InitModel(model.get(), 3);
            Trainer trainer(o, model.get(), &data);
            std::string log;
            for (int32_t epoch = 1; epoch <= 2; ++epoch) {
              EpochReport report = trainer.TrainEpoch(epoch);
              report.dev = trainer.DevLoss(dev);
              log += WithoutTimes(report) + "\n";
            }
            const std::string path = TempDir() + "/moments";
            trainer.Optimizer()->Save(path);
            if (threads == 1) {
              first = std::move(model);
              first_log = log;
              first_moments = ReadFile(path);
              EXPECT_EQ(log.find("min_expert_load") != std::string::npos, moe) << log;
              EXPECT_EQ(log.find("train_balance") != std::string::npos, moe && batch_norm) << log;
              EXPECT_EQ(log.find("dev_balance"), std::string::npos) << log;
              continue;
            }
            EXPECT_TRUE(SameModels(first.get(), model.get())) << threads << " threads";
            EXPECT_EQ(log, first_log) << threads << " threads";
            EXPECT_EQ(ReadFile(path), first_moments) << threads << " threads";
          }
        }
      }
    }
  }
}

// Without dropout and batch norm shards only change the order of sums.
TEST(Trainer, ShardsChangeRoundingOnly) {
  const MemorySource data(TinyData(8, 3));
  TrainOptions o = TinyOptions();
  std::vector<double> losses, norms;
  for (const int shards : {1, 2, 5}) {
    std::unique_ptr<AsrModel> model = TinyModel(0.2f);
    o.shards = shards;
    Trainer trainer(o, model.get(), &data);
    const EpochReport report = trainer.TrainEpoch(1);
    losses.push_back(report.train.MeanTotal());
    norms.push_back(report.grad_norm);
  }
  for (size_t i = 1; i < losses.size(); ++i) {
    EXPECT_NEAR(losses[i], losses[0], 1e-3 * losses[0]);
    EXPECT_NEAR(norms[i], norms[0], 1e-2 * norms[0]);
  }
}

// Running statistics of batch norm are the mean of what the shards make of them.
TEST(Trainer, RunningStatisticsAreTheMeanOfTheShards) {
  std::vector<TrainUtterance> utterances = TinyData(2, 6);
  utterances[1].feats = Tensor::Copy(utterances[1].feats.View().RowRange(0, 20));
  utterances[1].labels.resize(1);
  ModelConfig config = TinyConfig(0);
  config.encoder.conv_norm = ConvNorm::kBatchNorm;
  config.encoder.dynamic_chunk = false;
  const auto train = [&](const std::vector<TrainUtterance> &u, int shards) {
    const MemorySource data(u);
    TrainOptions o = TinyOptions();
    o.shards = shards;
    o.spec_augment = false;
    o.learning_rate = 1e-30;
    auto model = std::make_unique<AsrModel>(config);
    InitModel(model.get(), 3);
    Trainer(o, model.get(), &data).TrainEpoch(1);
    std::vector<Tensor> running;
    ForEachParam(model.get(), [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      if (name.find("running") != std::string::npos) running.push_back(*t);
    });
    return running;
  };
  const auto both = train(utterances, 2), first = train({utterances[0]}, 2),
             second = train({utterances[1]}, 2);
  ASSERT_EQ(both.size(), 4u);
  for (size_t i = 0; i < both.size(); ++i) {
    EXPECT_GT(MaxAbsDiff(first[i], second[i]), 1e-3);
    for (int64_t k = 0; k < both[i].Size(); ++k)
      EXPECT_NEAR(both[i].Data()[k], (first[i].Data()[k] + second[i].Data()[k]) / 2, 1e-6);
  }
}

// The memory of gradients grows with threads, not with shards.
TEST(GradientSum, HoldsFewModels) {
  std::unique_ptr<AsrModel> model = TinyModel(0);
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    GradientSum sum(model.get());
    for (int batch = 0; batch < 3; ++batch) {
      sum.AddBatch(&pool, 16, [&](int shard, AsrModel *grad) {
        for (Tensor *t : TrainableTensors(grad)) {
          ASSERT_EQ(t->Data()[0], 0);  // from zero, whatever was there before
          t->Data()[0] = static_cast<float>(shard + 1);
        }
      });
    }
    EXPECT_EQ(TrainableTensors(sum.Total())[3]->Data()[0], 3 * 16 * 17 / 2);
    EXPECT_LE(sum.NumModels(), threads + 1);
    sum.Clear();
    EXPECT_EQ(TrainableTensors(sum.Total())[3]->Data()[0], 0);
    EXPECT_LE(sum.NumModels(), threads + 1);
  }
}

// A shard that throws keeps nobody waiting.
TEST(GradientSum, AFailureIsThatOfTheLowestShard) {
  std::unique_ptr<AsrModel> model = TinyModel(0);
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    GradientSum sum(model.get());
    for (int repeat = 0; repeat < 5; ++repeat) {
      try {
        sum.AddBatch(&pool, 9, [&](int shard, AsrModel *) {
          if (shard % 4 == 2) throw DataError("shard ", shard);
        });
        ADD_FAILURE();
      } catch (const DataError &e) {
        EXPECT_EQ(std::string(e.what()), "shard 2");
      }
      sum.Clear();
    }
    sum.AddBatch(&pool, 9, [](int, AsrModel *) {});
    EXPECT_LE(sum.NumModels(), threads + 1);
  }
}

TEST(Trainer, AccumulatedBatchesAreOneStep) {
  const MemorySource data(TinyData(8, 4));
  TrainOptions o = TinyOptions();
  o.accum_grad = 2;
  o.batch_size = 2;
  o.bucket_size = 8;
  std::unique_ptr<AsrModel> model = TinyModel(0);
  Trainer trainer(o, model.get(), &data);
  EXPECT_EQ(trainer.TrainEpoch(1).steps, 2);
  o.accum_grad = 3;
  std::unique_ptr<AsrModel> other = TinyModel(0);
  Trainer rest(o, other.get(), &data);
  EXPECT_EQ(rest.TrainEpoch(1).steps, 2);  // the last batch is a step of its own
}

TEST(Trainer, GivesUpWhereNoGradientIsFinite) {
  const MemorySource data(TinyData(4, 5));
  std::unique_ptr<AsrModel> model = TinyModel(0);
  // A weight this large overflows the CTC loss of every utterance.
  Tensor *weight = model->MutableCtc()->MutableWeight();
  for (int64_t i = 0; i < weight->Size(); ++i) weight->Data()[i] = 3e38f;
  TrainOptions o = TinyOptions();
  o.batch_size = 1;
  o.max_skipped_steps = 2;
  Trainer trainer(o, model.get(), &data);
  try {
    trainer.TrainEpoch(1);
    FAIL();
  } catch (const Error &e) {
    EXPECT_NE(std::string(e.what()).find("3 steps without a finite gradient"), std::string::npos)
        << e.what();
  }
}

std::string TrainError(Trainer *trainer) {
  try {
    trainer->TrainEpoch(1);
  } catch (const Error &e) {
    return e.what();
  }
  return "";
}

// The last step of an epoch has fewer batches than the others; its gradient is their mean, too.
TEST(Trainer, TheLastStepOfAnEpochIsAMeanOfItsBatches) {
  std::vector<TrainUtterance> utterances = TinyData(4, 4);
  for (TrainUtterance &u : utterances)
    u = utterances[0];  // any mean of equal gradients is the same
  for (size_t i = 0; i < utterances.size(); ++i) utterances[i].key = Cat("u", i);
  const MemorySource data(utterances);
  std::vector<double> norms;
  for (const int accum : {1, 2, 3, 4, 7}) {
    TrainOptions o = TinyOptions();
    o.spec_augment = false;
    o.batch_size = 1;
    o.accum_grad = accum;
    o.learning_rate = 1e-30;
    o.grad_clip = 0;
    ModelConfig config = TinyConfig(0);
    config.encoder.dynamic_chunk = false;
    AsrModel model(config);
    InitModel(&model, 3);
    Trainer trainer(o, &model, &data);
    norms.push_back(trainer.TrainEpoch(1).grad_norm);  // the mean over steps
  }
  for (const double norm : norms) EXPECT_NEAR(norm, norms[0], 1e-4 * norms[0]);
}

TEST(Trainer, NothingLearntIsAnError) {
  const MemorySource data(TinyData(4, 5));
  std::unique_ptr<AsrModel> model = TinyModel(0);
  Tensor *weight = model->MutableCtc()->MutableWeight();
  for (int64_t i = 0; i < weight->Size(); ++i) weight->Data()[i] = 3e38f;
  TrainOptions o = TinyOptions();  // fewer steps than --max-skipped-steps
  Trainer trainer(o, model.get(), &data);
  const std::string error = TrainError(&trainer);
  EXPECT_NE(error.find("epoch 1: not one of its 2 steps had a finite loss"), std::string::npos)
      << error;
  EXPECT_NE(error.find("--learning-rate (0.005)"), std::string::npos) << error;
}

TEST(Trainer, ARateThatIsTooHighIsAnError) {
  const MemorySource data(TinyData(8, 5));
  for (const double rate : {1e3, 1e8, 1e30}) {
    std::unique_ptr<AsrModel> model = TinyModel(0);
    TrainOptions o = TinyOptions();
    o.learning_rate = rate;
    o.warmup_steps = 0;
    Trainer trainer(o, model.get(), &data);
    const std::string error = TrainError(&trainer);
    EXPECT_NE(error.find("--learning-rate"), std::string::npos) << rate << " " << error;
  }
}

// One utterance that overflows costs its step only, and is named.
TEST(Trainer, AnUtteranceThatOverflowsIsNamed) {
  for (const bool batch_norm : {false, true}) {
    std::vector<TrainUtterance> utterances = TinyData(8, 5);
    Tensor *feats = &utterances[5].feats;
    for (int64_t i = 0; i < feats->Size(); ++i) feats->Data()[i] *= 1e30f;
    const MemorySource data(utterances);
    ModelConfig config = TinyConfig(0);
    config.encoder.ffn.num_experts = config.decoder.ffn.num_experts = batch_norm ? 0 : 4;
    if (batch_norm) config.encoder.conv_norm = ConvNorm::kBatchNorm;
    AsrModel model(config);
    InitModel(&model, 3);
    TrainOptions o = TinyOptions();
    o.spec_augment = false;
    o.batch_size = 2;
    Trainer trainer(o, &model, &data);
    testing::internal::CaptureStderr();
    const EpochReport report = trainer.TrainEpoch(1);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("1 of its 2 utterances have no finite loss: utt5"), std::string::npos)
        << said;
    EXPECT_EQ(report.steps, 3);
    EXPECT_EQ(report.skipped_steps, 1);
    EXPECT_EQ(report.train.num_utterances, 6);
    EXPECT_TRUE(std::isfinite(report.train.total));
    EXPECT_NO_THROW(CheckFiniteWeights(&model, "trained"));  // running statistics too
    std::vector<std::string> failed;
    trainer.DevLoss(data, &failed);
    EXPECT_EQ(failed, std::vector<std::string>{"utt5"});
  }
}

TEST(IsTrainable, SaysWhatIsWrong) {
  const std::unique_ptr<AsrModel> model = TinyModel(0);
  const TrainUtterance good = TinyData(1, 6)[0];
  std::string why;
  EXPECT_TRUE(IsTrainable(*model, good, &why)) << why;
  const auto expect_refused = [&](TrainUtterance u, const std::string &message) {
    why.clear();
    EXPECT_FALSE(IsTrainable(*model, u, &why)) << message;
    EXPECT_NE(why.find(message), std::string::npos) << why;
  };
  for (const int32_t label : {-1, 0, 6, 1000}) {
    TrainUtterance u = good;
    u.labels[1] = label;
    expect_refused(u, Cat("label ", label, " is not a unit of the model"));
  }
  TrainUtterance u = good;
  u.feats = Tensor::Zeros(40, 21);
  expect_refused(u, "features have 21 dimensions, the model wants 20");
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    u = good;
    u.feats(5, 19) = bad;
    expect_refused(u, "NaN or infinity");
  }
  for (const float huge : {1e30f, -3e38f, 2e15f}) {
    u = good;
    u.feats(5, 19) = huge;
    expect_refused(u, Cat("values of ", std::abs(huge)));
  }
  u = good;
  u.feats(5, 19) = 1e5f;  // unusual, but with a loss
  EXPECT_TRUE(IsTrainable(*model, u, &why)) << why;
  std::unique_ptr<AsrModel> steep = TinyModel(0);
  Tensor *weight = steep->MutableCtc()->MutableWeight();
  for (int64_t i = 0; i < weight->Size(); ++i) weight->Data()[i] = 3e38f;
  EXPECT_EQ(FindUnfit(*steep, u, &why), Unfit::kLoss) << why;
  u = good;
  u.feats = Tensor::Zeros(6, 20);
  expect_refused(u, "6 feature frames give 0 encoder frames");
  u.feats = Tensor::Zeros(0, 20);
  expect_refused(u, "0 feature frames");
  // 4 equal labels need 7 encoder frames, which 31 feature frames give and 30 do not.
  u.labels = {2, 2, 2, 2};
  u.feats = Tensor::Zeros(30, 20);
  expect_refused(u, "30 feature frames give 6 encoder frames, too few for 4 labels, which need 7");
  u.feats = Tensor::Zeros(31, 20);
  EXPECT_TRUE(IsTrainable(*model, u, &why)) << why;
  // An empty transcript is silence: trainable.
  u.labels.clear();
  u.feats = Tensor::Zeros(7, 20);
  EXPECT_TRUE(IsTrainable(*model, u, &why)) << why;
}

TEST(TrainOptions, ChecksItsValues) {
  const auto expect_refused = [](const std::string &message, const auto &change) {
    TrainOptions o;
    change(&o);
    try {
      o.Check();
      ADD_FAILURE() << message;
    } catch (const UsageError &e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
    }
  };
  EXPECT_NO_THROW(TrainOptions().Check());
  expect_refused("--epochs=0", [](TrainOptions *o) { o->epochs = 0; });
  expect_refused("--batch-size=0", [](TrainOptions *o) { o->batch_size = 0; });
  expect_refused("--bucket-size=-1", [](TrainOptions *o) { o->bucket_size = -1; });
  expect_refused("--learning-rate=0", [](TrainOptions *o) { o->learning_rate = 0; });
  expect_refused("--learning-rate=nan", [](TrainOptions *o) { o->learning_rate = NAN; });
  expect_refused("--warmup-steps=-1", [](TrainOptions *o) { o->warmup_steps = -1; });
  expect_refused("--grad-clip=-1", [](TrainOptions *o) { o->grad_clip = -1; });
  expect_refused("--accum-grad=0", [](TrainOptions *o) { o->accum_grad = 0; });
  expect_refused("--shards=0", [](TrainOptions *o) { o->shards = 0; });
  expect_refused("--shard-frames=0", [](TrainOptions *o) { o->shard_frames = 0; });
  expect_refused("--shuffle-block=-1", [](TrainOptions *o) { o->shuffle_block = -1; });
  expect_refused("--threads=0", [](TrainOptions *o) { o->threads = 0; });
}

}  // namespace
}  // namespace u2moe
