// SpeechMoE: routers that see an embedding network, which learns by a CTC loss of its own. What all
// routers promise is in tests/moe/battery-test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "modelfile/param-count.h"
#include "moe/router-registry.h"
#include "pipeline/encode.h"
#include "support/error-test.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/tiny.h"

namespace u2moe {
namespace {

ModelConfig Config(float dropout) {
  ModelConfig c = TinyConfig(dropout);
  c.encoder.ffn.router = "speech-moe";
  c.encoder.ffn.experts_per_frame = 1;
  c.encoder.ffn.router_layers = 1;
  return c;
}

TrainBatch Batch(uint64_t seed) {
  const std::vector<TrainUtterance> data = TinyData(3, seed);
  TrainBatch batch;
  for (const TrainUtterance &u : data) {
    batch.shape.Append(u.feats.Rows());
    batch.labels.push_back(u.labels);
  }
  batch.feats = Tensor(batch.shape.TotalRows(), 20);
  for (int b = 0; b < batch.shape.NumSequences(); ++b) {
    const Tensor &x = data[static_cast<size_t>(b)].feats;
    std::copy_n(x.Data(), x.Size(), batch.shape.Rows(batch.feats.View(), b).Data());
  }
  return batch;
}

bool IsEmbedding(const std::string &name) {
  return name.find("embedding_network.") != name.npos || name.find("embed_ctc.") != name.npos;
}

double Largest(const Tensor &t) {
  double largest = 0;
  for (int64_t i = 0; i < t.Size(); ++i)
    largest = std::max(largest, std::fabs(static_cast<double>(t.Data()[i])));
  return largest;
}

TEST(SpeechMoe, WithoutEmbeddingItIsSwitch) {
  constexpr int64_t kDim = 5;
  RouterConfig config;
  config.dim = kDim;
  config.num_experts = 4;
  config.num_choices = 1;
  Rng rng(1);
  const auto speech = MakeRouter("speech-moe", config, nullptr),
             plain = MakeRouter("switch", config, nullptr);
  Tensor w(4, 2 * kDim), w_x(4, kDim);
  for (int64_t e = 0; e < 4; ++e) {
    for (int64_t d = 0; d < 2 * kDim; ++d) w(e, d) = static_cast<float>(rng.Normal());
    for (int64_t d = 0; d < kDim; ++d) w_x(e, d) = w(e, kDim + d);
  }
  const auto set = [](Router *router, const Tensor &value) {
    ForEachParam(router,
                 [&](const std::string &, Tensor *t, const ParamInit &, bool) { *t = value; });
  };
  set(speech.get(), w);
  set(plain.get(), w_x);
  Tensor x(30, kDim);
  for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] = static_cast<float>(rng.Normal());
  RoutingState state;
  state.embedding = std::make_shared<const Tensor>(Tensor::Zeros(30, kDim));
  RouteCall call;
  call.state = &state;
  Routes got, want;
  speech->Route(Context(), {x, call}, &got, nullptr);
  plain->Route(Context(), {x, call}, &want, nullptr);
  EXPECT_EQ(got.experts, want.experts);
  for (size_t i = 0; i < got.gates.size(); ++i) EXPECT_NEAR(got.gates[i], want.gates[i], 1e-6);
}

// Routers give the embedding network nothing; its own loss does.
TEST(SpeechMoe, GradientsOfTheEmbeddingNetwork) {
  const Context ctx;
  const TrainBatch batch = Batch(1);
  AsrModel model(Config(0)), grad(Config(0));
  InitModel(&model, 7);
  for (const double weight : {0.0, 0.5}) {
    SetZero(&grad);
    LossOptions options;
    options.embed_ctc_weight = weight;
    const LossTerms terms = ComputeLoss(ctx, model, batch, options, &grad, nullptr);
    int seen = 0;
    ForEachParam(&grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool trainable) {
      if (!trainable || !IsEmbedding(name)) return;
      ++seen;
      if (weight == 0) {
        EXPECT_EQ(Largest(*t), 0) << name;
      }
    });
    EXPECT_GT(seen, 20);
    EXPECT_EQ(Largest(*grad.MutableEmbedCtc()->MutableWeight()) > 0, weight > 0);
    EXPECT_EQ(terms["embed_ctc"].weight, weight);
    EXPECT_EQ(terms["embed_ctc"].count, weight > 0 ? 3 : 0);
    double total = 0;
    for (const auto &[name, term] : terms.Terms()) total += term.weight * term.sum;
    EXPECT_NEAR(terms.total, total, 1e-9 * total);
  }
  // The loss of dev sets is of the task alone, so that systems can be compared.
  LossOptions dev;
  dev.aux_losses = false;
  EXPECT_EQ(ComputeLoss(ctx, model, batch, dev, nullptr, nullptr)["embed_ctc"].count, 0);
}

