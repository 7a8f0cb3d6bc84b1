// Inference of the golden models on other devices gives what the CPU gives: encoder, CTC head,
// streams, decoders, with weights as they are and packed.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "model/devices.h"
#include "model/token-tree.h"
#include "modelfile/model-file.h"
#include "support/small-model.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

// The name of a model, the format in which its weights are packed for inference, none for the model
// as training has it, and the device.
class DeviceModelTest
    : public testing::TestWithParam<std::tuple<std::string, std::optional<WeightFormat>, Device>>,
      protected ModelOnDevice {
 protected:
  DeviceModelTest() : ModelOnDevice(std::get<0>(GetParam()), std::get<2>(GetParam())) {
    if (const auto format = std::get<1>(GetParam()); format.has_value()) {
      here_.model->PrepareForInference(cpu_, *format);
      there_.model->PrepareForInference(there_ctx_, *format);
    }
    for (auto &[key, x] : ReadArchive(here_.dir + "/feats.ark")) feats_.push_back(x);
  }

  // To the bit, or on a GPU to what rounding makes of the numbers of the format: a code or a
  // bfloat16 may become its neighbour.
  void ExpectSame(ConstView want, const Tensor &there, const std::string &what) {
    ExpectAgreeThere(Where(), want, there, what, Tolerance());
  }
  static double Tolerance() {
    const auto format = std::get<1>(GetParam());
    return format.has_value() && *format != WeightFormat::kFloat32 ? 2e-2 : 5e-5;
  }

  // All of feats as one ragged batch; the encoder output of both devices, which is compared.
  void Encode(ForwardMode mode, ForwardMode there_mode, const std::vector<ConstView> &feats,
              Tensor *out, Tensor *there_out, RaggedShape *out_shape) {
    RaggedShape shape;
    for (const ConstView &x : feats) shape.Append(x.Rows());
    Tensor all(shape.TotalRows(), feats[0].Cols());
    for (int b = 0; b < shape.NumSequences(); ++b) {
      const ConstView &x = feats[static_cast<size_t>(b)];
      std::copy_n(x.Data(), x.Size(), shape.Rows(all.View(), b).Data());
    }
    here_.model->Encoder().Forward(cpu_, mode, all, shape, out, out_shape, nullptr, nullptr);
    there_.model->Encoder().Forward(there_ctx_, there_mode, MatrixOnDevice(there_ctx_, all), shape,
                                    there_out, out_shape, nullptr, nullptr);
    ExpectSame(*out, *there_out, "encoder");
    ExpectSame(here_.model->CtcLogProbs(cpu_, *out),
               there_.model->CtcLogProbs(there_ctx_, *there_out), "CTC");
  }
  void Encode(const ForwardMode &mode, const std::vector<ConstView> &feats) {
    Tensor out, there_out;
    RaggedShape shape;
    Encode(mode, mode, feats, &out, &there_out, &shape);
  }

  // Two streams, of which the second begins a chunk later.
  void Stream(int64_t chunk, int64_t left) {
    const Encoder &encoder = here_.model->Encoder();
    const int64_t window = encoder.WindowLength(chunk), shift = chunk * encoder.SubsamplingRate();
    StreamState here[] = {encoder.NewStream(), encoder.NewStream()},
                there[] = {encoder.NewStream(), encoder.NewStream()};
    for (int64_t step = 0;; ++step) {
      ForwardMode mode, there_mode;
      mode.max_cache = there_mode.max_cache = left < 0 ? -1 : chunk * left;
      std::vector<ConstView> windows;
      for (int64_t s = 0; s < 2; ++s) {
        const ConstView x = feats_[static_cast<size_t>(s)];
        const int64_t begin = (step - s) * shift;
        if (begin < 0 || begin + window > x.Rows()) continue;
        windows.push_back(x.RowRange(begin, window));
        mode.streams.push_back(&here[s]);
        there_mode.streams.push_back(&there[s]);
      }
      if (windows.empty()) return;
      Tensor out, there_out;
      RaggedShape shape;
      Encode(mode, there_mode, windows, &out, &there_out, &shape);
    }
  }

  std::vector<Tensor> feats_;
};

TEST_P(DeviceModelTest, WholeUtterances) {
  for (const Tensor &x : feats_) Encode(ForwardMode(), {x});
  Encode(ForwardMode(), {feats_.begin(), feats_.end()});
  ForwardMode masked;
  masked.mask = AttentionMask::Chunk(4, 2);
  Encode(masked, {feats_.begin(), feats_.end()});
}

TEST_P(DeviceModelTest, Streams) {
  if (!here_.Streams()) GTEST_SKIP() << here_.name << " cannot stream";
  Stream(1, 2);
  Stream(4, -1);
  Stream(4, 0);
}

