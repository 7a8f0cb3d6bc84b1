#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "train/tiny.h"

namespace u2moe {
namespace {

TrainOptions TinyOptions() {
  TrainOptions o;
  o.epochs = 4;
  o.batch_size = 3;
  o.bucket_size = 6;
  o.learning_rate = 5e-3;
  o.warmup_steps = 10;
  o.spec.max_t = 8;
  o.spec.max_f = 4;
  return o;
}

double MeanLoss(const LossSums &s) { return s.loss / static_cast<double>(s.num_utterances); }

TEST(Trainer, LearnsEightUtterances) {
  const std::vector<TrainUtterance> data = TinyData(8, 1);
  std::unique_ptr<AsrModel> model = TinyModel(0);
  TrainOptions o = TinyOptions();
  o.spec_augment = false;
  Trainer trainer(o, model.get(), &data);
  const LossSums before = trainer.DevLoss(data);
  EXPECT_EQ(before.num_utterances, 8);
  EpochReport report;
  for (int32_t epoch = 1; epoch <= 40; ++epoch) report = trainer.TrainEpoch(epoch);
  const LossSums after = trainer.DevLoss(data);
  EXPECT_LT(MeanLoss(after), 0.4 * MeanLoss(before));
  EXPECT_GT(after.num_correct, before.num_correct);
  EXPECT_EQ(report.epoch, 40);
  EXPECT_EQ(report.steps, 40 * 3);  // buckets of 6 and 2 utterances: 2 + 1 batches
  EXPECT_EQ(report.train.num_utterances, 8);
  EXPECT_GT(report.grad_norm, 0);
}

TEST(Trainer, SameSeedSameBits) {
  const std::vector<TrainUtterance> data = TinyData(8, 2);
  for (const int threads : {1, 2, 3}) {
    TrainOptions o = TinyOptions();
    o.threads = threads;
    std::unique_ptr<AsrModel> models[3];
    for (int i = 0; i < 3; ++i) {
      models[i] = TinyModel(0.2f);
      o.seed = i == 2 ? 778 : 777;
      Trainer trainer(o, models[i].get(), &data);
      trainer.TrainEpoch(1);
      trainer.TrainEpoch(2);
    }
    EXPECT_TRUE(SameModels(models[0].get(), models[1].get())) << threads << " threads";
    EXPECT_FALSE(SameModels(models[0].get(), models[2].get())) << threads << " threads";
  }
}

// Without dropout threads only change the order of sums.
TEST(Trainer, ThreadsChangeRoundingOnly) {
  const std::vector<TrainUtterance> data = TinyData(8, 3);
  TrainOptions o = TinyOptions();
  std::vector<double> losses, norms;
  for (const int threads : {1, 2, 5}) {
    std::unique_ptr<AsrModel> model = TinyModel(0);
    o.threads = threads;
    Trainer trainer(o, model.get(), &data);
    const EpochReport report = trainer.TrainEpoch(1);
    losses.push_back(MeanLoss(report.train));
    norms.push_back(report.grad_norm);
  }
  for (size_t i = 1; i < losses.size(); ++i) {
    EXPECT_NEAR(losses[i], losses[0], 1e-3 * losses[0]);
    EXPECT_NEAR(norms[i], norms[0], 1e-2 * norms[0]);
  }
}

TEST(Trainer, AccumulatedBatchesAreOneStep) {
  const std::vector<TrainUtterance> data = TinyData(8, 4);
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
  std::vector<TrainUtterance> data = TinyData(4, 5);
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
  std::vector<TrainUtterance> data = TinyData(4, 4);
  for (TrainUtterance &u : data) u = data[0];  // equal gradients, so any mean of them is the same
  for (size_t i = 0; i < data.size(); ++i) data[i].key = Cat("u", i);
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
  const std::vector<TrainUtterance> data = TinyData(4, 5);
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
  const std::vector<TrainUtterance> data = TinyData(8, 5);
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
    std::vector<TrainUtterance> data = TinyData(8, 5);
    for (int64_t i = 0; i < data[5].feats.Size(); ++i) data[5].feats.Data()[i] *= 1e30f;
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
    EXPECT_TRUE(std::isfinite(report.train.loss));
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
  expect_refused("--threads=0", [](TrainOptions *o) { o->threads = 0; });
}

}  // namespace
}  // namespace u2moe
