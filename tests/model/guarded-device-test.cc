// Inference of the golden models on Device::kGuarded gives the bits of the CPU: encoder, CTC head,
// streams, decoders, with weights as they are and packed.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "model/guarded.h"
#include "model/token-tree.h"
#include "modelfile/model-file.h"
#include "support/small-model.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

// The name of a model, and the format in which its weights are packed for inference; none for the
// model as training has it.
class GuardedDeviceTest
    : public testing::TestWithParam<std::tuple<std::string, std::optional<WeightFormat>>>,
      protected GuardedModel {
 protected:
  GuardedDeviceTest() : GuardedModel(std::get<0>(GetParam())) {
    if (const auto format = std::get<1>(GetParam()); format.has_value()) {
      here_.model->PrepareForInference(cpu_, *format);
      there_.model->PrepareForInference(guarded_, *format);
    }
    for (auto &[key, x] : ReadArchive(here_.dir + "/feats.ark")) feats_.push_back(x);
  }

  // All of feats as one ragged batch; the encoder output of both devices, which is compared.
  void Encode(ForwardMode mode, ForwardMode guarded_mode, const std::vector<ConstView> &feats,
              Tensor *out, Tensor *guarded_out, RaggedShape *out_shape) {
    RaggedShape shape;
    for (const ConstView &x : feats) shape.Append(x.Rows());
    Tensor all(shape.TotalRows(), feats[0].Cols());
    for (int b = 0; b < shape.NumSequences(); ++b) {
      const ConstView &x = feats[static_cast<size_t>(b)];
      std::copy_n(x.Data(), x.Size(), shape.Rows(all.View(), b).Data());
    }
    here_.model->Encoder().Forward(cpu_, mode, all, shape, out, out_shape, nullptr, nullptr);
    there_.model->Encoder().Forward(guarded_, guarded_mode, MatrixOnDevice(guarded_, all), shape,
                                    guarded_out, out_shape, nullptr, nullptr);
    ExpectSameBits(*out, *guarded_out, "encoder");
    ExpectSameBits(here_.model->CtcLogProbs(cpu_, *out),
                   there_.model->CtcLogProbs(guarded_, *guarded_out), "CTC");
  }
  void Encode(const ForwardMode &mode, const std::vector<ConstView> &feats) {
    Tensor out, guarded_out;
    RaggedShape shape;
    Encode(mode, mode, feats, &out, &guarded_out, &shape);
  }

  // Two streams, of which the second begins a chunk later.
  void Stream(int64_t chunk, int64_t left) {
    const Encoder &encoder = here_.model->Encoder();
    const int64_t window = encoder.WindowLength(chunk), shift = chunk * encoder.SubsamplingRate();
    StreamState here[] = {encoder.NewStream(), encoder.NewStream()},
                there[] = {encoder.NewStream(), encoder.NewStream()};
    for (int64_t step = 0;; ++step) {
      ForwardMode mode, guarded_mode;
      mode.max_cache = guarded_mode.max_cache = left < 0 ? -1 : chunk * left;
      std::vector<ConstView> windows;
      for (int64_t s = 0; s < 2; ++s) {
        const ConstView x = feats_[static_cast<size_t>(s)];
        const int64_t begin = (step - s) * shift;
        if (begin < 0 || begin + window > x.Rows()) continue;
        windows.push_back(x.RowRange(begin, window));
        mode.streams.push_back(&here[s]);
        guarded_mode.streams.push_back(&there[s]);
      }
      if (windows.empty()) return;
      Tensor out, guarded_out;
      RaggedShape shape;
      Encode(mode, guarded_mode, windows, &out, &guarded_out, &shape);
    }
  }

  std::vector<Tensor> feats_;
};

TEST_P(GuardedDeviceTest, WholeUtterances) {
  for (const Tensor &x : feats_) Encode(ForwardMode(), {x});
  Encode(ForwardMode(), {feats_.begin(), feats_.end()});
  ForwardMode masked;
  masked.mask = AttentionMask::Chunk(4, 2);
  Encode(masked, {feats_.begin(), feats_.end()});
}

TEST_P(GuardedDeviceTest, Streams) {
  if (!here_.Streams()) GTEST_SKIP() << here_.name << " cannot stream";
  Stream(1, 2);
  Stream(4, -1);
  Stream(4, 0);
}