// The term is the CTC loss of another model, which has the embedding network as its encoder.
TEST(SpeechMoe, TheTermIsACtcLoss) {
  const Context ctx;
  const TrainBatch batch = Batch(2);
  AsrModel model(Config(0));
  InitModel(&model, 7);
  ModelConfig alone_config = Config(0);
  alone_config.encoder.num_blocks = 1;
  alone_config.encoder.ffn.num_experts = 0;
  AsrModel alone(alone_config);
  std::map<std::string, Tensor *> params;
  ForEachParam(&model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    params[name] = t;
  });
  InitModel(&alone, 9);
  ForEachParam(&alone, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    const std::string encoder = "encoder.", ctc = "ctc.";
    std::string from = name;
    if (name.compare(0, ctc.size(), ctc) == 0) from = "embed_" + name;
    if (name.find("encoder.encoders.") == 0 || name.find("encoder.after_norm.") == 0)
      from = "encoder.embedding_network." + name.substr(encoder.size());
    if (params.count(from) > 0 && params[from]->Shape() == t->Shape()) *t = *params[from];
  });
  LossOptions options;
  options.mask = AttentionMask::Chunk(3, 1);
  const LossTerms want = ComputeLoss(ctx, alone, batch, options, nullptr, nullptr);
  const LossTerms got = ComputeLoss(ctx, model, batch, options, nullptr, nullptr);
  EXPECT_NEAR(got["embed_ctc"].sum, want["ctc"].sum, 1e-4 * want["ctc"].sum);
}

// The slope along the gradient is its norm. Where routers listen to the embedding, but for what it
// depends on, as no gradient goes there; where they are deaf to it (at first), of everything.
TEST(SpeechMoe, FiniteDifferences) {
  const Context ctx;
  const TrainBatch batch = Batch(3);
  for (const bool deaf : {false, true}) {
    SCOPED_TRACE(deaf);
    ModelConfig config = Config(0.3f);
    config.encoder.ffn.experts_per_frame = 4;  // a change of the chosen would be a step
    config.decoder.ffn.experts_per_frame = 4;
    AsrModel model(config), grad(config), unused(config);
    InitModel(&model, 7);
    SetZero(&grad);
    SetZero(&unused);
    ForEachParam(&model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      if (!deaf || name.find("encoder.") != 0 || name.find(".gate.") == name.npos) return;
      for (int64_t e = 0; e < t->Rows(); ++e) std::fill_n(t->View().Row(e), t->Cols() / 2, 0.0f);
    });
    LossOptions options;
    options.embed_ctc_weight = 0.7;
    options.utterance_divisor = 3;
    options.token_divisor = static_cast<double>(batch.NumTokens());
    options.mask = AttentionMask::Chunk(3, 1);
    const auto loss = [&](AsrModel *to) {
      DropoutSeeds seeds(11);
      options.dropout = &seeds;
      return ComputeLoss(ctx, model, batch, options, to, nullptr).total / 3;
    };
    const double value = loss(&grad);
    EXPECT_EQ(loss(nullptr), value);
    std::vector<Tensor *> params, grads;
    std::vector<bool> moves;
    ForEachParam(&model, [&](const std::string &name, Tensor *t, const ParamInit &, bool train) {
      params.push_back(t);
      moves.push_back(train && (deaf || !(IsEmbedding(name) || name.find("embed.") != name.npos)));
    });
    ForEachParam(&grad, [&](const std::string &, Tensor *t, const ParamInit &, bool) {
      grads.push_back(t);
    });
    double squares = 0;
    for (size_t p = 0; p < params.size(); ++p) {
      for (int64_t i = 0; moves[p] && i < grads[p]->Size(); ++i)
        squares += static_cast<double>(grads[p]->Data()[i]) * grads[p]->Data()[i];
    }
    const double norm = std::sqrt(squares), h = 2e-3;
    const auto move = [&](double by) {
      for (size_t p = 0; p < params.size(); ++p) {
        for (int64_t i = 0; moves[p] && i < params[p]->Size(); ++i)
          params[p]->Data()[i] += static_cast<float>(by / norm * grads[p]->Data()[i]);
      }
    };
    move(h);
    const double above = loss(&unused);
    move(-2 * h);
    const double below = loss(&unused);
    EXPECT_NEAR((above - below) / (2 * h), norm, 0.01 * norm);
  }
}

