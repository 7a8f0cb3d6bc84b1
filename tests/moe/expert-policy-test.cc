#include "moe/expert-policy.h"

#include <cmath>
#include <set>

#include "moe/moe-feed-forward.h"
#include "moe/ref/moe-feed-forward.h"
#include "moe/router-topk-softmax.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

// What topk-softmax makes of logits.
class Fixed : public TopKSoftmaxRouter {
 public:
  static RouterConfig Config(const Routes &r) {
    RouterConfig c;
    c.dim = 1;
    c.num_experts = static_cast<int>(r.logits.Cols());
    c.num_choices = 1;
    return c;
  }
  explicit Fixed(const Routes &r) : TopKSoftmaxRouter(Config(r)) {}
};

void TopK(int num_choices, Routes *r) {
  r->max_slots = num_choices;
  r->experts.assign(r->Begin(r->logits.Rows()), 0);
  r->gates.resize(r->experts.size());
  const Fixed router(*r);
  router.Select(0, r->logits.Rows(), nullptr, r);
  router.Gate(0, r->logits.Rows(), r);
}

// Few distinct values, so that ties are frequent.
Routes RandomRoutes(Rng *rng, int64_t rows, int num_experts, int num_choices, bool ties) {
  Routes r;
  r.logits = RandomTensor(rng, rows, num_experts);
  if (ties) {
    for (int64_t i = 0; i < r.logits.Size(); ++i)
      r.logits.Data()[i] = static_cast<float>(rng->UniformInt(-1, 1));
  }
  TopK(num_choices, &r);
  return r;
}

// What a row works with: experts in falling order of logit.
using Row = std::vector<int32_t>;

// The n best of a set of experts by repeated search.
Row Best(const Routes &r, int64_t t, size_t n, const std::set<int32_t> &open) {
  std::set<int32_t> left = open;
  Row row;
  while (row.size() < n && !left.empty()) {
    int32_t best = *left.begin();  // sets rise, so ties go to the lower id
    for (int32_t e : left) {
      if (r.logits(t, e) > r.logits(t, best)) best = e;
    }
    row.push_back(best);
    left.erase(best);
  }
  return row;
}

std::vector<double> Gates(const Routes &r, int64_t t, const Row &row) {
  std::vector<double> gates;
  double sum = 0;
  for (int32_t e : row) sum += std::exp(static_cast<double>(r.logits(t, e)));
  for (int32_t e : row) gates.push_back(std::exp(static_cast<double>(r.logits(t, e))) / sum);
  return gates;
}

// The header's four steps, one row and one expert at a time.
std::vector<Row> Naive(const MixturePolicy &p, const std::vector<int64_t> &ends,
                       const CachedVector<bool> &exited, const Routes &r) {
  const int32_t num_experts = static_cast<int32_t>(r.logits.Cols());
  std::set<int32_t> all;
  for (int32_t e = 0; e < num_experts; ++e) all.insert(e);
  std::vector<Row> rows;
  for (int64_t t = 0; t < r.logits.Rows(); ++t) {
    Row row = Best(r, t, static_cast<size_t>(r.max_slots), all);
    if (exited[static_cast<size_t>(t)]) row.clear();
    if (!row.empty() && static_cast<float>(Gates(r, t, row)[0]) >= p.skip_gate) row.resize(1);
    rows.push_back(row);
  }
  int64_t begin = 0;
  for (int64_t end : ends) {
    for (int step = 0; step < 2; ++step) {
      const int limit = step == 0 ? p.chunk_experts : p.expert_budget;
      if (limit == 0) continue;
      std::set<int32_t> open;
      if (step == 0) {
        while (static_cast<int>(open.size()) < std::min(limit, num_experts)) {
          int32_t best = -1;
          double best_sum = -1;
          for (int32_t e : all) {
            if (open.count(e)) continue;
            double sum = 0;
            for (int64_t t = begin; t < end; ++t) {
              const Row &row = rows[static_cast<size_t>(t)];
              const std::vector<double> gates = Gates(r, t, row);
              for (size_t i = 0; i < row.size(); ++i) sum += row[i] == e ? gates[i] : 0;
            }
            if (sum > best_sum + 1e-6) {  // equal but for rounding: the lower id
              best_sum = sum;
              best = e;
            }
          }
          open.insert(best);
        }
      } else {
        std::set<std::pair<int64_t, size_t>> done;
        while (static_cast<int>(open.size()) < limit) {
          std::pair<int64_t, size_t> best{-1, 0};
          double best_gate = -1;
          for (int64_t t = begin; t < end; ++t) {
            const std::vector<double> gates = Gates(r, t, rows[static_cast<size_t>(t)]);
            for (size_t i = 0; i < gates.size(); ++i) {
              if (done.count({t, i}) || gates[i] <= best_gate + 1e-6) continue;
              best = {t, i};
              best_gate = gates[i];
            }
          }
          if (best.first < 0) break;
          done.insert(best);
          open.insert(rows[static_cast<size_t>(best.first)][best.second]);
        }
      }
      for (int64_t t = begin; t < end; ++t) {
        Row &row = rows[static_cast<size_t>(t)];
        row = Best(r, t, row.size(), open);
      }
    }
    begin = end;
  }
  return rows;
}

