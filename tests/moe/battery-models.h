// The checks of the battery that need a whole encoder or decoder.
#ifndef U2MOE_TESTS_MOE_BATTERY_MODELS_H_
#define U2MOE_TESTS_MOE_BATTERY_MODELS_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/asr-model.h"
#include "modelfile/model-file.h"
#include "moe/aux-loss.h"
#include "moe/battery.h"
#include "pipeline/encode.h"
#include "support/layer-test.h"
#include "support/small-model.h"

namespace u2moe {

inline ModelConfig Model(const Subject &s) {
  ModelConfig c = SmallModelOptions(2, 4).Config();
  const Activation encoder = c.encoder.ffn.activation, decoder = c.decoder.ffn.activation;
  c.encoder.ffn = c.decoder.ffn = s.config;
  c.encoder.ffn.activation = encoder;
  c.decoder.ffn.activation = decoder;
  if (s.config.bank == "mpo") c.encoder.ffn.mpo_shape = c.decoder.ffn.mpo_shape = "2x4x2/2x1x2";
  c.decoder.num_blocks = 2;
  c.encoder.dynamic_chunk = s.Router().may_stream;
  if (s.Router().encoder_only) c.decoder.ffn.num_experts = 0;
  if (s.Router().experts_choose || s.Router().needs_tags) {
    c.decoder.ffn.router = "topk-softmax";
    c.decoder.ffn.router_pools = 0;
  }
  return c;
}

inline int32_t Tag(const Subject &s) { return s.Router().needs_tags ? 1 : -1; }

// Through a model file, to the bit.
inline bool Files(const Subject &s) {
  const Context ctx;
  Rng rng(21);
  AsrModel model(Model(s));
  InitModel(&model, 5);
  ModelInfo info;
  info.config = model.Config();
  const std::string path = TempDir() + "/model.safetensors";
  WriteModel(path, &model, info);
  const std::unique_ptr<AsrModel> read = ReadModel(path, nullptr);
  const Tensor feats = RandomTensor(&rng, 60, 20);
  EXPECT_EQ(MaxAbsDiff(EncodeUtterance(ctx, model, feats, EncodeOptions(), Tag(s)),
                       EncodeUtterance(ctx, *read, feats, EncodeOptions(), Tag(s))),
            0);
  EXPECT_EQ(read->NumParams(), model.NumParams());
  return true;
}

// Whoever asks for roles finds routers and experts; int8 leaves the routers in floats.
inline bool Roles(const Subject &s) {
  AsrModel model(Model(s));
  InitModel(&model, 6);
  model.PrepareForInference(Context(), WeightFormat::kInt8);
  int routers = 0, experts = 0;
  const auto check = [&](const ParamInfo &info) {
    EXPECT_EQ(info.use.role == ParamRole::kRouter, IsRouterParam(info.name)) << info.name;
    const bool expert = info.name.find("experts.") != std::string::npos;
    EXPECT_EQ(info.use.role == ParamRole::kExpert, expert) << info.name;
    if (expert) {
      const bool always = info.name.find(".shared_experts.") != std::string::npos;
      EXPECT_EQ(info.use.share, always ? 1 : s.config.experts_per_frame / 4.0) << info.name;
    }
    routers += IsRouterParam(info.name);
    experts += expert;
  };
  ForEachParamOrPacked(
      &model, [&](const ParamInfo &info, Tensor *) { check(info); },
      [&](const ParamInfo &info, Tensor *, PackedMatrix *packed) {
        check(info);
        if (IsRouterParam(info.name)) {
          EXPECT_EQ(packed->Format(), WeightFormat::kFloat32) << info.name;
        }
      });
  EXPECT_EQ(routers > 0, s.Router().reads_rows);
  EXPECT_GT(experts, 0);
  return true;
}

inline bool Streams(const Subject &s) {
  const Context ctx;
  Rng rng(17);
  AsrModel model(Model(s));
  InitModel(&model, 3);
  const Tensor feats = RandomTensor(&rng, 150, 20);
  EncodeOptions streaming;
  streaming.chunk_size = 4;
  streaming.num_left_chunks = 2;
  EncodeOptions masked = streaming;
  streaming.streaming = true;
  if (!s.Router().may_stream) {
    for (const EncodeOptions &opts : {streaming, masked}) {
      EXPECT_THROW(opts.CheckModel(model.Config().encoder), UsageError);
      EXPECT_THROW(EncodeUtterance(ctx, model, feats, opts), DataError);
    }
    ModelConfig chunked = model.Config();
    chunked.encoder.dynamic_chunk = true;
    EXPECT_THROW(CheckConfig(chunked), UsageError);
    return true;
  }
  EXPECT_LT(MaxAbsDiff(EncodeUtterance(ctx, model, feats, streaming, Tag(s)),
                       EncodeUtterance(ctx, model, feats, masked, Tag(s))),
            5e-5);
  return true;
}

// A loss, and the routes that it comes from.
struct Loss {
  double value = 0;
  std::vector<int32_t> experts;

