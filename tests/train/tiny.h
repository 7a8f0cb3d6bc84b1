// A tiny model and utterances that it can learn.
#ifndef U2MOE_TESTS_TRAIN_TINY_H_
#define U2MOE_TESTS_TRAIN_TINY_H_

#include <memory>
#include <string>
#include <vector>

#include "modelfile/model-file.h"
#include "support/test-util.h"
#include "train/data-source.h"

namespace u2moe {

inline ModelConfig TinyConfig(float dropout) {
  ModelConfig c;
  c.encoder.feature_dim = 20;
  c.encoder.model_dim = 16;
  c.encoder.num_blocks = 2;
  c.encoder.num_heads = 2;
  c.encoder.conv_kernel = 4;
  c.encoder.ffn.hidden_dim = 12;
  c.encoder.ffn.num_experts = 4;
  c.encoder.dropout = c.encoder.positional_dropout = dropout;
  c.decoder.num_blocks = c.decoder.num_reverse_blocks = 1;
  c.decoder.num_heads = 2;
  c.decoder.ffn.hidden_dim = 12;
  c.decoder.ffn.num_experts = 4;
  c.decoder.dropout = c.decoder.positional_dropout = dropout;
  c.vocab_size = 6;
  c.sos = c.eos = 5;
  return c;
}

inline std::unique_ptr<AsrModel> TinyModel(float dropout, uint64_t seed = 3) {
  auto model = std::make_unique<AsrModel>(TinyConfig(dropout));
  InitModel(model.get(), seed);
  return model;
}

// 2 to 4 labels of 1..4, each 12 frames with energy in its own quarter of the dimensions, and
// noise.
inline std::vector<TrainUtterance> TinyData(int count, uint64_t seed) {
  Rng rng(seed);
  std::vector<TrainUtterance> data;
  for (int n = 0; n < count; ++n) {
    TrainUtterance u;
    u.key = Cat("utt", n);
    for (int64_t i = rng.UniformInt(2, 4); i > 0; --i)
      u.labels.push_back(static_cast<int32_t>(rng.UniformInt(1, 4)));
    const int64_t frames = 12 * static_cast<int64_t>(u.labels.size()) + rng.UniformInt(4, 9);
    u.feats = RandomTensor(&rng, frames, 20, 0.3f);
    for (int64_t t = 0; t < frames; ++t) {
      const size_t label = static_cast<size_t>(t / 12);
      if (label >= u.labels.size()) break;
      for (int64_t d = 0; d < 5; ++d) u.feats(t, 5 * (u.labels[label] - 1) + d) += 2;
    }
    data.push_back(u);
  }
  return data;
}

// Whether all tensors have the same bits.
inline bool SameModels(AsrModel *a, AsrModel *b) {
  std::vector<Tensor> tensors;
  ForEachParam(
      a, [&](const std::string &, Tensor *t, const ParamInit &, bool) { tensors.push_back(*t); });
  size_t i = 0;
  bool same = true;
  ForEachParam(b, [&](const std::string &, Tensor *t, const ParamInit &, bool) {
    same = same && i < tensors.size() && tensors[i].Shape() == t->Shape() &&
           MaxAbsDiff(tensors[i], *t) == 0;
    ++i;
  });
  return same && i == tensors.size();
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_TRAIN_TINY_H_