void ApplyToOneChunk(const MixturePolicy &policy, Routes *routes) {
  const std::vector<int64_t> ends = {routes->logits.Rows()};
  RouteCall call;
  call.chunk_ends = ends;
  ApplyExpertPolicy(policy, call, Fixed(*routes), routes);
}

TEST(ApplyExpertPolicy, IsTheNaiveOne) {
  Rng rng(31);
  int moved = 0, emptied = 0;
  for (int round = 0; round < 600; ++round) {
    const int num_experts = static_cast<int>(rng.UniformInt(1, 9));
    const int k = static_cast<int>(rng.UniformInt(1, std::min(3, num_experts)));
    const int64_t num_rows = round % 10 == 0 ? 1 : rng.UniformInt(1, 24);
    Routes r = RandomRoutes(&rng, num_rows, num_experts, k, round % 2 == 0);
    const Routes before = r;
    MixturePolicy p;
    if (round % 3 > 0) p.skip_gate = static_cast<float>(rng.Uniform(0, 1.2));
    p.chunk_experts = static_cast<int>(rng.UniformInt(0, num_experts + 1));
    p.expert_budget = static_cast<int>(rng.UniformInt(0, num_experts + 1));
    std::vector<int64_t> ends;
    for (int64_t end = 0; end < num_rows;) {
      end = std::min(num_rows, end + rng.UniformInt(1, 9));
      ends.push_back(end);
    }
    CachedVector<bool> exited(static_cast<size_t>(num_rows), false);
    RouteCall call;
    call.chunk_ends = ends;
    if (round % 4 == 1) {
      for (size_t t = 0; t < exited.size(); ++t) exited[t] = rng.Uniform() < 0.4;
      call.exited = &exited;
    }
    ApplyExpertPolicy(p, call, Fixed(r), &r);
    const std::vector<Row> want = Naive(p, ends, exited, before);
    ASSERT_EQ(r.experts.size(), before.experts.size());
    for (int64_t t = 0; t < num_rows; ++t) {
      const Row &row = want[static_cast<size_t>(t)];
      const std::vector<double> gates = Gates(before, t, row);
      for (size_t i = 0; i < static_cast<size_t>(k); ++i) {
        const size_t at = static_cast<size_t>(t) * static_cast<size_t>(k) + i;
        ASSERT_EQ(r.experts[at], i < row.size() ? row[i] : kNoExpert) << round << " row " << t;
        ASSERT_NEAR(r.gates[at], i < row.size() ? gates[i] : 0, 1e-6);
        moved += i < row.size() && r.experts[at] != before.experts[at];
        emptied += i >= row.size();
      }
    }
  }
  EXPECT_GT(moved, 500);
  EXPECT_GT(emptied, 500);
}

bool SameBits(const Routes &a, const Routes &b) {
  return a.experts == b.experts && a.gates == b.gates;
}