// Another embedding network is other routes, and streams have its caches too.
TEST(SpeechMoe, RoutersListenAndStreams) {
  const Context ctx;
  Rng rng(4);
  ModelConfig config = Config(0);
  config.encoder.ffn.router_layers = 2;
  AsrModel model(config);
  InitModel(&model, 7);
  ForEachParam(&model, [](const std::string &name, Tensor *t, const ParamInit &, bool) {
    for (int64_t i = 0; name.find(".gate.") != name.npos && i < t->Size(); ++i) t->Data()[i] *= 20;
  });
  const Tensor feats = RandomTensor(&rng, 150, 20);
  for (const int32_t chunk : {1, 4}) {
    for (const int32_t left : {-1, 1}) {
      EncodeOptions streaming, masked;
      masked.chunk_size = streaming.chunk_size = chunk;
      masked.num_left_chunks = streaming.num_left_chunks = left;
      streaming.streaming = true;
      EXPECT_LT(MaxAbsDiff(EncodeUtterance(ctx, model, feats, streaming),
                           EncodeUtterance(ctx, model, feats, masked)),
                5e-5)
          << chunk << " " << left;
    }
  }
  const Tensor before = EncodeUtterance(ctx, model, feats, EncodeOptions());
  ForEachParam(&model, [](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name.find("embedding_network.after_norm.weight") != name.npos) t->SetZero();
  });
  EXPECT_GT(MaxAbsDiff(EncodeUtterance(ctx, model, feats, EncodeOptions()), before), 1e-3);
}

// On memory out of the host's reach, the same bits.
TEST(SpeechMoe, OnDevice) {
  const Context cpu, guarded(Device::kGuarded);
  const TrainBatch batch = Batch(5);
  AsrModel here(Config(0.2f)), there(Config(0.2f)), grad(Config(0.2f)), guarded_grad(Config(0.2f));
  InitModel(&here, 7);
  InitModel(&there, 7);
  SetZero(&grad);
  SetZero(&guarded_grad);
  MoveToDevice(guarded, &there);
  MoveToDevice(guarded, &guarded_grad);
  const auto loss = [&](const Context &ctx, const AsrModel &model, AsrModel *to) {
    DropoutSeeds seeds(5, {6, 7, 8});
    LossOptions options;
    options.dropout = &seeds;
    return ComputeLoss(ctx, model, batch, options, to, nullptr).total;
  };
  EXPECT_EQ(loss(cpu, here, &grad), loss(guarded, there, &guarded_grad));
  std::vector<const Tensor *> want;
  ForEachParam(&grad,
               [&](const std::string &, Tensor *t, const ParamInit &, bool) { want.push_back(t); });
  size_t i = 0;
  ForEachParam(&guarded_grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    EXPECT_EQ(MaxAbsDiff(*want[i++], t->ToHost()), 0) << name;
  });
}

// The network costs every frame its blocks; its CTC head costs none.
TEST(SpeechMoe, CountsTheCost) {
  AsrModel model(Config(0));
  ModelConfig plain_config = Config(0);
  plain_config.encoder.ffn.router = "switch";
  AsrModel plain(plain_config);
  int64_t network = 0, head = 0, gates = 0;
  ForEachParam(&model, [&](const std::string &name, Tensor *t, const ParamInit &, bool train) {
    if (!train) return;
    if (name.find("embedding_network.") != name.npos) network += t->Size();
    if (name.find("embed_ctc.") != name.npos) head += t->Size();
    if (name.find("encoder.") == 0 && name.find(".gate.") != name.npos) gates += t->Size() / 2;
  });
  EXPECT_GT(network, 1000);
  EXPECT_EQ(model.NumParams(), plain.NumParams() + network + head + gates);
  EXPECT_EQ(model.NumActiveParams(), plain.NumActiveParams() + network + gates);
  const ParamCounts counts = CountParams(&model), plain_counts = CountParams(&plain);
  EXPECT_EQ(counts.encoder, plain_counts.encoder + network + gates);
  EXPECT_EQ(counts.ctc, plain_counts.ctc + head);
  EXPECT_EQ(counts.active_per_frame, plain_counts.active_per_frame + network + gates);
}

TEST(SpeechMoe, Refusals) {
  ModelConfig c = Config(0);
  EXPECT_EQ(ErrorOf([&] { CheckConfig(c); }), "(no error)");
  c.encoder.ffn.router_layers = 0;
  EXPECT_NE(ErrorOf([&] { CheckConfig(c); }).find("router-layers=0"), std::string::npos);
  c = Config(0);
  c.decoder.ffn.router = "speech-moe";
  EXPECT_NE(ErrorOf([&] { CheckConfig(c); }).find("decoder-router=speech-moe is for encoders"),
            std::string::npos);
  c = Config(0);
  c.encoder.layers.assign(4, c.encoder.ffn);
  c.encoder.layers[2].router_layers = 3;
  EXPECT_NE(ErrorOf([&] { AsrModel model(c); }).find("the same router-layers"), std::string::npos);
}

}  // namespace
}  // namespace u2moe
