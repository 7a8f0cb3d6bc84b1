#include "layer/convolution-module.h"

#include "layer/ref/convolution-module.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 4;

struct Case {
  std::vector<int64_t> lengths;
  int64_t kernel;
  bool causal, batch_norm;
  Activation activation;
};

// One frame, one-frame sequences, kernels longer than the sequence, kernel 1.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const bool batch_norm : {false, true}) {
    for (const bool causal : {true, false}) {
      cases.push_back({{5, 1, 7}, 3, causal, batch_norm, Activation::kSwish});
      cases.push_back({{2, 3, 1}, 7, causal, batch_norm, Activation::kSwish});
      cases.push_back({{6, 2}, 1, causal, batch_norm, Activation::kSwish});
      cases.push_back({{8}, 5, causal, batch_norm, Activation::kRelu});
    }
  }
  cases.push_back({{1}, 8, true, false, Activation::kSwish});
  cases.push_back({{1}, 5, false, false, Activation::kSwish});
  cases.push_back({{9, 4}, 8, true, false, Activation::kSwish});
  return cases;
}

std::string Describe(const Case &c) {
  return Cat(c.lengths.size(), " sequences, kernel ", c.kernel, c.causal ? " causal" : " symmetric",
             c.batch_norm ? " batch norm " : " layer norm ", ToString(c.activation));
}

// The distance of the nearest value to the kink of ReLU: what stands in front of pointwise 2 when
// that is the identity and the activation is passed over.
double KinkDistance(const Case &c, RefParams params, const RaggedShape &shape, const RefMatrix &x) {
  if (c.activation != Activation::kRelu) return 1;
  RefMatrix &weight = params["pointwise_conv2.weight"];
  for (int64_t i = 0; i < kDim; ++i) {
    for (int64_t j = 0; j < kDim; ++j) weight(i, j) = i == j ? 1 : 0;
    params["pointwise_conv2.bias"](0, i) = 0;
  }
  const auto run = [&] {
    return ref::ConvolutionModule(params, "", c.causal, Activation::kRelu, true, shape, x);
  };
  const RefMatrix positive = run();
  for (const char *name : {"norm.weight", "norm.bias"}) {
    for (double &v : params[name].data) v = -v;
  }
  const RefMatrix negative = run();
  double nearest = 1;
  for (size_t i = 0; i < positive.data.size(); ++i)
    nearest = std::min(nearest, positive.data[i] + negative.data[i]);
  return nearest;
}

TEST(ConvolutionModule, IsTheReferenceWithItsGradients) {
  Context ctx;
  Rng rng(8);
  for (const Case &c : Cases()) {
    SCOPED_TRACE(Describe(c));
    const RaggedShape shape = RaggedShape::FromLengths(c.lengths);
    const int64_t rows = shape.TotalRows();
    ConvolutionModule layer(kDim, c.kernel, c.causal, c.batch_norm, c.activation),
        grad(kDim, c.kernel, c.causal, c.batch_norm, c.activation);
    Tensor start;
    do {
      RandomizeParams(&rng, &layer);
      start = RandomTensor(&rng, rows, kDim);
    } while (KinkDistance(c, ParamsOf(&layer), shape, RefMatrix(start)) < 1e-2);
    FillParams(kGradStart, &grad);
    GuardedMatrix x(start, 3), y(rows, kDim, 3), dx(rows, kDim, 3),
        dy(RandomTensor(&rng, rows, kDim), 3);
    ConvolutionModule::Tape tape;
    layer.Forward(ctx, x, shape, {}, y, &tape, nullptr);
    layer.Backward(ctx, x, shape, tape, dy, &grad, dx);
    EXPECT_TRUE(WrittenInside(&y) && WrittenInside(&dx));

    RefParams params = ParamsOf(&layer);
    RefMatrix ref_x(start);
    const RefMatrix upstream(dy.View());
    const auto forward = [&](bool training) {
      return ref::ConvolutionModule(params, "", c.causal, c.activation, training, shape, ref_x);
    };
    const auto loss = [&] { return ref::Dot(upstream, forward(true)); };
    EXPECT_LT(MaxAbsDiff(y, forward(true)), 2e-5);
    EXPECT_LT(GradientError(loss, &ref_x, dx), 5e-4);
    // Batch norm takes a bias out again.
    ExpectParamGradients(&grad, &params, loss, 5e-4,
                         c.batch_norm ? "depthwise_conv.bias" : "no name");

    // Inference: with the running statistics where there are any.
    Tensor y1(rows, kDim);
    layer.Forward(ctx, x, shape, {}, y1, nullptr, nullptr);
    EXPECT_LT(MaxAbsDiff(y1, forward(false)), 2e-5);
  }
}