TEST(ApplyExpertPolicy, WhatHasNothingToDoChangesNoBit) {
  Rng rng(32);
  const Routes plain = RandomRoutes(&rng, 23, 8, 2, false);
  for (const MixturePolicy &p :
       {MixturePolicy{}, MixturePolicy{1.01f, 0, 0}, MixturePolicy{2, 8, 0}, MixturePolicy{2, 0, 8},
        MixturePolicy{2, 99, 99}}) {
    Routes r = plain;
    ApplyToOneChunk(p, &r);
    EXPECT_TRUE(SameBits(r, plain));
  }
  // As many as are in use anyway.
  Routes few = plain;
  ApplyToOneChunk({2, 5, 0}, &few);
  Routes again = few;
  ApplyToOneChunk({2, 5, 5}, &again);
  EXPECT_TRUE(SameBits(few, again));
  EXPECT_FALSE(SameBits(few, plain));
}

TEST(ApplyExpertPolicy, WithoutChunksExpertsAreNotLimited) {
  Rng rng(4);
  const Routes plain = RandomRoutes(&rng, 12, 8, 2, true);
  Routes r = plain;
  ApplyExpertPolicy({2, 2, 1}, {}, Fixed(r), &r);
  EXPECT_TRUE(SameBits(r, plain));
}

TEST(ApplyExpertPolicy, ThresholdZeroIsTopOne) {
  Rng rng(33);
  Routes r = RandomRoutes(&rng, 9, 5, 3, true), top;
  top.logits = r.logits;
  TopK(1, &top);
  ApplyToOneChunk({0, 0, 0}, &r);
  for (size_t t = 0; t < 9; ++t) {
    EXPECT_EQ(r.experts[3 * t], top.experts[t]);
    EXPECT_EQ(r.experts[3 * t + 1], kNoExpert);
    EXPECT_EQ(r.experts[3 * t + 2], kNoExpert);
    EXPECT_EQ(r.gates[3 * t], 1);
    EXPECT_EQ(r.gates[3 * t + 1], 0);
  }
}

// By hand: gates of two equal logits are 1/2 each, so the sums tie and the lower ids win.
TEST(ApplyExpertPolicy, TiesGoToTheLowerId) {
  Routes r;
  r.logits = Tensor::Zeros(2, 4);
  r.logits(0, 3) = r.logits(0, 2) = 1;  // row 0: 2, 3; row 1: 0, 1
  TopK(2, &r);
  Routes best = r, budget = r;
  ApplyToOneChunk({2, 2, 0}, &best);
  EXPECT_EQ(best.experts, (CachedVector<int32_t>{0, 1, 0, 1}));
  ApplyToOneChunk({2, 0, 2}, &budget);  // the earlier row loads first
  EXPECT_EQ(budget.experts, (CachedVector<int32_t>{2, 3, 2, 3}));
  EXPECT_EQ(budget.gates, (CachedVector<float>{.5f, .5f, .5f, .5f}));
  ApplyToOneChunk({2, 0, 1}, &r);
  EXPECT_EQ(r.experts, (CachedVector<int32_t>{2, -1, 2, -1}));
  EXPECT_EQ(r.gates, (CachedVector<float>{1, 0, 1, 0}));
}

TEST(ApplyExpertPolicy, ChunksDoNotSeeOneAnother) {
  Rng rng(34);
  const MixturePolicy p{0.8f, 3, 2};
  const std::vector<int64_t> ends = {4, 5, 12};
  Routes all = RandomRoutes(&rng, 12, 8, 2, true);
  CachedVector<int32_t> experts;
  CachedVector<float> gates;
  int64_t begin = 0;
  for (int64_t end : ends) {
    Routes part;
    part.logits = Tensor::Copy(all.logits.View().RowRange(begin, end - begin));
    TopK(2, &part);
    ApplyToOneChunk(p, &part);
    experts.insert(experts.end(), part.experts.begin(), part.experts.end());
    gates.insert(gates.end(), part.gates.begin(), part.gates.end());
    begin = end;
  }
  RouteCall call;
  call.chunk_ends = ends;
  ApplyExpertPolicy(p, call, Fixed(all), &all);
  EXPECT_EQ(all.experts, experts);
  EXPECT_EQ(all.gates, gates);
}

FeedForwardConfig Config(int hidden_dim, int num_experts, int num_choices) {
  FeedForwardConfig config;
  config.hidden_dim = hidden_dim;
  config.num_experts = num_experts;
  config.experts_per_frame = num_choices;
  return config;
}

