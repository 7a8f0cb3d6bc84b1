#include "moe/moe-feed-forward.h"

#include <limits>

#include "moe/feed-forward-factory.h"
#include "moe/ref/moe-feed-forward.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 5, kHidden = 4;

struct Case {
  int64_t rows;
  int num_experts, num_choices;
  Activation activation;
  bool bias;
  float dropout;
};

MoeFeedForward Make(const Case &c) {
  FeedForwardConfig config;
  config.hidden_dim = kHidden;
  config.num_experts = c.num_experts;
  config.experts_per_frame = c.num_choices;
  config.activation = c.activation;
  config.bias = c.bias;
  return MoeFeedForward(kDim, config, c.dropout, nullptr);
}

// The smallest distance to a tie of the chosen with the rejected, and of a hidden value of a chosen
// expert to the kink of ReLU.
double Margin(const Case &c, const RefParams &params, const RefMatrix &x) {
  const RefMatrix logits = ref::Linear(params, "gate.", x),
                  gates = ref::TopKGates(logits, c.num_choices);
  double margin = 1;
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t e = 0; e < c.num_experts; ++e) {
      if (gates(t, e) == 0) continue;
      for (int64_t o = 0; o < c.num_experts; ++o) {
        if (gates(t, o) == 0) margin = std::min(margin, logits(t, e) - logits(t, o));
      }
    }
  }
  for (int e = 0; c.activation == Activation::kRelu && e < c.num_experts; ++e) {
    for (double v : ref::Linear(params, Cat("experts.", e, ".w_1."), x).data)
      margin = std::min(margin, std::fabs(v));
  }
  return margin;
}

// Dropout of each expert on all rows: its mask covers the rows that chose it, in order.
std::vector<RefMatrix> Factors(const DropoutMask &mask, const RefMatrix &gates) {
  std::vector<RefMatrix> factors;
  for (int64_t e = 0; e < gates.cols; ++e) {
    Tensor ones(gates.rows, kHidden);
    std::fill_n(ones.Data(), ones.Size(), 1.f);
    DropoutMask{SubSeed(mask.seed, static_cast<uint64_t>(e)), mask.rate}.Apply(Context(), ones);
    RefMatrix f(gates.rows, kHidden);
    int64_t row = 0;
    for (int64_t t = 0; t < gates.rows; ++t) {
      if (gates(t, e) == 0) continue;
      for (int64_t j = 0; j < kHidden; ++j) f(t, j) = ones(row, j);
      ++row;
    }
    factors.push_back(f);
  }
  return factors;
}

struct Sink : RouteSink {
  void OnRoute(ConstView logits, Span<int32_t> e, Span<float> g) override {
    ++calls;
    rows = logits.Rows();
    experts.assign(e.begin(), e.end());
    gates.assign(g.begin(), g.end());
  }
  int calls = 0;
  int64_t rows = 0;
  std::vector<int32_t> experts;
  std::vector<float> gates;
};