TEST_P(DeviceModelTest, FewerExperts) {
  ExpertPolicy policy;
  if (here_.model->Config().encoder.ffn.num_experts > 0) {
    policy.chunk_experts = 3;
    policy.expert_budget = 2;
    policy.encoder_skip.assign(static_cast<size_t>(2 * here_.model->Config().encoder.num_blocks),
                               0.6f);
  }
  policy.exit_block = 1;
  policy.exit_blank = 0.1f;
  here_.model->SetPolicy(policy);
  there_.model->SetPolicy(policy);
  ForwardMode masked;
  masked.mask = AttentionMask::Chunk(4, 2);
  Encode(masked, {feats_[0], feats_[1]});
  if (here_.Streams()) Stream(4, 2);
}

TEST_P(DeviceModelTest, Decoders) {
  const ModelConfig &config = here_.model->Config();
  Tensor out, there_out;
  RaggedShape shape;
  Encode(ForwardMode(), ForwardMode(), {feats_[0], feats_[1]}, &out, &there_out, &shape);
  const std::vector<std::vector<int32_t>> labels = {{3, 4, 5}, {3, 4}, {}, {3, 1, 2, 2, 7}};
  for (const bool reverse : {false, true}) {
    const Decoder &here = reverse ? here_.model->RightDecoder() : here_.model->LeftDecoder(),
                  &there = reverse ? there_.model->RightDecoder() : there_.model->LeftDecoder();
    const DecoderInput input = MakeDecoderInput(labels, {0, 0, 1, 1}, config.sos, reverse);
    Tensor logits, there_logits;
    here.Forward(cpu_, input, out, shape, nullptr, nullptr, &logits, nullptr);
    there.Forward(there_ctx_, input, there_out, shape, nullptr, nullptr, &there_logits, nullptr);
    ExpectSame(logits, there_logits, "decoder");

    const TokenTree tree = MakeTokenTree(labels, config.sos, reverse);
    const Decoder::TreeScores want =
        here.ScoreTree(cpu_, tree, config.eos, here.Project(cpu_, shape.Rows(out.View(), 0)));
    const Decoder::TreeScores got = there.ScoreTree(
        there_ctx_, tree, config.eos, there.Project(there_ctx_, shape.Rows(there_out.View(), 0)));
    ASSERT_EQ(got.label.size(), want.label.size());
    for (size_t i = 0; i < want.label.size(); ++i)
      ExpectAgree(Where(), want.label[i], got.label[i], "score of a label", Tolerance());
    ASSERT_EQ(got.end.size(), want.end.size());
    for (size_t i = 0; i < want.end.size(); ++i)
      ExpectAgree(Where(), want.end[i], got.end[i], "score of an end", Tolerance());

    const Decoder::Memory memory = here.Project(cpu_, shape.Rows(out.View(), 0)),
                          there_memory = there.Project(there_ctx_, shape.Rows(there_out.View(), 0));
    Decoder::Growth growth, there_growth;
    const std::vector<std::pair<std::vector<int32_t>, std::vector<int32_t>>> steps = {
        {{config.sos}, {-1}}, {{3, 4}, {0, 0}}, {{5, 6, 7, 8, 9}, {1, 1, 2, 1, 1}}, {{2}, {5}}};
    for (const auto &[tokens, parents] : steps) {
      ExpectSame(here.Extend(cpu_, tokens, parents, memory, &growth),
                 there.Extend(there_ctx_, tokens, parents, there_memory, &there_growth),
                 "decoder step");
    }
  }
}

// The golden models are too narrow for the convolutions of ops/packed/conv2d-tiles.h.
TEST(Device, ConvolutionsInTiles) {
  ModelOptions options = SmallModelOptions(1, 0);
  options.model_dim = 128;
  Rng rng(2);
  const Tensor x = RandomTensor(&rng, 101, options.feature_dim);
  for (const Device device : OtherDevices()) {
    const Context cpu, there_ctx(device);
    AsrModel here(options.Config()), there(options.Config());
    InitModel(&here, 1);
    InitModel(&there, 1);
    MoveToDevice(there_ctx, &there);
    here.PrepareForInference(cpu);
    there.PrepareForInference(there_ctx);
    Tensor out, there_out;
    RaggedShape shape;
    here.Encoder().Forward(cpu, ForwardMode(), x, RaggedShape::Single(101), &out, &shape, nullptr,
                           nullptr);
    there.Encoder().Forward(there_ctx, ForwardMode(), MatrixOnDevice(there_ctx, x),
                            RaggedShape::Single(101), &there_out, &shape, nullptr, nullptr);
    ExpectAgreeThere(device, out, there_out, "encoder on " + NameOf(device));
  }
}

INSTANTIATE_TEST_SUITE_P(All, DeviceModelTest,
                         testing::Combine(testing::ValuesIn(GoldenModelNames()),
                                          testing::Values(std::optional<WeightFormat>(),
                                                          WeightFormat::kFloat32,
                                                          WeightFormat::kBfloat16,
                                                          WeightFormat::kInt8, WeightFormat::kInt4),
                                          testing::ValuesIn(OtherDevices())),
                         [](const auto &info) {
                           const auto format = std::get<1>(info.param);
                           return std::get<0>(info.param) +
                                  (format.has_value() ? "_" + ToString(*format) : "") + "_" +
                                  NameOf(std::get<2>(info.param));
                         });

}  // namespace
}  // namespace u2moe