struct Sink : RouteSink {
  void OnRoute(ConstView, Span<int32_t> e, Span<float>) override {
    experts.assign(e.begin(), e.end());
  }
  bool WantsSkipCost() const override { return wants_cost; }
  void OnSkipCost(const std::vector<double> &c) override { cost = c; }
  bool wants_cost = false;
  std::vector<int32_t> experts;
  std::vector<double> cost;
};

// The gates [T, E] where the experts of each row are given.
RefMatrix GatesOf(const RefMatrix &logits, const std::vector<int32_t> &experts) {
  RefMatrix gates(logits.rows, logits.cols);
  const size_t k = experts.size() / static_cast<size_t>(logits.rows);
  for (int64_t t = 0; t < logits.rows; ++t) {
    double sum = 0;
    for (size_t i = 0; i < k; ++i) {
      const int32_t e = experts[static_cast<size_t>(t) * k + i];
      if (e >= 0) sum += gates(t, e) = std::exp(logits(t, e));
    }
    for (int64_t e = 0; e < logits.cols; ++e) gates(t, e) /= sum > 0 ? sum : 1;
  }
  return gates;
}

RefMatrix Mixture(const RefParams &params, const RefMatrix &x,
                  const std::vector<int32_t> &experts) {
  const RefMatrix gates = GatesOf(ref::Linear(params, "gate.", x), experts);
  RefMatrix y(x.rows, x.cols);
  for (int64_t e = 0; e < gates.cols; ++e) {
    const RefMatrix out =
        ref::FeedForward(params, Cat("experts.", e, "."), Activation::kSwish, x, RefMatrix());
    for (int64_t t = 0; t < y.rows; ++t) {
      for (int64_t d = 0; d < y.cols; ++d) y(t, d) += gates(t, e) * out(t, d);
    }
  }
  return y;
}

// Forward, all gradients and the packed path under each policy and under all together; also where
// all rows are done.
TEST(ExpertPolicy, MixtureIsTheReferenceWithItsGradients) {
  const Context ctx;
  Rng rng(35);
  constexpr int64_t kDim = 5, kRows = 9;
  const std::vector<int64_t> ends = {4, 9};
  const CachedVector<bool> some = {false, true, false, false, true, false, false, false, true},
                           every(9, true);
  struct Case {
    MixturePolicy policy;
    const CachedVector<bool> *exited;
  };
  for (const Case &c :
       {Case{{0.6f, 0, 0}, nullptr}, Case{{0, 0, 0}, nullptr}, Case{{2, 2, 0}, nullptr},
        Case{{2, 0, 3}, nullptr}, Case{{2, 0, 1}, nullptr}, Case{{2, 0, 0}, &some},
        Case{{0.7f, 3, 2}, &some}, Case{{2, 0, 0}, &every}}) {
    SCOPED_TRACE(Cat(c.policy.skip_gate, " ", c.policy.chunk_experts, " ", c.policy.expert_budget));
    MoeFeedForward layer(kDim, Config(4, 6, 2), 0, nullptr),
        grad(kDim, Config(4, 6, 2), 0, nullptr);
    layer.SetPolicy(c.policy);
    RandomizeParams(&rng, &layer);
    FillParams(kGradStart, &grad);
    GuardedMatrix x(RandomTensor(&rng, kRows, kDim), 3), y(kRows, kDim, 3), dx(kRows, kDim, 3),
        dy(RandomTensor(&rng, kRows, kDim), 3);
    Sink sink;
    RouteCall call(&sink);
    call.chunk_ends = ends;
    call.exited = c.exited;
    std::unique_ptr<FeedForwardTape> tape;
    layer.Forward(ctx, x, y, &tape, nullptr, call);
    layer.Backward(ctx, x, *tape, dy, &grad, dx, nullptr);
    EXPECT_TRUE(WrittenInside(&y) && WrittenInside(&dx));

    RefParams params = ParamsOf(&layer);
    RefMatrix ref_x(x.View());
    const RefMatrix upstream(dy.View());
    const auto forward = [&] { return Mixture(params, ref_x, sink.experts); };
    const auto loss = [&] { return ref::Dot(upstream, forward()); };
    EXPECT_LT(MaxAbsDiff(y, forward()), 1e-5);
    if (c.exited == &every) {
      EXPECT_EQ(MaxAbsDiff(dx, Tensor::Zeros(kRows, kDim)), 0);
      EXPECT_EQ(MaxAbsDiff(y, Tensor::Zeros(kRows, kDim)), 0);
      continue;
    }
    EXPECT_LT(GradientError(loss, &ref_x, dx), 2e-4);
    // Where every row has one expert, its gate is 1 whatever the router says.
    const bool alone = c.policy.skip_gate == 0 || c.policy.expert_budget == 1;
    ExpectParamGradients(&grad, &params, loss, 2e-4, alone ? "gate.weight" : "no name");

    // Added to a residual, as inference does it, with weights as they are and packed.
    Tensor sum = RandomTensor(&rng, kRows, kDim);
    RefMatrix want(sum);
    const RefMatrix mixture = forward();
    for (size_t i = 0; i < want.data.size(); ++i) want.data[i] += 0.5 * mixture.data[i];
    Tensor packed_sum = sum;
    layer.Forward(ctx, x, LayerOutput::Add(0.5f, sum), nullptr, nullptr, call);
    EXPECT_LT(MaxAbsDiff(sum, want), 1e-5);
    ForEachParamOrPacked(
        &layer, [](const ParamInfo &, Tensor *) {},
        [](const ParamInfo &, Tensor *weight, PackedMatrix *packed) {
          *packed = PackedMatrix::Pack(*weight, WeightFormat::kFloat32, 0);
        });
    layer.Forward(ctx, x, LayerOutput::Add(0.5f, packed_sum), nullptr, nullptr, call);
    EXPECT_LT(MaxAbsDiff(packed_sum, want), 1e-5);
  }
}

