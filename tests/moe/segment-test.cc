// Routers of segments and the averaged experts that they ask for (Lory, SMEAR), against plain loops
// in double. What all routers promise is in battery-test.cc.
#include "moe/router-segment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "model/asr-model.h"
#include "modelfile/model-file.h"
#include "moe/mixture-stack.h"
#include "moe/mixture-stream.h"
#include "pipeline/encode.h"
#include "support/error-test.h"
#include "support/small-model.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 4;
constexpr int kExperts = 3;

FeedForwardConfig Config(const std::string &router, int segment) {
  FeedForwardConfig c;
  c.hidden_dim = 5;
  c.num_experts = kExperts;
  c.experts_per_frame = 1;
  c.router = router;
  c.router_segment = segment;
  return c;
}

MixtureStack RandomStack(Rng *rng, const FeedForwardConfig &config, int num_layers) {
  MixtureStack stack(kDim, config, num_layers);
  RandomizeParams(rng, &stack, 0.7f);
  return stack;
}

RoutingState RunStack(const MixtureStack &stack, const RouteCall &call, Tensor *x) {
  RoutingState routing;
  stack.Forward(Context(), call, x, nullptr, &routing);
  return routing;
}

// Softmax over all experts of W mean.
std::vector<double> Weights(const RefMatrix &w, const RefMatrix &mean) {
  std::vector<double> weights;
  double sum = 0;
  for (int64_t e = 0; e < w.rows; ++e) {
    double s = 0;
    for (int64_t d = 0; d < w.cols; ++d) s += w(e, d) * mean(0, d);
    weights.push_back(std::exp(s));
    sum += weights.back();
  }
  for (double &v : weights) v /= sum;
  return weights;
}

RefMatrix MeanOf(const RefMatrix &x, int64_t begin, int64_t count) {
  RefMatrix mean(1, x.cols);
  for (int64_t t = begin; t < begin + count; ++t) {
    for (int64_t d = 0; d < x.cols; ++d) mean(0, d) += x(t, d) / static_cast<double>(count);
  }
  return mean;
}

// One mixture on one sequence, x rows [begin, begin + length). first: the weights of the first
// segment, held fast; empty: made here.
void RefSequence(const RefParams &params, const std::string &scope, const FeedForwardConfig &config,
                 const RefMatrix &x, int64_t begin, int64_t length, int64_t chunk,
                 const std::vector<double> &first, RefMatrix *y,
                 std::vector<std::vector<double>> *weights) {
  const bool smear = config.router == "smear";
  const RefMatrix &w = params.at(scope + "gate.weight");
  const int64_t size = smear ? length : config.router_segment;
  for (int64_t at = 0; at < length; at += size) {
    std::vector<double> share;
    if (at > 0) {
      share = Weights(w, MeanOf(x, begin + at - size, size));
    } else if (!first.empty()) {
      share = first;
    } else {
      const int64_t seen = chunk > 0 ? std::min(chunk, size) : size;
      share = Weights(w, MeanOf(x, begin, std::min(seen, length)));
    }
    RefParams merged;
    for (const char *name : {"w_1.weight", "w_1.bias", "w_2.weight", "w_2.bias"}) {
      RefMatrix *sum = &merged[name];
      for (int e = 0; e < config.num_experts; ++e) {
        const RefMatrix &one = params.at(Cat(scope, "experts.", e, ".", name));
        if (sum->rows == 0) *sum = RefMatrix(one.rows, one.cols);
        for (size_t i = 0; i < one.data.size(); ++i)
          sum->data[i] += share[static_cast<size_t>(e)] * one.data[i];
      }
    }
    const int64_t count = std::min(size, length - at);
    RefMatrix rows(count, x.cols);
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t d = 0; d < x.cols; ++d) rows(t, d) = x(begin + at + t, d);
      weights->push_back(share);
    }
    const RefMatrix out = ref::FeedForward(merged, "", config.activation, rows, RefMatrix());
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t d = 0; d < x.cols; ++d) (*y)(begin + at + t, d) = out(t, d);
    }
  }
}

