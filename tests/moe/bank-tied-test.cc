// What the battery cannot see of the tied bank: it has it with as many experts as choices.
#include "moe/bank-tied.h"

#include "layer/ref/feed-forward.h"
#include "moe/feed-forward-factory.h"
#include "moe/mixture-stack.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 4;
constexpr int kChoices = 5, kExperts = 2, kMap[kChoices] = {1, 0, 1, 1, 0};

FeedForwardConfig Config(bool tied) {
  FeedForwardConfig c;
  c.hidden_dim = 3;
  c.num_experts = kChoices;
  c.experts_per_frame = 3;
  c.bank = tied ? "tied" : "full";
  c.num_shared_experts = tied ? kExperts : 0;
  return c;
}

// The tied mixture, and the full one whose experts are copies of the same ones.
void MakeBoth(Rng *rng, MixtureStack *tied, MixtureStack *full) {
  RandomizeParams(rng, tied);
  for (int e = 0; e < kChoices; ++e) {
    FindParam(tied, "layers.0.expert_map")->Data()[e] =
        TiedBank::MapEntry(kChoices, kExperts, e, kMap[e]);
    for (const char *name : {".w_1.weight", ".w_1.bias", ".w_2.weight", ".w_2.bias"}) {
      *FindParam(full, Cat("layers.0.experts.", e, name)) =
          *FindParam(tied, Cat("layers.0.experts.", kMap[e], name));
    }
  }
  *FindParam(full, "layers.0.gate.weight") = *FindParam(tied, "layers.0.gate.weight");
}

// As copies of the experts under the same router, forward and all gradients: the copies' sum.
TEST(TiedBank, IsTheBankOfCopies) {
  const Context ctx;
  Rng rng(7);
  MixtureStack tied(kDim, Config(true), 1), full(kDim, Config(false), 1);
  MakeBoth(&rng, &tied, &full);
  MixtureStack dtied(kDim, Config(true), 1), dfull(kDim, Config(false), 1);
  FillParams(0, &dtied);
  FillParams(0, &dfull);
  Tensor y = RandomTensor(&rng, 17, kDim), z = y, dy = RandomTensor(&rng, 17, kDim), dz = dy;
  RoutingState state;
  MixtureStack::Tape tape;
  tied.Forward(ctx, RouteCall(), &y, &tape, &state);
  tied.Backward(ctx, tape, state, &dy, &dtied);
  MixtureStack::Tape full_tape;
  full.Forward(ctx, RouteCall(), &z, &full_tape, &state);
  full.Backward(ctx, full_tape, state, &dz, &dfull);
  EXPECT_LT(MaxAbsDiff(y, z), 1e-6);
  EXPECT_LT(MaxAbsDiff(dy, dz), 1e-5);
  EXPECT_LT(MaxAbsDiff(*FindParam(&dtied, "layers.0.gate.weight"),
                       *FindParam(&dfull, "layers.0.gate.weight")),
            1e-5);
  for (int n = 0; n < kExperts; ++n) {
    for (const char *name : {".w_1.weight", ".w_1.bias", ".w_2.weight", ".w_2.bias"}) {
      const Tensor &got = *FindParam(&dtied, Cat("layers.0.experts.", n, name));
      Tensor want = Tensor::ZerosLike(got);
      for (int e = 0; e < kChoices; ++e) {
        if (kMap[e] != n) continue;
        const Tensor &copy = *FindParam(&dfull, Cat("layers.0.experts.", e, name));
        for (int64_t i = 0; i < want.Size(); ++i) want.Data()[i] += copy.Data()[i];
      }
      EXPECT_LT(MaxAbsDiff(got, want), 1e-5) << n << name;
    }
  }
}

// A fresh map gives each expert its share of neighbours; a damaged one is told.
TEST(TiedBank, Map) {
  for (const int choices : {1, 2, 5, 8}) {
    for (int n = 1; n <= choices; ++n) {
      std::vector<int> used(static_cast<size_t>(n), 0);
      for (int e = 0; e < choices; ++e) {
        const int to = e * n / choices;
        EXPECT_EQ(TiedBank::MapEntry(choices, n, e, to), 0);
        ++used[static_cast<size_t>(to)];
      }
      for (const int count : used) EXPECT_GE(count, 1);
    }
  }
  Rng rng(8);
  MixtureStack tied(kDim, Config(true), 1), full(kDim, Config(false), 1);
  MakeBoth(&rng, &tied, &full);
  Tensor x = RandomTensor(&rng, 3, kDim);
  RoutingState state;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), 3e9f, -2.f, 2.f, 0.5f}) {
    FindParam(&tied, "layers.0.expert_map")->Data()[0] = bad;
    EXPECT_THROW(tied.Forward(Context(), RouteCall(), &x, nullptr, &state), DataError) << bad;
  }
}

}  // namespace
}  // namespace u2moe
