// Loss, gradients, loss curve and weights after five optimizer steps against WeNet.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "model/golden.h"
#include "modelfile/safetensors.h"
#include "support/golden-report.h"
#include "train/loss.h"
#include "train/optimizer.h"

namespace u2moe {
namespace {

// dense_offline is left out: its reference statistics of batch norm include the padding of WeNet's
// batch (wenet_quirks 16), which does not exist here. layer/convolution-module-test checks that
// gradient.
class GoldenTrainTest : public testing::TestWithParam<std::string> {
 protected:
  GoldenTrainTest() : golden_(GetParam()) {
    const nlohmann::json batch = ReadJson(golden_.dir + "/train/batch.json");
    std::map<std::string, Tensor> feats;
    for (auto &[key, t] : ReadArchive(golden_.dir + "/feats.ark")) feats[key] = t;
    int64_t rows = 0;
    for (const std::string key : batch["order"]) {
      batch_.shape.Append(feats.at(key).Rows());
      batch_.labels.push_back(batch["targets"][key]);
      rows += feats.at(key).Rows();
    }
    batch_.feats = Tensor(rows, golden_.model->Config().encoder.feature_dim);
    int b = 0;
    for (const std::string key : batch["order"]) {
      std::copy_n(feats.at(key).Data(), feats.at(key).Size(),
                  batch_.shape.Rows(batch_.feats.View(), b++).Data());
    }
    options_.utterance_divisor = static_cast<double>(batch_.NumUtterances());
    options_.token_divisor = static_cast<double>(batch_.NumTokens());
    grad_ = std::make_unique<AsrModel>(golden_.model->Config());
    SetZero(grad_.get());
  }

  void CheckLoss(const std::string &file) {
    const nlohmann::json want = ReadJson(golden_.dir + "/" + file);
    const LossTerms got = ComputeLoss(ctx_, *golden_.model, batch_, options_, nullptr, nullptr);
    const double n = static_cast<double>(got.num_utterances);
    double worst = 0;
    const std::vector<std::pair<double, const char *>> losses = {{got.total, "loss"},
                                                                 {got["ctc"].sum, "loss_ctc"},
                                                                 {got["l2r"].sum, "loss_att_l2r"},
                                                                 {got["r2l"].sum, "loss_att_r2l"}};
    for (const auto &[sum, name] : losses) worst = std::max(worst, Deviation(sum / n, want[name]));
    ReportGolden("losses", File(file), worst, golden_.Atol(file));
    EXPECT_NEAR(got["accuracy"].Mean(), want["th_accuracy"], 1e-6);
  }

  // As the golden README suggests: each tensor within 1e-3 of its largest entry.
  void CheckGradients(const std::string &file) {
    const std::string path = GoldenPath(File(file));
    if (path.empty()) GTEST_SKIP() << File(file) << " is in ../shared only, or WeNet made none";
    const SafetensorsFile want(path);
    const nlohmann::json steps = ReadJson(golden_.dir + "/train/steps.json");
    const std::set<std::string> zero = steps["exactly_zero_gradients"];
    ComputeLoss(ctx_, *golden_.model, batch_, options_, grad_.get(), nullptr);
    double worst = 0, worst_zero = 0;
    std::string worst_name;
    size_t n = 0;
    ForEachParam(grad_.get(),
                 [&](const std::string &name, Tensor *got, const ParamInit &, bool trainable) {
                   if (!trainable) return;
                   ++n;
                   const Tensor g = want.Floats(name);
                   ASSERT_EQ(g.Shape(), got->Shape()) << name;
                   double largest = 0;
                   for (int64_t i = 0; i < g.Size(); ++i)
                     largest = std::max(largest, std::abs(static_cast<double>(g.Data()[i])));
                   const double diff = MaxAbsDiff(*got, g);
                   if (zero.count(name)) {  // the true gradient is zero
                     worst_zero = std::max(worst_zero, diff);
                     return;
                   }
                   EXPECT_LE(diff, 1e-3 * largest + 1e-6) << name;
                   if (largest > 0 && diff / largest > worst) {
                     worst = diff / largest;
                     worst_name = name;
                   }
                 });
    EXPECT_EQ(n, want.Entries().size());
    std::printf("  worst: %s\n", worst_name.c_str());
    ReportGolden("gradients-relative", File(file), worst, 1e-3);
    ReportGolden("gradients-of-zero", File(file), worst_zero, 1e-4);
  }

  std::string File(const std::string &file) const { return "models/" + golden_.name + "/" + file; }