struct RefResult {
  RefMatrix y;
  std::vector<std::vector<std::vector<double>>> weights;  // [layer][row][expert]
};

// frozen: of an earlier call, whose weights the first segments of sequences keep; null: none do.
RefResult RefStackOf(const RefParams &params, const FeedForwardConfig &config, int num_layers,
                     const RaggedShape &shape, int64_t chunk, RefMatrix x,
                     const RefResult *frozen) {
  RefResult result;
  for (int l = 0; l < num_layers; ++l) {
    RefMatrix y(x.rows, x.cols);
    std::vector<std::vector<double>> weights;
    for (int b = 0; b < shape.NumSequences(); ++b) {
      if (shape.Length(b) == 0) continue;
      std::vector<double> first;
      if (frozen != nullptr && config.router != "smear") {
        first = frozen->weights[static_cast<size_t>(l)][static_cast<size_t>(shape.Begin(b))];
      }
      RefSequence(params, Cat("layers.", l, "."), config, x, shape.Begin(b), shape.Length(b), chunk,
                  first, &y, &weights);
    }
    for (size_t i = 0; i < x.data.size(); ++i) x.data[i] += y.data[i];
    result.weights.push_back(weights);
  }
  result.y = x;
  return result;
}

double LargestGateGradient(MixtureStack *grad) {
  double largest = 0;
  ForEachParam(grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    for (int64_t i = 0; name.find("gate.") != name.npos && i < t->Size(); ++i)
      largest = std::max(largest, std::fabs(static_cast<double>(t->Data()[i]) - kGradStart));
  });
  return largest;
}

void ExpectReference(const FeedForwardConfig &config, const std::vector<int64_t> &lengths,
                     int64_t chunk, uint64_t seed) {
  SCOPED_TRACE(Cat(config.router, " ", config.router_segment, " chunk ", chunk, " seed ", seed));
  constexpr int kLayers = 2;
  const Context ctx;
  Rng rng(seed);
  MixtureStack stack = RandomStack(&rng, config, kLayers), grad(kDim, config, kLayers);
  FillParams(kGradStart, &grad);
  const RaggedShape shape = RaggedShape::FromLengths(lengths);
  RouteCall call;
  call.shape = &shape;
  call.chunk = chunk;
  const int64_t rows = shape.TotalRows();
  const Tensor start = RandomTensor(&rng, rows, kDim), upstream = RandomTensor(&rng, rows, kDim);
  Tensor y = start, dx = upstream;
  RoutingState routing;
  MixtureStack::Tape tape;
  stack.Forward(ctx, call, &y, &tape, &routing);
  stack.Backward(ctx, tape, routing, &dx, &grad);

  RefParams params = ParamsOf(&stack);
  RefMatrix x(start);
  const RefMatrix up(upstream);
  const RefResult want = RefStackOf(params, config, kLayers, shape, chunk, x, nullptr);
  EXPECT_LT(MaxAbsDiff(y, want.y), 2e-5);
  for (size_t l = 0; l < routing.layers.size(); ++l) {
    const Routes &r = routing.layers[l].routes;
    EXPECT_EQ(r.max_slots, kExperts);
    for (int64_t t = 0; t < rows; ++t) {
      for (size_t i = r.Begin(t); i < r.Begin(t + 1); ++i) {
        EXPECT_NEAR(r.gates[i],
                    want.weights[l][static_cast<size_t>(t)][static_cast<size_t>(r.experts[i])],
                    1e-5);
      }
    }
  }
  const auto loss = [&] {
    return ref::Dot(up, RefStackOf(params, config, kLayers, shape, chunk, x, &want).y);
  };
  EXPECT_LT(GradientError(loss, &x, dx), 5e-4);
  ForEachParam(&grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    Tensor added = *t;
    for (int64_t i = 0; i < added.Size(); ++i) added.Data()[i] -= kGradStart;
    const bool zero = name.find("gate.") != name.npos && LargestGateGradient(&grad) < 1e-4;
    EXPECT_LT(GradientError(loss, &params.at(name), added), zero ? 2e-2 : 1e-3) << name;
  });
}

