#include "model/sublayer.h"

#include "layer/linear.h"
#include "ops/ref/layer-norm.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

// A sub-layer around a linear map, as a layer with parameters.
struct Residual {
  LayerNorm norm{5};
  Linear linear{5, 5};
  void VisitParams(ParamVisitor *v) {
    v->Scope("norm", &norm);
    v->Scope("linear", &linear);
  }
};

TEST(Sublayer, IsTheReferenceWithItsGradients) {
  Context ctx;
  Rng rng(1);
  for (const float scale : {1.f, 0.5f}) {
    for (const float rate : {0.f, 0.4f}) {
      for (const int64_t rows : {1, 7}) {
        SCOPED_TRACE(Cat("scale ", scale, " dropout ", rate, " rows ", rows));
        Residual layer, grad;
        RandomizeParams(&rng, &layer);
        FillParams(kGradStart, &grad);
        const Tensor start = RandomTensor(&rng, rows, 5), dy = RandomTensor(&rng, rows, 5);
        const auto run = [&](DropoutSeeds *seeds, SublayerTape *tape) {
          Tensor x = start;
          SublayerForward(
              ctx, layer.norm, scale, rate, seeds, &x, tape,
              [&](ConstView in, const LayerOutput &out) { layer.linear.Forward(ctx, in, out); });
          return x;
        };
        DropoutSeeds seeds(9), same_seeds(9);
        SublayerTape tape;
        const Tensor y = run(&seeds, &tape);
        Tensor dx = dy;
        SublayerBackward(ctx, layer.norm, scale, tape, &grad.norm, &dx,
                         [&](ConstView d, View dnormed) {
                           layer.linear.Backward(ctx, tape.normed, d, &grad.linear, dnormed);
                         });

        Tensor ones(rows, 5);
        std::fill_n(ones.Data(), ones.Size(), 1.f);
        DropoutMask::Draw(&same_seeds, rate).Apply(ctx, ones);
        const RefMatrix factors(ones), upstream(dy);
        RefParams params = ParamsOf(&layer);
        RefMatrix ref_x(start);
        const auto forward = [&](bool dropout) {
          const RefMatrix branch = ref::Linear(
              params, "linear.",
              ref::LayerNorm(ref_x, params["norm.weight"], params["norm.bias"], double{1e-5f}));
          RefMatrix want = ref_x;
          for (size_t i = 0; i < want.data.size(); ++i)
            want.data[i] += scale * (dropout ? factors.data[i] : 1) * branch.data[i];
          return want;
        };
        const auto loss = [&] { return ref::Dot(upstream, forward(true)); };
        EXPECT_LT(MaxAbsDiff(y, forward(true)), 1e-5);
        EXPECT_LT(GradientError(loss, &ref_x, dx), 1e-4);
        ExpectParamGradients(&grad, &params, loss, 1e-4);
        // Inference, and training without seeds, know no dropout.
        EXPECT_LT(MaxAbsDiff(run(nullptr, nullptr), forward(false)), 1e-5);
        EXPECT_LT(MaxAbsDiff(run(nullptr, &tape), forward(false)), 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace u2moe