  GoldenModel golden_;
  TrainBatch batch_;
  LossOptions options_;
  std::unique_ptr<AsrModel> grad_;
  Context ctx_;
};

TEST_P(GoldenTrainTest, Loss) { CheckLoss("train/loss.json"); }

TEST_P(GoldenTrainTest, LossUnderChunkMask) {
  options_.mask = AttentionMask::Chunk(4, -1);
  CheckLoss("train/loss_chunk4.json");
}

TEST_P(GoldenTrainTest, Gradients) { CheckGradients("train/grads.safetensors"); }

TEST_P(GoldenTrainTest, GradientsUnderChunkMask) {
  options_.mask = AttentionMask::Chunk(4, -1);
  CheckGradients("train/grads_chunk4.safetensors");
}

TEST_P(GoldenTrainTest, GradientsAddAcrossShards) {
  // Two shards of the batch give the gradient of the whole.
  ComputeLoss(ctx_, *golden_.model, batch_, options_, grad_.get(), nullptr);
  AsrModel parts(golden_.model->Config());
  SetZero(&parts);
  for (int half = 0; half < 2; ++half) {
    TrainBatch part;
    for (int b = 2 * half; b < 2 * half + 2; ++b) {
      part.shape.Append(batch_.shape.Length(b));
      part.labels.push_back(batch_.labels[static_cast<size_t>(b)]);
    }
    part.feats = Tensor::Copy(
        batch_.feats.View().RowRange(batch_.shape.Begin(2 * half), part.shape.TotalRows()));
    ComputeLoss(ctx_, *golden_.model, part, options_, &parts, nullptr);
  }
  const auto whole = TrainableTensors(grad_.get()), sum = TrainableTensors(&parts);
  for (size_t i = 0; i < whole.size(); ++i) {
    double largest = 0;
    for (int64_t k = 0; k < whole[i]->Size(); ++k)
      largest = std::max(largest, std::abs(static_cast<double>(whole[i]->Data()[k])));
    EXPECT_LE(MaxAbsDiff(*whole[i], *sum[i]), 1e-4 * largest + 1e-4) << i;
  }
}

TEST_P(GoldenTrainTest, OptimizerSteps) {
  const nlohmann::json steps = ReadJson(golden_.dir + "/train/steps.json");
  const nlohmann::json &o = steps["optim"];
  Optimizer optimizer(AdamOptions(), o["grad_clip"], golden_.model.get());
  int64_t step = 0;
  double worst_loss = 0, worst_norm = 0;
  for (const nlohmann::json &want : steps["steps"]) {
    const double lr = WarmupLearningRate(o["lr"], o["warmup_steps"], ++step);
    EXPECT_NEAR(lr, want["lr_used"], 1e-12);
    SetZero(grad_.get());
    const LossTerms terms =
        ComputeLoss(ctx_, *golden_.model, batch_, options_, grad_.get(), golden_.model.get());
    const double norm = optimizer.Step(ctx_, lr, grad_.get());
    const double n = static_cast<double>(terms.num_utterances);
    worst_loss = std::max({worst_loss, Deviation(terms.total / n, want["loss"]),
                           Deviation(terms["ctc"].sum / n, want["loss_ctc"])});
    worst_norm = std::max(worst_norm, Deviation(norm, want["grad_norm"]));
  }
  EXPECT_EQ(optimizer.NumSteps(), 5);
  ReportGolden("loss-curve", File("train/steps.json"), worst_loss,
               golden_.Atol("train/steps.json"));
  ReportGolden("gradient-norm", File("train/steps.json"), worst_norm,
               golden_.Atol("train/steps.json"));

  const std::string file = File("train/final_weights.safetensors"), path = GoldenPath(file);
  if (path.empty())
    return;  // the weights are in ../shared only; the loss curve above is the sharper test
  const SafetensorsFile want(path);
  const std::set<std::string> zero = steps["exactly_zero_gradients"];
  std::vector<double> errors;
  ForEachParam(golden_.model.get(),
               [&](const std::string &name, Tensor *got, const ParamInit &, bool trainable) {
                 if (!trainable || zero.count(name)) return;
                 const Tensor w = want.Floats(name);
                 for (int64_t i = 0; i < w.Size(); ++i)
                   errors.push_back(Deviation(got->Data()[i], w.Data()[i]));
               });
  std::sort(errors.begin(), errors.end());
  const auto quantile = [&](double q) {
    return errors[static_cast<size_t>(q * static_cast<double>(errors.size() - 1))];
  };
  ReportGolden("weights-99%", file, quantile(0.99), 1e-6);
  ReportGolden("weights-99.9%", file, quantile(0.999), 2e-5);
  // The golden README suggests 2.2 times WeNet's own float32 error for the worst entry, where
  // rounding decides; our rounding is independent of WeNet's, so twice that.
  ReportGolden("weights-all", file, errors.back(),
               2 * golden_.Atol("train/final_weights.safetensors"));
}

INSTANTIATE_TEST_SUITE_P(All, GoldenTrainTest, testing::Values("dense", "moe", "moe_conv2d6"),
                         [](const auto &info) { return info.param; });

}  // namespace
}  // namespace u2moe
