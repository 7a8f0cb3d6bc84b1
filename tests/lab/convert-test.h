// Small models, data for them, and what two models differ by: of the tests of conversions.
#ifndef U2MOE_TESTS_LAB_CONVERT_TEST_H_
#define U2MOE_TESTS_LAB_CONVERT_TEST_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "lab/convert-model.h"
#include "modelfile/model-file.h"
#include "pipeline/encode.h"
#include "support/layer-test.h"
#include "support/small-model.h"

namespace u2moe {
inline ModelConfig Config(int num_experts, int experts_per_frame = 2) {
  ModelOptions o = SmallModelOptions(2, num_experts);
  o.experts_per_frame = experts_per_frame;
  o.decoder_blocks = 2;
  o.reverse_decoder_blocks = 1;
  o.reverse_weight = 0.3f;
  return o.Config();
}

inline std::unique_ptr<AsrModel> Random(const ModelConfig &config, uint64_t seed) {
  auto model = std::make_unique<AsrModel>(config);
  InitModel(model.get(), seed);
  // Fresh experts differ little at the output.
  Rng rng(seed);
  ForEachParam(model.get(), [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name.find("feed_forward") == name.npos || name.find("expert_map") != name.npos) return;
    for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] += 0.3f * static_cast<float>(rng.Normal());
  });
  return model;
}

inline const std::vector<std::vector<int32_t>> kTokens = {{1, 2, 3}, {4, 4}, {5, 6, 7, 8}};

inline Tensor Feats(int utterance) {
  Rng rng(100 + static_cast<uint64_t>(utterance));
  return RandomTensor(&rng, 60 + 10 * utterance, 20);
}

inline ConvertData Data(bool tokens = true) {
  ConvertData data;
  data.has_tokens = tokens;
  data.for_each = [tokens](const ConvertData::Use &use) {
    for (int u = 0; u < 3; ++u) use(Feats(u), tokens ? &kTokens[static_cast<size_t>(u)] : nullptr);
  };
  return data;
}

// The largest difference of what two models make of the data: encoder and both decoders.
inline double Difference(const AsrModel &a, const AsrModel &b) {
  const Context ctx;
  double worst = 0;
  for (int u = 0; u < 3; ++u) {
    std::vector<Tensor> outputs[2];
    for (const AsrModel *m : {&a, &b}) {
      std::vector<Tensor> *out = &outputs[m == &b];
      out->push_back(EncodeUtterance(ctx, *m, Feats(u), EncodeOptions()));
      const RaggedShape shape = RaggedShape::Single(out->front().Rows());
      for (const bool right : {false, true}) {
        const DecoderInput input =
            MakeDecoderInput({kTokens[static_cast<size_t>(u)]}, {0}, 9, right);
        Tensor logits;
        // Fed with the first model's encoding, so that each part is seen by itself.
        (right ? m->RightDecoder() : m->LeftDecoder())
            .Forward(ctx, input, outputs[0][0], shape, nullptr, RouteCall(), &logits, nullptr);
        out->push_back(logits);
      }
    }
    for (size_t i = 0; i < outputs[0].size(); ++i)
      worst = std::max<double>(worst, MaxAbsDiff(outputs[0][i], outputs[1][i]));
  }
  return worst;
}

inline std::unique_ptr<AsrModel> Convert(const ConvertOptions &opts, AsrModel *model,
                                         const ConvertData *data = nullptr,
                                         AsrModel *other = nullptr) {
  return ConvertModel(Context(), opts, {model, other, data});
}

inline ConvertOptions Method(const std::string &method, int num_experts = 0) {
  ConvertOptions opts;
  opts.method = method;
  opts.num_experts = num_experts;
  return opts;
}

inline std::string Refusal(const ConvertOptions &opts, AsrModel *model,
                           const ConvertData *data = nullptr, AsrModel *other = nullptr) {
  try {
    Convert(opts, model, data, other);
  } catch (const UsageError &e) {
    return e.what();
  }
  return "none";
}

inline void ExpectRefusal(const std::string &what, const std::string &message) {
  EXPECT_NE(message.find(what), message.npos) << message;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_LAB_CONVERT_TEST_H_
