// A model whose feed-forward layers differ: dense ones, and mixtures of different numbers and
// widths of experts, through everything that goes over the layers of a model.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lab/calibrate-experts.h"
#include "lab/route-report.h"
#include "modelfile/model-report.h"
#include "modelfile/param-count.h"
#include "modelfile/quantize.h"
#include "moe/router.h"
#include "pipeline/encode.h"
#include "support/error-test.h"
#include "support/small-model.h"
#include "util/text.h"

namespace u2moe {
namespace {

// Encoder mixtures: 0.last of 4 experts, 1.last of 3 that all work, 2.macaron and 2.last of 4
// narrower ones. Left decoder: block 1; right: none, as it has one block.
ModelOptions MixedOptions() {
  ModelOptions o = SmallModelOptions(3, 4);
  o.layers = "0-1.macaron:num-experts=0;1.last:num-experts=3,experts-per-frame=3;2:hidden-dim=20";
  o.decoder_blocks = 2, o.reverse_decoder_blocks = 1;
  o.decoder_layers = "0:num-experts=0";
  return o;
}

std::unique_ptr<AsrModel> MixedModel() {
  auto model = std::make_unique<AsrModel>(MixedOptions().Config());
  InitModel(model.get(), 3);
  return model;
}

Tensor Feats() {
  Rng rng(2);
  return RandomTensor(&rng, 90, 20, 1.0f);
}

const std::vector<int32_t> kTokens = {3, 1, 4, 1, 5};

std::string WriteMixed() {
  ModelInfo info;
  const std::unique_ptr<AsrModel> model = MixedModel();
  info.config = model->Config();
  WriteModel(File("mixed"), model.get(), info);
  return File("mixed");
}

TEST(MixedLayers, NamesAreThoseOfTheRoutes) {
  const std::unique_ptr<AsrModel> model = MixedModel();
  const std::vector<std::string> encoder = {
      "encoder.encoders.0.feed_forward", "encoder.encoders.1.feed_forward",
      "encoder.encoders.2.feed_forward_macaron", "encoder.encoders.2.feed_forward"};
  EXPECT_EQ(EncoderMixtureNames(model->Config()), encoder);
  EXPECT_EQ(DecoderMixtureNames(model->Config(), false),
            (std::vector<std::string>{"decoder.left_decoder.decoders.1.feed_forward"}));
  EXPECT_EQ(DecoderMixtureNames(model->Config(), true), std::vector<std::string>());
  RouteReport report(model->Config());
  report.AddUtterance(Context(), *model, Feats(), AttentionMask::Full(), &kTokens, {});
  ASSERT_EQ(report.Layers().size(), 5u);
  const std::pair<int, int> kShapes[] = {{4, 2}, {3, 3}, {4, 2}, {4, 2}, {4, 2}};
  for (size_t i = 0; i < 5; ++i) {
    const RouteStats &stats = report.Stats(report.Layers()[i]);
    EXPECT_EQ(stats.NumExperts(), kShapes[i].first);
    EXPECT_EQ(stats.NumChoices(), kShapes[i].second);
  }
  std::ostringstream text, json;
  report.WriteText(text);
  report.WriteJson(json);
  EXPECT_HAS(text.str(), "even: 25.0 to 33.3");
  EXPECT_EQ(nlohmann::json::parse(json.str())["layers"].size(), 5u);
}

TEST(MixedLayers, AStreamIsTheMaskedWhole) {
  const std::unique_ptr<AsrModel> model = MixedModel();
  EncodeOptions masked;
  masked.chunk_size = 4, masked.num_left_chunks = 2;
  EncodeOptions stream = masked;
  stream.streaming = true;
  EXPECT_LT(MaxAbsDiff(EncodeUtterance(Context(), *model, Feats(), stream),
                       EncodeUtterance(Context(), *model, Feats(), masked)),
            2e-5);
}

// One parameter of a dense layer, of narrow experts and of a router that all of its experts work
// for.
TEST(MixedLayers, GradientsReachAllKindsOfLayers) {
  const std::unique_ptr<AsrModel> model = MixedModel();
  AsrModel grad(model->Config());
  SetZero(&grad);
  const Tensor feats = Feats();
  const RaggedShape shape = RaggedShape::Single(feats.Rows());
  const Context ctx;
  Tensor weights;  // the loss is a weighted sum of the output
  const auto loss = [&](Encoder::Tape *tape) {
    Tensor out;
    RaggedShape out_shape;
    model->Encoder().Forward(ctx, ForwardMode(), feats, shape, &out, &out_shape, tape, nullptr);
    if (weights.Empty()) {
      Rng rng(8);
      weights = RandomTensor(&rng, out.Rows(), out.Cols(), 1.0f);
    }
    double sum = 0;
    for (int64_t i = 0; i < out.Size(); ++i)
      sum += static_cast<double>(out.Data()[i]) * weights.Data()[i];
    return sum;
  };
  Encoder::Tape tape;
  loss(&tape);
  Tensor dout = Tensor::Copy(weights);
  model->Encoder().Backward(ctx, tape, &dout, nullptr, grad.MutableEncoder());
  std::map<std::string, Tensor *> params, grads;
  const auto list = [](AsrModel *m, std::map<std::string, Tensor *> *all) {
    ForEachParam(m, [all](const std::string &name, Tensor *t, const ParamInit &, bool) {
      (*all)[name] = t;
    });
  };
  list(model.get(), &params);
  list(&grad, &grads);
  for (const char *name :
       {"0.feed_forward_macaron.w_1.weight", "1.feed_forward.gate.weight",
        "1.feed_forward.experts.2.w_2.weight", "2.feed_forward_macaron.experts.0.w_1.weight"}) {
    const std::string full = std::string("encoder.encoders.") + name;
    Tensor *param = params.at(full);
    for (const int64_t i : {int64_t{3}, param->Size() / 2}) {
      const float value = param->Data()[i], step = 2e-3f;
      param->Data()[i] = value + step;
      const double above = loss(nullptr);
      param->Data()[i] = value - step;
      const double below = loss(nullptr);
      param->Data()[i] = value;
      const double got = grads.at(full)->Data()[i];
      EXPECT_NEAR(got, (above - below) / (2.0 * step), 2e-2 + 2e-2 * std::abs(got)) << full;
      EXPECT_NE(got, 0) << full;
    }
  }
}

TEST(MixedLayers, PoliciesCountMixturesOnly) {
  const std::unique_ptr<AsrModel> model = MixedModel();
  ExpertOptions options;
  options.skip_second_gate = 0;
  const ExpertPolicy all = options.Apply(model->Config(), model->Policy());
  EXPECT_EQ(all.encoder_skip.size(), 4u);
  EXPECT_EQ(all.left_skip.size(), 1u);
  EXPECT_EQ(all.right_skip.size(), 0u);
  for (size_t one = 0; one < 5; ++one) {  // of all mixtures alone
    ExpertPolicy policy;
    policy.encoder_skip.assign(4, 2);
    policy.left_skip = {2};
    (one < 4 ? policy.encoder_skip[one] : policy.left_skip[0]) = 0;
    EXPECT_TRUE(ExpertPolicy::FromJson(policy.ToJson(), "file", model->Config()) == policy);
    model->SetPolicy(policy);
    const UtteranceRoutes routes =
        RouteUtterance(Context(), *model, Feats(), AttentionMask::Full(), &kTokens, false);
    for (size_t m = 0; m < 5; ++m) {
      const RouteRecorder::Decision &d = m < 4 ? routes.encoder[m] : routes.left[0];
      EXPECT_EQ(d.experts[1] == kNoExpert, m == one) << m << " " << one;
    }
  }
  ExpertPolicy wrong;
  wrong.encoder_skip.assign(6, 0.5f);
  EXPECT_HAS(ErrorOf([&] { ExpertPolicy::FromJson(wrong.ToJson(), "file", model->Config()); }),
             "encoder_skip holds 6 thresholds for 4 mixtures");
}

TEST(MixedLayers, CalibrationGivesEachMixtureItsThreshold) {
  const std::unique_ptr<AsrModel> model = MixedModel();
  ExpertCalibrator calibrator(*model);
  calibrator.AddUtterance(Context(), Feats(), AttentionMask::Full(), &kTokens);
  CalibrateOptions options;
  options.skip = 0.5;
  ExpertPolicy policy;
  std::ostringstream table;
  calibrator.Calibrate(options, &policy, table);
  EXPECT_EQ(policy.encoder_skip.size(), 4u);
  EXPECT_EQ(policy.left_skip.size(), 1u);
  EXPECT_EQ(policy.right_skip.size(), 0u);
  EXPECT_HAS(table.str(), "encoder.encoders.2.feed_forward_macaron  threshold");
  model->SetPolicy(policy);
}

TEST(MixedLayers, FilesAndFewerBits) {
  const std::string path = WriteMixed();
  ModelInfo info;
  const auto read = ReadModel(path, &info);
  WriteModel(File("again"), read.get(), info);
  EXPECT_EQ(ReadFile(File("again")), ReadFile(path));
  EXPECT_EQ(info.config.encoder.NumMixtures(), 4);
  for (const char *what : {"experts", "all"}) {
    QuantizeOptions quantize;
    quantize.what = what;
    const auto kinds = QuantizeModel(path, File("packed"), quantize);
    EXPECT_EQ(kinds.at("router").format, WeightFormat::kFloat32);
    EXPECT_EQ(kinds.at("experts").format, WeightFormat::kInt8);
    EXPECT_EQ(kinds.at("feed-forward").format,
              what == std::string("all") ? WeightFormat::kInt8 : WeightFormat::kFloat32);
    const Context ctx;
    std::string precision;
    const auto packed =
        ReadModelForInference(ctx, File("packed"), PrecisionOptions(), nullptr, &precision);
    EXPECT_LT(MaxAbsDiff(EncodeUtterance(ctx, *packed, Feats(), EncodeOptions()),
                         EncodeUtterance(ctx, *read, Feats(), EncodeOptions())),
              0.5);
  }
}

TEST(MixedLayers, ParametersAreCounted) {
  const std::unique_ptr<AsrModel> model = MixedModel();
  const ParamCounts n = CountParams(model.get());
  // Of width 16 and h hidden units with biases, and a router's.
  const auto expert = [](int64_t h) { return 2 * 16 * h + h + 16; };
  const auto router = [](int64_t experts) { return 16 * experts; };
  EXPECT_EQ(n.gate, 4 * router(4) + router(3));
  EXPECT_EQ(n.feed_forward,
            4 * expert(32) + 3 * expert(32) + 8 * expert(20) + 2 * expert(32)  // encoder
                + 4 * expert(32) + 2 * expert(32));                            // decoders
  EXPECT_EQ(n.encoder + n.ctc - n.active_per_frame, 2 * expert(32) + 2 * 2 * expert(20));
  EXPECT_EQ(n.left_decoder - n.active_left, 2 * expert(32));
  EXPECT_EQ(n.right_decoder, n.active_right);
  EXPECT_EQ(n.active_per_frame + n.active_left + n.active_right, model->NumActiveParams());
  EXPECT_LE(MinModelFloats(model->Config()), static_cast<double>(n.total + n.buffers));
  ModelInfo info;
  info.config = model->Config();
  const std::string text = ModelReportText(model.get(), info);
  EXPECT_HAS(text,
             "\nlayers=0-1.macaron:num-experts=0;1.last:num-experts=3,experts-per-frame=3;2:");
  EXPECT_HAS(text, "\n# experts: plain\n");
  const auto json = nlohmann::json::parse(ModelReportJson(model.get(), info));
  EXPECT_EQ(json["num_experts"], 4);
  EXPECT_EQ(json["config"]["decoder-layers"], "0:num-experts=0");
}

}  // namespace
}  // namespace u2moe