TEST(Segment, ValuesAndGradients) {
  uint64_t seed = 1;
  for (const int segment : {1, 3}) {
    for (const int64_t chunk : {0, 1, 2, 3, 5})
      ExpectReference(Config("segment", segment), {7, 0, 1, 3, 5}, chunk, ++seed);
  }
  ExpectReference(Config("segment", 100), {7, 2}, 0, ++seed);
  FeedForwardConfig plain = Config("segment", 2);
  plain.bias = true;
  plain.activation = Activation::kRelu;
  ExpectReference(plain, {6}, 4, ++seed);
}

TEST(Smear, ValuesAndGradients) {
  for (uint64_t seed = 1; seed <= 3; ++seed)
    ExpectReference(Config("smear", 16), {7, 0, 1, 3}, 0, seed);
}

// Of routers whose row e is an expert's: the expert in column 0 with certainty.
void ChooseSurely(MixtureStack *stack, int expert) {
  Tensor *gate = FindParam(stack, "layers.0.gate.weight");
  gate->SetZero();
  (*gate)(expert, 0) = 500;
}

TEST(Segment, CertaintyIsThatExpert) {
  Rng rng(5);
  const FeedForwardConfig config = Config("segment", 3);
  MixtureStack stack = RandomStack(&rng, config, 1);
  FeedForwardConfig dense = config;
  dense.num_experts = 0;
  for (int e = 0; e < kExperts; ++e) {
    ChooseSurely(&stack, e);
    MixtureStack one(kDim, dense, 1);
    ForEachParam(&one, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      *t = *FindParam(&stack, Cat("layers.0.experts.", e, ".", name.substr(9)));
    });
    Tensor y = RandomTensor(&rng, 8, kDim);
    for (int64_t t = 0; t < 8; ++t) y(t, 0) = 1;
    Tensor z = y;
    RunStack(stack, RouteCall(), &y);
    RunStack(one, RouteCall(), &z);
    EXPECT_LT(MaxAbsDiff(y, z), 1e-6);
  }
}

// Where the activation does nothing and W2 is one, the average of parameters is the average of
// outputs.
TEST(Segment, LinearExpertsAreASoftMixture) {
  Rng rng(6);
  FeedForwardConfig config = Config("segment", 3);
  config.activation = Activation::kRelu;
  MixtureStack stack = RandomStack(&rng, config, 1);
  const Tensor w2 = *FindParam(&stack, "layers.0.experts.0.w_2.weight");
  for (int e = 0; e < kExperts; ++e) {
    *FindParam(&stack, Cat("layers.0.experts.", e, ".w_2.weight")) = w2;
    Tensor *b1 = FindParam(&stack, Cat("layers.0.experts.", e, ".w_1.bias"));
    for (int64_t i = 0; i < b1->Size(); ++i) b1->Data()[i] += 20;  // all hidden units are active
  }
  Tensor y = RandomTensor(&rng, 8, kDim);
  const RefMatrix x(y);
  const Routes routes = RunStack(stack, RouteCall(), &y).layers[0].routes;
  const RefParams params = ParamsOf(&stack);
  RefMatrix want = x;
  for (int32_t e = 0; e < kExperts; ++e) {
    const RefMatrix out = ref::FeedForward(params, Cat("layers.0.experts.", e, "."),
                                           config.activation, x, RefMatrix());
    for (int64_t t = 0; t < 8; ++t) {
      for (size_t i = routes.Begin(t); i < routes.Begin(t + 1); ++i) {
        for (int64_t d = 0; routes.experts[i] == e && d < kDim; ++d)
          want(t, d) += static_cast<double>(routes.gates[i]) * out(t, d);
      }
    }
  }
  EXPECT_LT(MaxAbsDiff(y, want), 1e-4);
}