TEST(ExpertPolicy, SkipCostIsTheChangeOfTheOutput) {
  const Context ctx;
  Rng rng(36);
  for (int k : {1, 2, 3}) {
    MoeFeedForward layer(4, Config(6, 5, k), 0, nullptr);
    RandomizeParams(&rng, &layer);
    const Tensor x = RandomTensor(&rng, 7, 4);
    Sink sink;
    sink.wants_cost = true;
    Tensor y(7, 4), alone(7, 4);
    layer.Forward(ctx, x, y, nullptr, nullptr, &sink);
    layer.SetPolicy({0, 0, 0});
    layer.Forward(ctx, x, alone, nullptr, nullptr, nullptr);
    ASSERT_EQ(sink.cost.size(), 7u);
    for (int64_t t = 0; t < 7; ++t) {
      double want = 0;
      for (int64_t d = 0; d < 4; ++d) want += std::pow(y(t, d) - alone(t, d), 2);
      EXPECT_NEAR(sink.cost[static_cast<size_t>(t)], want, 1e-5);
      EXPECT_EQ(want > 0, k > 1);
    }
  }
}

// Rows keep their first experts, with the gates of a router that chose no more: any number of them,
// together with what else a policy does.
TEST(ExpertPolicy, RowExpertsAreThoseOfASmallerRouter) {
  Rng rng(23);
  for (const bool ties : {false, true}) {
    for (int most = 1; most <= 5; ++most) {
      Routes routes = RandomRoutes(&rng, 40, 5, 4, ties), fewer = routes;
      const Routes before = routes;
      MixturePolicy policy;
      policy.row_experts = most;
      ApplyExpertPolicy(policy, RouteCall(), Fixed(routes), &routes);
      TopK(std::min(most, 4), &fewer);
      for (int64_t t = 0; t < 40; ++t) {
        ASSERT_EQ(routes.NumExperts(t), static_cast<size_t>(std::min(most, 4)));
        for (size_t i = 0; i < routes.NumExperts(t); ++i) {
          EXPECT_EQ(routes.experts[routes.Begin(t) + i], fewer.experts[fewer.Begin(t) + i]);
          EXPECT_EQ(routes.gates[routes.Begin(t) + i], fewer.gates[fewer.Begin(t) + i]);
        }
        for (size_t i = routes.NumExperts(t); i < 4; ++i)
          EXPECT_EQ(routes.gates[routes.Begin(t) + i], 0);
      }
      if (most >= 4) {
        EXPECT_EQ(routes.gates, before.gates);
      }
    }
  }
}

}  // namespace
}  // namespace u2moe