  // Adds the losses on the routes.
  void Add(double scale, RoutingState *routing) {
    for (const AuxLoss &loss : ComputeAuxLosses(Context(), scale, routing))
      value += scale * loss.weighted;
    for (const RoutedLayer &layer : routing->layers) {
      experts.insert(experts.end(), layer.routes.experts.begin(), layer.routes.experts.end());
    }
  }
};

// Moves all that is a router's along its gradient and compares the slope of the loss with the
// gradient's length. False, with nothing compared, where other experts are chosen on the way.
inline bool SlopeIsGradient(AsrModel *model, AsrModel *grad, const std::function<Loss()> &loss) {
  double square = 0;
  std::vector<std::pair<Tensor *, Tensor>> steps;
  std::vector<Tensor *> params;
  ForEachParam(
      model, [&](const std::string &, Tensor *t, const ParamInit &, bool) { params.push_back(t); });
  size_t n = 0;
  ForEachParam(grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    Tensor *param = params[n++];
    if (!IsRouterParam(name)) return;
    steps.emplace_back(param, *t);
    for (int64_t i = 0; i < t->Size(); ++i)
      square += static_cast<double>(t->Data()[i]) * t->Data()[i];
  });
  const double norm = std::sqrt(square), h = 2e-3;
  const auto move = [&](double by) {
    for (auto &[param, step] : steps) {
      for (int64_t i = 0; i < step.Size(); ++i)
        param->Data()[i] += static_cast<float>(by / norm * step.Data()[i]);
    }
  };
  move(h);
  const Loss above = loss();
  move(-2 * h);
  const Loss below = loss();
  move(h);
  if (above.experts != below.experts) return false;
  EXPECT_GT(norm, 1e-3);
  EXPECT_NEAR((above.value - below.value) / (2 * h), norm, 0.01 * norm);
  return true;
}

// Facts, losses on routes and the state over depth reach the mixtures of an encoder, and its
// gradients come back.
inline bool EncoderSlope(const ModelConfig &config, uint64_t seed) {
  const Context ctx;
  Rng rng(seed);
  AsrModel model(config), grad(config);
  InitModel(&model, seed);
  SetZero(&grad);
  const std::vector<SequenceFacts> facts = {{1, 0, true, 0}, {2, 0, true, 1}};
  const RaggedShape shape = RaggedShape::FromLengths({19, 15});
  const Tensor feats = RandomTensor(&rng, 34, 20);
  const double scale = 2;
  Tensor upstream;
  const auto encode = [&](Encoder::Tape *tape, RoutingState *routing) {
    routing->collect = true;
    ForwardMode mode;
    mode.sequences = facts;
    mode.routing = routing;
    Tensor out;
    RaggedShape out_shape;
    model.Encoder().Forward(ctx, mode, feats, shape, &out, &out_shape, tape, nullptr);
    if (upstream.Empty()) upstream = RandomTensor(&rng, out.Rows(), out.Cols());
    Loss loss;
    loss.value = ref::Dot(RefMatrix(upstream), RefMatrix(out));
    loss.Add(scale, routing);
    return loss;
  };
  RoutingState routing;
  Encoder::Tape tape;
  encode(&tape, &routing);
  EXPECT_EQ(routing.layers.size(), 4u);
  EXPECT_EQ(routing.layers.back().mixture, 3);
  Tensor dout = upstream;
  model.Encoder().Backward(ctx, tape, &dout, nullptr, grad.MutableEncoder());
  return SlopeIsGradient(&model, &grad, [&] {
    RoutingState own;
    return encode(nullptr, &own);
  });
}

// The same of a decoder.
inline bool DecoderSlope(const ModelConfig &config, uint64_t seed) {
  const Context ctx;
  Rng rng(seed);
  AsrModel model(config), grad(config);
  InitModel(&model, seed);
  SetZero(&grad);
  const std::vector<SequenceFacts> facts = {{1, 0, true, 0}, {2, 0, true, 1}};
  const Tensor memory = RandomTensor(&rng, 9, 16), dlogits = RandomTensor(&rng, 6, 10);
  const RaggedShape memory_shape = RaggedShape::FromLengths({4, 5});
  const DecoderInput input = MakeDecoderInput({{1, 2}, {4, 5}}, {0, 1}, 9, false);
  const double scale = 2;
  const auto decode = [&](Decoder::Tape *tape, RoutingState *routing) {
    routing->collect = true;
    RouteCall call;
    call.sequences = facts;
    call.state = routing;
    Tensor logits;
    model.LeftDecoder().Forward(ctx, input, memory, memory_shape, nullptr, call, &logits, tape);
    Loss loss;
    loss.value = ref::Dot(RefMatrix(dlogits), RefMatrix(logits));
    loss.Add(scale, routing);
    return loss;
  };
  RoutingState routing;
  Decoder::Tape tape;
  decode(&tape, &routing);
  EXPECT_EQ(routing.layers.size(), 2u);
  Tensor dmemory = Tensor::Zeros(9, 16);
  model.LeftDecoder().Backward(ctx, input, memory, memory_shape, tape, dlogits,
                               grad.MutableLeftDecoder(), dmemory);
  return SlopeIsGradient(&model, &grad, [&] {
    RoutingState own;
    return decode(nullptr, &own);
  });
}

inline bool Models(const Subject &s) {
  if (!s.Router().learns) return false;
  // Some gradients of routes of the first segment are left out: segment-test.
  if (s.Router().merges) return false;
  ModelConfig config = Model(s);
  config.encoder.ffn.balance_weight = config.decoder.ffn.balance_weight = 3;
  config.encoder.ffn.z_weight = config.decoder.ffn.z_weight = 1;
  int encoders = 0, decoders = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    encoders += EncoderSlope(config, seed);
    if (!s.Router().encoder_only) decoders += DecoderSlope(config, seed);
  }
  EXPECT_GE(encoders, 5);
  EXPECT_GE(decoders, s.Router().encoder_only ? 0 : 5);
  return true;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_MOE_BATTERY_MODELS_H_