TEST(Segment, AFrameChangesItselfAndTheNextSegment) {
  Rng rng(7);
  const MixtureStack stack = RandomStack(&rng, Config("segment", 3), 1);
  const Tensor start = RandomTensor(&rng, 14, kDim);
  Tensor plain = start;
  RunStack(stack, RouteCall(), &plain);
  for (int64_t frame = 0; frame < 14; ++frame) {
    Tensor y = start;
    y(frame, 1) += 1;
    RunStack(stack, RouteCall(), &y);
    for (int64_t t = 0; t < 14; ++t) {
      double change = 0;
      for (int64_t d = 0; d < kDim; ++d)
        change = std::max<double>(change, std::fabs(y(t, d) - plain(t, d)));
      const bool own = frame < 3 && t < 3;  // the first segment is routed by itself
      const bool expected = t == frame || t / 3 == frame / 3 + 1 || own;
      EXPECT_EQ(change > 0, expected) << frame << " " << t;
    }
  }
}

TEST(Segment, OneSegmentTeachesTheRouterNothing) {
  const Context ctx;
  Rng rng(8);
  for (const bool smear : {false, true}) {
    const FeedForwardConfig config = Config(smear ? "smear" : "segment", 9);
    MixtureStack stack = RandomStack(&rng, config, 1), grad(kDim, config, 1);
    FillParams(kGradStart, &grad);
    Tensor x = RandomTensor(&rng, 9, kDim), dx = RandomTensor(&rng, 9, kDim);
    RoutingState routing;
    MixtureStack::Tape tape;
    stack.Forward(ctx, RouteCall(), &x, &tape, &routing);
    const Routes &r = routing.layers[0].routes;
    for (size_t i = 0; i < r.gates.size(); ++i) EXPECT_EQ(r.gates[i], r.gates[i % kExperts]);
    stack.Backward(ctx, tape, routing, &dx, &grad);
    EXPECT_EQ(LargestGateGradient(&grad) > 1e-4, smear);
  }
}

// Losses on routes reach the router through all segments but the first.
TEST(Segment, LossesOnRoutes) {
  const Context ctx;
  Rng rng(9);
  FeedForwardConfig config = Config("segment", 3);
  config.z_weight = 0.5f;
  MixtureStack stack = RandomStack(&rng, config, 1), grad(kDim, config, 1);
  FillParams(0, &grad);
  const Tensor start = RandomTensor(&rng, 8, kDim);
  Tensor x = start, dx = Tensor::Zeros(8, kDim);
  RoutingState routing;
  MixtureStack::Tape tape;
  stack.Forward(ctx, RouteCall(), &x, &tape, &routing);
  ComputeAuxLosses(ctx, 2, &routing);
  stack.Backward(ctx, tape, routing, &dx, &grad);
  RefMatrix w(*FindParam(&stack, "layers.0.gate.weight"));
  const RefMatrix rows(start);
  const auto loss = [&] {
    double sum = 0;
    for (int64_t t = 3; t < 8; ++t) {
      const RefMatrix mean = MeanOf(rows, t / 3 * 3 - 3, 3);
      double all = 0;
      for (int64_t e = 0; e < kExperts; ++e) {
        double s = 0;
        for (int64_t d = 0; d < kDim; ++d) s += w(e, d) * mean(0, d);
        all += std::exp(s);
      }
      sum += std::log(all) * std::log(all);
    }
    return 2 * 0.5 * sum / 8;
  };
  EXPECT_LT(GradientError(loss, &w, *FindParam(&grad, "layers.0.gate.weight")), 1e-3);
}