// One row, experts without rows (two rows, eight experts), soft mixtures (K = E), one choice.
TEST(MoeFeedForward, IsTheReferenceWithItsGradients) {
  Context ctx;
  Rng rng(14);
  for (const Case &c : {Case{1, 4, 2, Activation::kSwish, true, 0},
                        {2, 8, 2, Activation::kSwish, true, 0},
                        {9, 4, 2, Activation::kRelu, true, 0},
                        {9, 4, 2, Activation::kSwish, false, 0.3f},
                        {6, 3, 3, Activation::kSwish, true, 0},
                        {7, 5, 3, Activation::kSwish, true, 0.5f},
                        {5, 3, 1, Activation::kRelu, true, 0}}) {
    SCOPED_TRACE(Cat(c.rows, " rows, ", c.num_choices, " of ", c.num_experts, ", ",
                     ToString(c.activation), " dropout ", c.dropout));
    MoeFeedForward layer = Make(c), grad = Make(c);
    Tensor start;
    do {
      RandomizeParams(&rng, &layer);
      start = RandomTensor(&rng, c.rows, kDim);
    } while (Margin(c, ParamsOf(&layer), RefMatrix(start)) < 2e-3);
    FillParams(kGradStart, &grad);
    GuardedMatrix x(start, 3), y(c.rows, kDim, 3), dx(c.rows, kDim, 3),
        dy(RandomTensor(&rng, c.rows, kDim), 3);
    DropoutSeeds seeds(5), same_seeds(5);
    std::unique_ptr<FeedForwardTape> tape;
    Sink sink;
    layer.Forward(ctx, x, y, &tape, &seeds, &sink);
    layer.Backward(ctx, x, *tape, dy, &grad, dx, nullptr);
    EXPECT_TRUE(WrittenInside(&y) && WrittenInside(&dx));

    RefParams params = ParamsOf(&layer);
    RefMatrix ref_x(start);
    const RefMatrix upstream(dy.View()),
        gates = ref::TopKGates(ref::Linear(params, "gate.", ref_x), c.num_choices);
    std::vector<RefMatrix> factors;
    if (c.dropout > 0) factors = Factors(DropoutMask::Draw(&same_seeds, c.dropout), gates);
    const auto forward = [&] {
      return ref::MoeFeedForward(params, "", c.num_choices, c.activation, ref_x, factors);
    };
    const auto loss = [&] { return ref::Dot(upstream, forward()); };
    EXPECT_LT(MaxAbsDiff(y, forward()), 1e-5);
    EXPECT_LT(GradientError(loss, &ref_x, dx), 2e-4);
    ExpectParamGradients(&grad, &params, loss, 2e-4);

    // The sink hears the gates of the reference.
    EXPECT_EQ(sink.calls, 1);
    EXPECT_EQ(sink.rows, c.rows);
    for (size_t i = 0; i < sink.experts.size(); ++i) {
      const int64_t t = static_cast<int64_t>(i) / c.num_choices;
      EXPECT_NEAR(sink.gates[i], gates(t, sink.experts[i]), 1e-5);
    }
    // Experts without rows get no gradient at all.
    for (int e = 0; e < c.num_experts; ++e) {
      if (std::count(sink.experts.begin(), sink.experts.end(), e)) continue;
      const Tensor *g = FindParam(&grad, Cat("experts.", e, ".w_1.weight"));
      for (int64_t i = 0; i < g->Size(); ++i) EXPECT_EQ(g->Data()[i], kGradStart);
    }
  }
}

TEST(MoeFeedForward, AllRowsOnOneExpert) {
  Context ctx;
  Rng rng(15);
  const Case c{8, 4, 1, Activation::kSwish, true, 0};
  MoeFeedForward layer = Make(c);
  RandomizeParams(&rng, &layer);
  Tensor x = RandomTensor(&rng, c.rows, kDim);
  Tensor *gate = FindParam(&layer, "gate.weight");
  for (int64_t t = 0; t < c.rows; ++t) x(t, 0) = 1;
  (*gate)(2, 0) = 100;
  Sink sink;
  Tensor y(c.rows, kDim);
  layer.Forward(ctx, x, y, nullptr, nullptr, &sink);
  EXPECT_EQ(sink.experts, std::vector<int32_t>(8, 2));
  EXPECT_LT(MaxAbsDiff(y, ref::FeedForward(ParamsOf(&layer), "experts.2.", c.activation,
                                           RefMatrix(x), RefMatrix())),
            1e-5);
}

// Copies of one expert are that expert, whatever the router says.
TEST(MoeFeedForward, EqualExpertsAreTheDenseBlock) {
  Context ctx;
  Rng rng(16);
  const Case c{31, 8, 2, Activation::kSwish, true, 0};
  MoeFeedForward layer = Make(c);
  DenseFeedForward dense(kDim, kHidden, c.activation, c.bias, 0);
  RandomizeParams(&rng, &layer);
  RandomizeParams(&rng, &dense);
  ForEachParam(&dense, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    for (int e = 0; e < c.num_experts; ++e) *FindParam(&layer, Cat("experts.", e, ".", name)) = *t;
  });
  const Tensor x = RandomTensor(&rng, c.rows, kDim);
  Tensor y(c.rows, kDim), want(c.rows, kDim);
  layer.Forward(ctx, x, y, nullptr, nullptr, nullptr);
  dense.Forward(ctx, x, want, nullptr, nullptr, nullptr);
  EXPECT_LT(MaxAbsDiff(y, want), 1e-5);
}