TEST_P(GuardedDeviceTest, FewerExperts) {
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

TEST_P(GuardedDeviceTest, Decoders) {
  const ModelConfig &config = here_.model->Config();
  Tensor out, guarded_out;
  RaggedShape shape;
  Encode(ForwardMode(), ForwardMode(), {feats_[0], feats_[1]}, &out, &guarded_out, &shape);
  const std::vector<std::vector<int32_t>> labels = {{3, 4, 5}, {3, 4}, {}, {3, 1, 2, 2, 7}};
  for (const bool reverse : {false, true}) {
    const Decoder &here = reverse ? here_.model->RightDecoder() : here_.model->LeftDecoder(),
                  &there = reverse ? there_.model->RightDecoder() : there_.model->LeftDecoder();
    const DecoderInput input = MakeDecoderInput(labels, {0, 0, 1, 1}, config.sos, reverse);
    Tensor logits, guarded_logits;
    here.Forward(cpu_, input, out, shape, nullptr, nullptr, &logits, nullptr);
    there.Forward(guarded_, input, guarded_out, shape, nullptr, nullptr, &guarded_logits, nullptr);
    ExpectSameBits(logits, guarded_logits, "decoder");

    const TokenTree tree = MakeTokenTree(labels, config.sos, reverse);
    const Decoder::TreeScores want =
        here.ScoreTree(cpu_, tree, config.eos, here.Project(cpu_, shape.Rows(out.View(), 0)));
    const Decoder::TreeScores got = there.ScoreTree(
        guarded_, tree, config.eos, there.Project(guarded_, shape.Rows(guarded_out.View(), 0)));
    EXPECT_EQ(got.label, want.label);
    EXPECT_EQ(got.end, want.end);

    const Decoder::Memory memory = here.Project(cpu_, shape.Rows(out.View(), 0)),
                          guarded_memory =
                              there.Project(guarded_, shape.Rows(guarded_out.View(), 0));
    Decoder::Growth growth, guarded_growth;
    const std::vector<std::pair<std::vector<int32_t>, std::vector<int32_t>>> steps = {
        {{config.sos}, {-1}}, {{3, 4}, {0, 0}}, {{5, 6, 7, 8, 9}, {1, 1, 2, 1, 1}}, {{2}, {5}}};
    for (const auto &[tokens, parents] : steps) {
      ExpectSameBits(here.Extend(cpu_, tokens, parents, memory, &growth),
                     there.Extend(guarded_, tokens, parents, guarded_memory, &guarded_growth),
                     "decoder step");
    }
  }
}

// The golden models are too narrow for the convolutions of ops/packed/conv2d-tiles.h.
TEST(GuardedDevice, ConvolutionsInTiles) {
  ModelOptions options = SmallModelOptions(1, 0);
  options.model_dim = 128;
  const Context cpu, guarded(Device::kGuarded);
  AsrModel here(options.Config()), there(options.Config());
  InitModel(&here, 1);
  InitModel(&there, 1);
  MoveToDevice(guarded, &there);
  here.PrepareForInference(cpu);
  there.PrepareForInference(guarded);
  Rng rng(2);
  const Tensor x = RandomTensor(&rng, 101, options.feature_dim);
  Tensor out, guarded_out;
  RaggedShape shape;
  here.Encoder().Forward(cpu, ForwardMode(), x, RaggedShape::Single(101), &out, &shape, nullptr,
                         nullptr);
  there.Encoder().Forward(guarded, ForwardMode(), MatrixOnDevice(guarded, x),
                          RaggedShape::Single(101), &guarded_out, &shape, nullptr, nullptr);
  ExpectSameBits(out, guarded_out, "encoder");
}

INSTANTIATE_TEST_SUITE_P(
    All, GuardedDeviceTest,
    testing::Combine(testing::ValuesIn(GoldenModelNames()),
                     testing::Values(std::optional<WeightFormat>(), WeightFormat::kFloat32,
                                     WeightFormat::kBfloat16, WeightFormat::kInt8,
                                     WeightFormat::kInt4)),
    [](const auto &info) {
      const auto format = std::get<1>(info.param);
      return std::get<0>(info.param) + (format.has_value() ? "_" + ToString(*format) : "");
    });

}  // namespace
}  // namespace u2moe