// Mixtures of two streams chunk by chunk, as StreamState and the encoder do it.
TEST(Segment, StreamsAreTheWholeUnderTheMask) {
  constexpr int kLayers = 2;
  const Context ctx;
  Rng rng(10);
  for (const int segment : {1, 3, 4, 8}) {
    const FeedForwardConfig config = Config("segment", segment);
    const MixtureStack stack = RandomStack(&rng, config, 1), second = RandomStack(&rng, config, 1);
    const std::vector<int64_t> lengths = {19, 12};
    const Tensor start[] = {RandomTensor(&rng, 19, kDim), RandomTensor(&rng, 12, kDim)};
    for (const int64_t chunk : {1, 2, 3, 4, 5, 16, 30}) {
      SCOPED_TRACE(Cat("segment ", segment, " chunk ", chunk));
      Tensor whole[2];
      for (size_t s = 0; s < 2; ++s) {
        RouteCall call;
        call.chunk = chunk;
        whole[s] = start[s];
        RunStack(stack, call, &whole[s]);
        RunStack(second, call, &whole[s]);
      }
      MixtureStream memory[2][kLayers];
      for (int64_t at = 0; at < 19; at += chunk) {
        RaggedShape shape;
        std::vector<SequenceFacts> facts;
        std::vector<size_t> alive;
        for (size_t s = 0; s < 2; ++s) {
          if (at >= lengths[s]) continue;
          alive.push_back(s);
          facts.push_back({0, at, false});
          shape.Append(std::min(chunk, lengths[s] - at));
        }
        Tensor x(shape.TotalRows(), kDim);
        for (size_t i = 0; i < alive.size(); ++i) {
          const int b = static_cast<int>(i);
          CopyTo(ctx, start[alive[i]].View().RowRange(at, shape.Length(b)),
                 shape.Rows(x.View(), b));
        }
        const Tensor in = x;
        for (const bool again : {true, false}) {  // what was not committed did not happen
          x = in;
          for (int l = 0; l < kLayers; ++l) {
            CachedVector<MixtureStream *> streams;
            for (const size_t s : alive) streams.push_back(&memory[s][l]);
            RouteCall call;
            call.shape = &shape;
            call.sequences = facts;
            call.streams = streams;
            RunStack(l == 0 ? stack : second, call, &x);
            for (const size_t s : alive) {
              if (!again) memory[s][l].Commit();
            }
          }
        }
        for (size_t i = 0; i < alive.size(); ++i) {
          const int b = static_cast<int>(i);
          EXPECT_LT(MaxAbsDiff(shape.Rows(x.View(), b),
                               whole[alive[i]].View().RowRange(at, shape.Length(b))),
                    1e-5)
              << at;
        }
      }
    }
  }
}

// A sequence is the same alone, in company and with dropout.
TEST(Segment, Company) {
  const Context ctx;
  Rng rng(11);
  FeedForwardConfig config = Config("segment", 3);
  MixtureStack stack(kDim, config, 2, 0.4f);
  RandomizeParams(&rng, &stack);
  const Tensor start = RandomTensor(&rng, 12, kDim);
  const auto run = [&](const Tensor &rows, const std::vector<int64_t> &lengths,
                       const std::vector<uint64_t> &seeds, bool with_tape) {
    const RaggedShape shape = RaggedShape::FromLengths(lengths);
    DropoutSeeds dropout(3, seeds);
    dropout.SetShape(shape);
    RouteCall call;
    call.shape = &shape;
    Tensor x = rows;
    RoutingState routing;
    MixtureStack::Tape tape;
    stack.Forward(ctx, call, &x, with_tape ? &tape : nullptr, &routing, &dropout);
    return x;
  };
  const Tensor both = run(start, {5, 7}, {1, 2}, true);
  const Tensor second = Tensor::Copy(start.View().RowRange(5, 7));
  EXPECT_LT(MaxAbsDiff(run(second, {7}, {2}, true), both.View().RowRange(5, 7)), 1e-6);
  EXPECT_LT(MaxAbsDiff(run(start, {5, 7}, {1, 2}, false), both), 1e-5);
  EXPECT_GT(MaxAbsDiff(run(second, {7}, {3}, true), both.View().RowRange(5, 7)), 1e-3);
}