// The order of experts means nothing.
TEST(MoeFeedForward, PermutedExpertsAreTheSame) {
  Context ctx;
  Rng rng(17);
  const Case c{31, 6, 2, Activation::kSwish, true, 0};
  MoeFeedForward layer = Make(c), permuted = Make(c);
  RandomizeParams(&rng, &layer);
  std::vector<int> order = {0, 1, 2, 3, 4, 5};
  rng.Shuffle(&order);
  for (int e = 0; e < c.num_experts; ++e) {
    const int from = order[static_cast<size_t>(e)];
    for (const char *name : {"w_1.weight", "w_1.bias", "w_2.weight", "w_2.bias"}) {
      *FindParam(&permuted, Cat("experts.", e, ".", name)) =
          *FindParam(&layer, Cat("experts.", from, ".", name));
    }
    std::copy_n(FindParam(&layer, "gate.weight")->View().Row(from), kDim,
                FindParam(&permuted, "gate.weight")->View().Row(e));
  }
  const Tensor x = RandomTensor(&rng, c.rows, kDim);
  Tensor y(c.rows, kDim), want(c.rows, kDim);
  Sink sink, want_sink;
  permuted.Forward(ctx, x, y, nullptr, nullptr, &sink);
  layer.Forward(ctx, x, want, nullptr, nullptr, &want_sink);
  EXPECT_LT(MaxAbsDiff(y, want), 1e-5);
  for (size_t i = 0; i < sink.experts.size(); ++i)
    EXPECT_EQ(order[static_cast<size_t>(sink.experts[i])], want_sink.experts[i]);
}

TEST(MoeFeedForward, SameSeedSameMask) {
  Context ctx;
  Rng rng(18);
  const Case c{12, 4, 2, Activation::kSwish, true, 0.5f};
  MoeFeedForward layer = Make(c);
  RandomizeParams(&rng, &layer);
  const Tensor x = RandomTensor(&rng, c.rows, kDim);
  const auto run = [&](uint64_t seed, bool with_tape) {
    DropoutSeeds seeds(seed);
    std::unique_ptr<FeedForwardTape> tape;
    Tensor y(c.rows, kDim);
    layer.Forward(ctx, x, y, with_tape ? &tape : nullptr, seed ? &seeds : nullptr, nullptr);
    return y;
  };
  EXPECT_EQ(MaxAbsDiff(run(1, true), run(1, true)), 0);
  EXPECT_EQ(MaxAbsDiff(run(0, true), run(0, false)), 0);
  EXPECT_GT(MaxAbsDiff(run(1, true), run(2, true)), 1e-3);
  EXPECT_GT(MaxAbsDiff(run(1, true), run(0, true)), 1e-3);
}

TEST(MoeFeedForward, NoRowsAndNan) {
  Context ctx;
  Rng rng(19);
  const Case c{3, 4, 2, Activation::kSwish, true, 0};
  MoeFeedForward layer = Make(c), grad = Make(c);
  RandomizeParams(&rng, &layer);
  FillParams(kGradStart, &grad);
  Tensor empty(0, kDim), y(0, kDim);
  std::unique_ptr<FeedForwardTape> tape;
  layer.Forward(ctx, empty, y, &tape, nullptr, nullptr);
  layer.Backward(ctx, empty, *tape, y, &grad, y, nullptr);
  EXPECT_EQ((*FindParam(&grad, "gate.weight"))(0, 0), kGradStart);

  Tensor x = RandomTensor(&rng, c.rows, kDim), out(c.rows, kDim);
  x(1, 1) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(layer.Forward(ctx, x, out, nullptr, nullptr, nullptr), DataError);
}

TEST(MakeFeedForward, DenseOrMixture) {
  FeedForwardConfig config;
  config.hidden_dim = 6;
  EXPECT_EQ(MakeFeedForward(4, config, 0, nullptr)->NumActiveParams(), 2 * 24 + 6 + 4);
  config.num_experts = 8;
  EXPECT_EQ(MakeFeedForward(4, config, 0, nullptr)->NumActiveParams(),
            8 * 4 + 2 * (2 * 24 + 6 + 4));
  config.router = "none";
  EXPECT_THROW(MakeFeedForward(4, config, 0, nullptr), DataError);
}

}  // namespace
}  // namespace u2moe
