// Mixtures of which one expert works on each frame.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "layer/param-visitor.h"
#include "model/expert-options.h"
#include "modelfile/safetensors.h"
#include "modelfile/wenet-import.h"
#include "moe/moe-feed-forward.h"
#include "pipeline/encode.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using nlohmann::json;

// One expert per frame. Its gate is a softmax over one logit, 1; so it is the model of two per
// frame whose second experts are all left out, and each mixture is its first expert by itself.
TEST(OneExpert, IsTheFirstOfTwo) {
  const std::string dir = GoldenPath("models/moe");
  if (dir.empty()) GTEST_SKIP() << "no golden models";
  json one = json::parse(ReadFile(dir + "/config.json"));
  one["encoder_conf"]["n_expert_activated"] = one["decoder_conf"]["n_expert_activated"] = 1;
  const std::string path = TempDir() + "/one.json";
  WriteFile(path, one.dump());
  const auto two =
      ImportWenet(ReadWenetConfig(dir + "/config.json", {}), dir + "/weights.safetensors");
  const auto model = ImportWenet(ReadWenetConfig(path, {}), dir + "/weights.safetensors");
  ExpertOptions options;
  options.skip_second_gate = 0;
  two->SetPolicy(options.Apply(two->Config(), two->Policy()));
  EXPECT_THROW(options.Apply(model->Config(), model->Policy()), UsageError);  // there is no second
  const auto encode = [](const AsrModel &m, const Tensor &x, const AttentionMask &mask) {
    ForwardMode mode;
    mode.mask = mask;
    Tensor out;
    RaggedShape shape;
    m.Encoder().Forward(Context(), mode, x, RaggedShape::Single(x.Rows()), &out, &shape, nullptr,
                        nullptr);
    return out;
  };
  Rng rng(5);
  const Tensor x = RandomTensor(&rng, 60, 80, 1.0f);
  EncodeOptions streaming;
  streaming.streaming = true;
  streaming.chunk_size = 4;
  streaming.num_left_chunks = 2;
  EXPECT_LT(MaxAbsDiff(EncodeUtterance(Context(), *model, x, streaming),
                       encode(*model, x, AttentionMask::Chunk(4, 2))),
            2e-5);
  for (const AttentionMask &mask : {AttentionMask::Full(), AttentionMask::Chunk(4, 2)}) {
    const Tensor got = encode(*model, x, mask);
    EXPECT_EQ(MaxAbsDiff(got, encode(*two, x, mask)), 0);
    EXPECT_GT(MaxAbsDiff(got, Tensor::Zeros(got.Rows(), got.Cols())), 0.1);
  }
  // A mixture, naively: logits by the router's weight, the largest one's w_2 f(w_1 x).
  const SafetensorsFile file(dir + "/weights.safetensors");
  const std::string name = "decoder.left_decoder.decoders.0.feed_forward.";
  const Tensor gate = file.Floats(name + "gate.weight");
  const FeedForwardConfig ffn = model->Config().decoder.ffn;
  MoeFeedForward mixture(gate.Cols(), ffn, 0, nullptr);
  ForEachParam(&mixture, [&](const std::string &n, Tensor *t, const ParamInit &, bool) {
    *t = file.Floats(name + n);
  });
  const Tensor rows = RandomTensor(&rng, 9, gate.Cols(), 1.0f);
  Tensor y(rows.Rows(), rows.Cols());
  mixture.Forward(Context(), rows, LayerOutput(y), nullptr, nullptr, RouteCall());
  for (int64_t t = 0; t < rows.Rows(); ++t) {
    int best = 0;
    std::vector<double> logits;
    for (int64_t e = 0; e < gate.Rows(); ++e) {
      double sum = 0;
      for (int64_t d = 0; d < gate.Cols(); ++d) sum += gate(e, d) * rows(t, d);
      logits.push_back(sum);
      if (sum > logits[static_cast<size_t>(best)]) best = static_cast<int>(e);
    }
    const std::string expert = name + "experts." + std::to_string(best) + ".";
    const Tensor w1 = file.Floats(expert + "w_1.weight"), b1 = file.Floats(expert + "w_1.bias"),
                 w2 = file.Floats(expert + "w_2.weight"), b2 = file.Floats(expert + "w_2.bias");
    for (int64_t d = 0; d < y.Cols(); ++d) {
      double want = b2.Data()[d];
      for (int64_t h = 0; h < w1.Rows(); ++h) {
        double sum = b1.Data()[h];
        for (int64_t i = 0; i < w1.Cols(); ++i) sum += w1(h, i) * rows(t, i);
        want += w2(d, h) * std::max(sum, 0.0);
      }
      EXPECT_NEAR(y(t, d), want, 1e-4) << t << " " << d;
    }
  }
}

}  // namespace
}  // namespace u2moe