ModelConfig Model(const std::string &router, int segment) {
  ModelConfig c = SmallModelOptions(2, 3).Config();
  c.encoder.ffn.router = router;
  c.encoder.ffn.router_segment = segment;
  c.encoder.ffn.experts_per_frame = 1;
  c.decoder.ffn.num_experts = 0;
  return c;
}

TEST(Segment, EncoderStreams) {
  const Context ctx;
  Rng rng(12);
  const Tensor feats = RandomTensor(&rng, 190, 20);
  for (const int segment : {2, 4, 7, 16}) {
    AsrModel model(Model("segment", segment));
    InitModel(&model, 3);
    // Larger routers than those of the beginning, so that the averages differ.
    ForEachParam(&model, [](const std::string &name, Tensor *t, const ParamInit &, bool) {
      for (int64_t i = 0; name.find("gate.") != name.npos && i < t->Size(); ++i) t->Data()[i] *= 10;
    });
    for (const bool packed : {false, true}) {
      if (packed) model.PrepareForInference(ctx);
      for (const int32_t chunk : {1, 4, 6}) {
        EncodeOptions streaming, masked;
        masked.chunk_size = streaming.chunk_size = chunk;
        masked.num_left_chunks = streaming.num_left_chunks = 2;
        streaming.streaming = true;
        EXPECT_LT(MaxAbsDiff(EncodeUtterance(ctx, model, feats, streaming),
                             EncodeUtterance(ctx, model, feats, masked)),
                  5e-5)
            << segment << " " << chunk << " " << packed;
      }
    }
  }
}

// A frame costs one expert.
TEST(Segment, ActiveParameters) {
  AsrModel segment(Model("segment", 16));
  ModelConfig config = Model("switch", 16);
  AsrModel plain(config);
  EXPECT_EQ(segment.NumActiveParams(), plain.NumActiveParams());
  EXPECT_EQ(segment.NumParams(), plain.NumParams());
}

TEST(Segment, Refusals) {
  const auto check = [](const std::function<void(ModelConfig *)> &change) {
    ModelConfig c = Model("segment", 16);
    change(&c);
    return ErrorOf([&] { CheckConfig(c); });
  };
  EXPECT_EQ(check([](ModelConfig *) {}), "(no error)");
  EXPECT_NE(check([](ModelConfig *c) { c->encoder.ffn.experts_per_frame = 2; }).find("1 to 1"),
            std::string::npos);
  EXPECT_HAS(check([](ModelConfig *c) {
               c->encoder.ffn.router = "switch";
               c->encoder.ffn.router_segment = 4;
             }),
             "router-segment=4 is not read by router=switch");
  EXPECT_HAS(check([](ModelConfig *c) { c->encoder.ffn.router_heads = 4; }), "only by read-me");
  EXPECT_HAS(check([](ModelConfig *c) { c->encoder.ffn.capacity_factor = 1; }),
             "all experts at once");
  EXPECT_NE(check([](ModelConfig *c) { c->encoder.ffn.router_segment = 0; }).find("router-segment"),
            std::string::npos);
  EXPECT_NE(check([](ModelConfig *c) {
              c->encoder.ffn.bank = "shared-plus-routed";
              c->encoder.ffn.num_shared_experts = 1;
            }).find("bank=full"),
            std::string::npos);
  EXPECT_NE(check([](ModelConfig *c) {
              c->decoder.ffn = c->encoder.ffn;
            }).find("decoder-router=segment is for encoders"),
            std::string::npos);
  EXPECT_NE(
      check([](ModelConfig *c) { c->encoder.ffn.router = "smear"; }).find("dynamic-chunk=false"),
      std::string::npos);
}

}  // namespace
}  // namespace u2moe