TEST(ConvolutionModule, RunningStatisticsMoveAsTorch) {
  Context ctx;
  Rng rng(9);
  const RaggedShape shape = RaggedShape::FromLengths({6, 3});
  ConvolutionModule layer(kDim, 3, false, true, Activation::kSwish);
  RandomizeParams(&rng, &layer);
  const RefParams before = ParamsOf(&layer);
  const Tensor x = RandomTensor(&rng, shape.TotalRows(), kDim);
  Tensor y(shape.TotalRows(), kDim);
  ConvolutionModule::Tape tape;
  layer.Forward(ctx, x, shape, {}, y, &tape, nullptr);
  EXPECT_EQ(ParamsOf(&layer).at("norm.running_mean").data, before.at("norm.running_mean").data);
  layer.Forward(ctx, x, shape, {}, y, &tape, &layer);
  const RefParams after = ParamsOf(&layer);
  RefMatrix mean, var;
  ref::ColumnStats(RefMatrix(tape.conv), &mean, &var);
  for (int64_t d = 0; d < kDim; ++d) {
    EXPECT_NEAR(after.at("norm.running_mean")(0, d),
                0.9 * before.at("norm.running_mean")(0, d) + 0.1 * mean(0, d), 1e-6);
    EXPECT_NEAR(after.at("norm.running_var")(0, d),
                0.9 * before.at("norm.running_var")(0, d) + 0.1 * var(0, d) * 9 / 8, 1e-6);
  }
}

// Two streams side by side with caches give what the layer gives on the whole.
TEST(ConvolutionModule, StreamsAsTheWhole) {
  Context ctx;
  Rng rng(10);
  const RaggedShape shape = RaggedShape::FromLengths({11, 12});
  for (const int64_t kernel : {1, 3, 8, 15}) {
    for (const bool batch_norm : {false, true}) {
      ConvolutionModule layer(kDim, kernel, true, batch_norm, Activation::kSwish);
      RandomizeParams(&rng, &layer);
      const Tensor x = RandomTensor(&rng, shape.TotalRows(), kDim);
      Tensor want(shape.TotalRows(), kDim);
      layer.Forward(ctx, x, shape, {}, want, nullptr, nullptr);
      for (const int64_t chunk : {1, 2, 5, 20}) {
        SCOPED_TRACE(Cat("kernel ", kernel, " chunk ", chunk, " batch norm ", batch_norm));
        ConvolutionCache caches[2];
        for (int64_t begin = 0; begin < shape.MaxLength(); begin += chunk) {
          std::vector<ConvolutionCache *> live;
          std::vector<int> who;
          RaggedShape part;
          Tensor in(2 * chunk, kDim);
          for (int b = 0; b < 2; ++b) {
            const int64_t n = std::min(chunk, shape.Length(b) - begin);
            if (n <= 0) continue;
            std::copy_n(shape.Rows(x.View(), b).Row(begin), n * kDim,
                        in.View().Row(part.TotalRows()));
            live.push_back(&caches[b]);
            who.push_back(b);
            part.Append(n);
          }
          Tensor out(part.TotalRows(), kDim);
          // One whose results nobody takes over leaves no trace.
          const Tensor other = RandomTensor(&rng, part.TotalRows(), kDim);
          layer.Forward(ctx, other, part, live, out, nullptr, nullptr);
          layer.Forward(ctx, in.View().RowRange(0, part.TotalRows()), part, live, out, nullptr,
                        nullptr);
          for (ConvolutionCache *cache : live) cache->Commit();
          for (int i = 0; i < part.NumSequences(); ++i) {
            const ConstView part_want = shape.Rows(want.View(), who[static_cast<size_t>(i)]);
            EXPECT_LT(
                MaxAbsDiff(part.Rows(out.View(), i), part_want.RowRange(begin, part.Length(i))),
                1e-5)
                << "frame " << begin;
            EXPECT_EQ(live[static_cast<size_t>(i)]->rows.Rows(), kernel - 1);
          }
        }
      }
    }
  }
}

TEST(ConvolutionModule, SequencesDoNotMix) {
  Context ctx;
  Rng rng(11);
  const RaggedShape shape = RaggedShape::FromLengths({5, 1, 9});
  for (const bool causal : {true, false}) {
    ConvolutionModule layer(kDim, 5, causal, false, Activation::kSwish);
    RandomizeParams(&rng, &layer);
    const Tensor x = RandomTensor(&rng, shape.TotalRows(), kDim);
    Tensor y(shape.TotalRows(), kDim);
    layer.Forward(ctx, x, shape, {}, y, nullptr, nullptr);
    for (int b = 0; b < shape.NumSequences(); ++b) {
      Tensor alone(shape.Length(b), kDim);
      layer.Forward(ctx, shape.Rows(x.View(), b), RaggedShape::Single(shape.Length(b)), {}, alone,
                    nullptr, nullptr);
      EXPECT_LT(MaxAbsDiff(alone, shape.Rows(y.View(), b)), 1e-6) << b;
    }
  }
}

}  // namespace
}  // namespace u2moe
