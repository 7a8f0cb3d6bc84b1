// What every router and every bank of experts promises: a table of subjects (each router with the
// full bank, each bank with topk-softmax, and some of both) and a table of checks. A check asks the
// traits whether it is meant. At the end the table of both is printed.
#include <cctype>
#include <cstdio>
#include <map>
#include <numeric>

#include "lab/route-stats.h"
#include "moe/battery-models.h"
#include "moe/battery-random.h"
#include "moe/battery.h"
#include "moe/mixture-stack.h"

namespace u2moe {
namespace {

// The largest difference; closed experts have logits of -infinity in both.
double LogitsDiff(const Tensor &a, const RefMatrix &b) {
  double largest = 0;
  for (int64_t t = 0; t < a.Rows(); ++t) {
    for (int64_t e = 0; e < a.Cols(); ++e) {
      if (a(t, e) != b(t, e)) largest = std::max(largest, std::fabs(a(t, e) - b(t, e)));
    }
  }
  return largest;
}

// The largest entry of the gradients that were added to the router's parameters.
double LargestRouterGradient(MixtureStack *grad) {
  double largest = 0;
  ForEachParam(grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    for (int64_t i = 0; IsRouterParam(name) && i < t->Size(); ++i)
      largest = std::max(largest, std::fabs(static_cast<double>(t->Data()[i]) - kGradStart));
  });
  return largest;
}

// Forward and all gradients of three mixtures against the reference, in training (with its noise),
// under a policy or none, with losses on the routes or none.
void ExpectGradients(Rng *rng, const FeedForwardConfig &config, int64_t rows,
                     const MixturePolicy &policy, bool exits) {
  SCOPED_TRACE(Cat(rows, " rows, ", config.experts_per_frame, " of ", config.num_experts, ", aux ",
                   config.balance_weight, ", policy ", policy.skip_gate, " ", policy.chunk_experts,
                   " ", policy.expert_budget, exits ? " exits" : ""));
  const Context ctx;
  MixtureStack stack = RandomStack(rng, config), grad(kDim, config, kLayers);
  FillParams(kGradStart, &grad);
  stack.SetPolicy(policy);
  const RaggedShape shape = RaggedShape::FromLengths({rows / 2, rows - rows / 2});
  const std::vector<SequenceFacts> facts = {{5, 0, true, 0}, {6, 3, true, 1}};
  const std::vector<int64_t> ends = {rows - rows / 2, rows};
  CachedVector<bool> exited(static_cast<size_t>(rows), false);
  for (size_t t = 1; t < exited.size(); t += 3) exited[t] = true;
  ComputedRoutes computed;
  RouteCall call(&computed);
  call.shape = &shape;
  call.sequences = facts;
  call.chunk_ends = ends;
  if (exits) call.exited = &exited;
  const double scale = 1.7;
  const Tensor start = RandomTensor(rng, rows, kDim), upstream = RandomTensor(rng, rows, kDim);
  Tensor y = start, dx = upstream;
  RoutingState routing;
  MixtureStack::Tape tape;
  stack.Forward(ctx, call, &y, &tape, &routing);
  ComputeAuxLosses(Context(), scale, &routing);
  stack.Backward(ctx, tape, routing, &dx, &grad);

  RefParams params = ParamsOf(&stack);
  RefMatrix x(start);
  const RefMatrix up(upstream);
  const std::vector<RefMatrix> offsets = Offsets(config, call, rows);
  const auto forward = [&] { return RefForward(params, config, computed, routing, offsets, x); };
  const auto loss = [&] {
    const RefStack r = forward();
    return ref::Dot(up, r.y) + scale * r.aux;
  };
  const RefStack want = forward();
  EXPECT_LT(MaxAbsDiff(y, want.y), 2e-5);
  for (size_t l = 0; l < routing.layers.size(); ++l) {
    const Routes &r = routing.layers[l].routes;
    EXPECT_EQ(routing.layers[l].mixture, static_cast<int>(l));
    EXPECT_LT(LogitsDiff(r.logits, want.logits[l]), 1e-5);
    const std::vector<int32_t> &experts = computed.experts[l];
    for (size_t i = 0; i < experts.size(); ++i) {
      const int64_t t = static_cast<int64_t>(i) / r.max_slots;
      EXPECT_NEAR(computed.gates[l][i], experts[i] < 0 ? 0 : want.gates[l](t, experts[i]), 1e-5);
    }
  }
  EXPECT_LT(GradientError(loss, &x, dx), 5e-4);
  ForEachParam(&grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    Tensor added = *t;
    for (int64_t i = 0; i < added.Size(); ++i) added.Data()[i] -= kGradStart;
    // Where gates are constant, the router's gradient is rounding only.
    const double tolerance =
        IsRouterParam(name) && LargestRouterGradient(&grad) < 1e-4 ? 2e-2 : 1e-3;
    EXPECT_LT(GradientError(loss, &params.at(name), added), tolerance) << name;
  });
}

bool Gradients(const Subject &s) {
  if (s.Router().merges) return false;  // segment-test
  Rng rng(1);
  FeedForwardConfig config = s.config;
  for (const bool aux : {false, true}) {
    const bool weigh = aux && s.Router().learns;
    config.balance_weight = weigh ? 0.6f : 0;
    config.z_weight = weigh ? 0.3f : 0;
    config.importance_weight = config.load_weight = weigh ? 0.2f : 0;
    config.sparsity_weight = config.mean_importance_weight = weigh ? 0.25f : 0;
    config.topology_weight = config.entropy_weight = weigh ? 0.15f : 0;
    for (const int64_t rows : {int64_t{1}, int64_t{5}})
      ExpectGradients(&rng, config, rows, MixturePolicy(), false);
  }
  ExpectGradients(&rng, config, 5, MixturePolicy(), true);
  ExpectGradients(&rng, config, 5, {0.5f, 0, 0}, false);
  ExpectGradients(&rng, config, 5, {2, 2, 0}, false);
  ExpectGradients(&rng, config, 5, {2, 0, 1}, false);
  if (s.Router().elastic) ExpectGradients(&rng, config, 5, {2, 0, 0, 1}, false);
  return true;
}

// One expert of several for a row: the router learns, or its traits say that it does not.
bool TopOne(const Subject &s) {
  if (s.Router().merges) return false;  // segment-test
  Rng rng(2);
  FeedForwardConfig config = s.config;
  config.experts_per_frame = 1;
  ExpectGradients(&rng, config, 5, MixturePolicy(), false);
  const Context ctx;
  MixtureStack stack = RandomStack(&rng, config), grad(kDim, config, kLayers);
  FillParams(kGradStart, &grad);
  Tensor x = RandomTensor(&rng, 5, kDim), dx = RandomTensor(&rng, 5, kDim);
  RoutingState routing;
  MixtureStack::Tape tape;
  stack.Forward(ctx, RouteCall(), &x, &tape, &routing);
  stack.Backward(ctx, tape, routing, &dx, &grad);
  EXPECT_EQ(LargestRouterGradient(&grad) > 1e-4, s.Router().learns_with_one);
  EXPECT_EQ(RouterCanLearn(config),
            s.Router().learns_with_one || s.Router().decided_before || !s.Router().learns);
  return true;
}

// Different experts for each row, gates that are weights, and a sum as the traits say.
bool Choices(const Subject &s) {
  Rng rng(3);
  FeedForwardConfig config = s.config;
  for (int k = 1; k <= MostChoices(config); ++k) {
    config.experts_per_frame = k;
    Tensor x = RandomTensor(&rng, 19, kDim);
    for (const RoutedLayer &layer : Run(RandomStack(&rng, config), RouteCall(), &x).layers) {
      const Routes &r = layer.routes;
      const bool all = s.Router().experts_choose || s.Router().merges;
      EXPECT_EQ(r.max_slots, all ? config.num_experts : k);
      std::vector<int64_t> counts(static_cast<size_t>(config.num_experts), 0);
      for (int64_t t = 0; t < 19; ++t) {
        const size_t end = r.Begin(t) + r.NumExperts(t);
        if (s.Router().fixed_choices) {
          EXPECT_EQ(r.NumExperts(t), static_cast<size_t>(s.Router().merges ? 4 : k));
        }
        std::vector<int32_t> row(r.experts.begin() + static_cast<std::ptrdiff_t>(r.Begin(t)),
                                 r.experts.begin() + static_cast<std::ptrdiff_t>(end));
        double sum = 0;
        for (size_t i = end; i < r.Begin(t + 1); ++i) {
          EXPECT_EQ(r.experts[i], kNoExpert);
          EXPECT_EQ(r.gates[i], 0);
        }
        for (size_t i = r.Begin(t); i < end; ++i) {
          EXPECT_TRUE(r.gates[i] > 0 && r.gates[i] <= 1) << r.gates[i];
          sum += r.gates[i];
          ++counts.at(static_cast<size_t>(r.experts[i]));
        }
        EXPECT_LE(sum, 1 + 1e-5);
        if (s.Router().gates_sum_to_one && !row.empty()) {
          EXPECT_NEAR(sum, 1, 1e-5);
        }
        std::sort(row.begin(), row.end());
        EXPECT_EQ(std::unique(row.begin(), row.end()), row.end());
      }
      EXPECT_EQ(layer.Counts(), counts);
    }
  }
  return true;
}

// Equal logits: the lower ids.
bool Ties(const Subject &s) {
  if (!s.Router().reads_rows || s.Router().experts_choose || s.Router().decided_before)
    return false;
  Rng rng(4);
  MixtureStack stack = RandomStack(&rng, s.config);
  ForEachParam(&stack, [](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (IsRouterParam(name)) t->SetZero();
  });
  Tensor x = RandomTensor(&rng, 4, kDim);
  for (const RoutedLayer &layer : Run(stack, RouteCall(), &x).layers) {
    for (size_t i = 0; i < layer.routes.experts.size(); ++i)
      EXPECT_EQ(layer.routes.experts[i], static_cast<int>(i) % layer.routes.max_slots);
  }
  return true;
}

// Without rows nothing happens; experts without rows get no gradient at all.
bool Nothing(const Subject &s) {
  const Context ctx;
  Rng rng(5);
  for (const int64_t rows : {0, 1}) {
    MixtureStack stack = RandomStack(&rng, s.config, 1), grad(kDim, s.config, 1);
    FillParams(kGradStart, &grad);
    Tensor x = RandomTensor(&rng, rows, kDim), dx = RandomTensor(&rng, rows, kDim);
    RoutingState routing;
    MixtureStack::Tape tape;
    stack.Forward(ctx, RouteCall(), &x, &tape, &routing);
    stack.Backward(ctx, tape, routing, &dx, &grad);
    const std::vector<int64_t> counts = routing.layers[0].Counts();
    ForEachParam(&grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      bool idle = rows == 0;
      for (size_t e = 0; e < counts.size(); ++e)
        idle = idle || (counts[e] == 0 && name.find(Cat(".experts.", e, ".")) != name.npos);
      for (int64_t i = 0; idle && i < t->Size(); ++i) EXPECT_EQ(t->Data()[i], kGradStart) << name;
    });
  }
  return true;
}

bool RowOrder(const Subject &s) {
  if (!s.Router().rows_independent || !s.Router().reads_rows) return false;
  Rng rng(6);
  const MixtureStack stack = RandomStack(&rng, s.config);
  const Tensor start = RandomTensor(&rng, 23, kDim);
  std::vector<int64_t> order(23);
  std::iota(order.begin(), order.end(), 0);
  rng.Shuffle(&order);
  Tensor y = start, z = Permuted(start, order);
  Run(stack, RouteCall(), &y);
  Run(stack, RouteCall(), &z);
  EXPECT_LT(MaxAbsDiff(z, Permuted(y, order)), 1e-5);
  return true;
}

void Pack(MixtureStack *stack) {
  ForEachParamOrPacked(
      stack, [](const auto &...) {},
      [](const auto &, Tensor *weight, PackedMatrix *packed) {
        *packed = PackedMatrix::Pack(*weight, WeightFormat::kFloat32, 0);
        *weight = Tensor();
      });
}

// A row in company is the row alone: with packed weights to the bit.
bool Company(const Subject &s) {
  if (!s.Router().rows_independent || !s.Router().reads_rows) return false;
  Rng rng(7);
  MixtureStack stack = RandomStack(&rng, s.config);
  const Tensor start = RandomTensor(&rng, 17, kDim);
  for (const bool packed : {false, true}) {
    if (packed) Pack(&stack);
    Tensor y = start;
    Run(stack, RouteCall(), &y);
    for (int64_t t = 0; t < start.Rows(); ++t) {
      Tensor one = Tensor::Copy(start.View().RowRange(t, 1));
      Run(stack, RouteCall(), &one);
      const bool exact = packed && s.Bank().packs;
      EXPECT_LE(MaxAbsDiff(one, y.View().RowRange(t, 1)), exact ? 0 : 1e-5) << packed;
    }
  }
  return true;
}

bool Packed(const Subject &s) {
  Rng rng(8);
  MixtureStack stack = RandomStack(&rng, s.config);
  const Tensor start = RandomTensor(&rng, 11, kDim);
  CachedVector<bool> exited(11, false);
  exited[3] = exited[10] = true;
  RouteCall call;
  call.exited = &exited;
  Tensor y = start, z = start;
  Run(stack, call, &y);
  Pack(&stack);
  Run(stack, call, &z);
  EXPECT_LT(MaxAbsDiff(y, z), 1e-5);
  return true;
}

// On memory out of the host's reach: the same bits, forward and backward (tensor/guarded-memory.h).
bool OnDevice(const Subject &s) {
  Rng rng(20);
  const Context cpu, guarded(Device::kGuarded);
  FeedForwardConfig config = s.config;
  config.balance_weight = s.Router().learns ? 0.5f : 0;
  MixtureStack here = RandomStack(&rng, config), there(kDim, config, kLayers),
               grad_here(kDim, config, kLayers), grad_there(kDim, config, kLayers);
  ForEachParam(&there, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    *t = CopyToDevice(guarded, *FindParam(&here, name));
  });
  FillParams(0, &grad_here);
  ForEachParam(&grad_there, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    *t = CopyToDevice(guarded, *FindParam(&grad_here, name));
  });
  const RaggedShape shape = RaggedShape::FromLengths({3, 4});
  const std::vector<SequenceFacts> facts = {{1, 0, true}, {2, 0, true}};
  RouteCall call;
  call.shape = &shape;
  call.sequences = facts;
  Tensor x = RandomTensor(&rng, 7, kDim), dx = RandomTensor(&rng, 7, kDim);
  Tensor x_there = CopyToDevice(guarded, x), dx_there = CopyToDevice(guarded, dx);
  const auto run = [&](const Context &ctx, const MixtureStack &stack, Tensor *rows, Tensor *drows,
                       MixtureStack *grad) {
    RoutingState routing;
    MixtureStack::Tape tape;
    stack.Forward(ctx, call, rows, &tape, &routing);
    ComputeAuxLosses(Context(), 1, &routing);
    stack.Backward(ctx, tape, routing, drows, grad);
  };
  run(cpu, here, &x, &dx, &grad_here);
  run(guarded, there, &x_there, &dx_there, &grad_there);
  EXPECT_EQ(MaxAbsDiff(x, x_there.ToHost()), 0);
  EXPECT_EQ(MaxAbsDiff(dx, dx_there.ToHost()), 0);
  ForEachParam(&grad_there, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    EXPECT_EQ(MaxAbsDiff(*FindParam(&grad_here, name), t->ToHost()), 0) << name;
  });
  return true;
}

// T1: copies of one expert are that expert, whatever the router says.
bool EqualExperts(const Subject &s) {
  if (!s.Router().gates_sum_to_one || s.Bank().always_on || !s.Bank().packs) return false;
  Rng rng(9);
  MixtureStack stack = RandomStack(&rng, s.config, 1);
  FeedForwardConfig dense = s.config;
  dense.num_experts = 0;
  MixtureStack one(kDim, dense, 1);
  RandomizeParams(&rng, &one);
  ForEachParam(&one, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    const std::string inner = name.substr(std::string("layers.0.").size());
    for (int e = 0; e < s.config.num_experts; ++e)
      *FindParam(&stack, Cat("layers.0.experts.", e, ".", inner)) = *t;
  });
  Tensor y = RandomTensor(&rng, 13, kDim), z = y;
  Run(stack, RouteCall(), &y);
  Run(one, RouteCall(), &z);
  EXPECT_LT(MaxAbsDiff(y, z), 1e-5);
  return true;
}

// T2: all experts for every row are a soft mixture.
bool SoftMixture(const Subject &s) {
  if (!s.Router().gates_sum_to_one || MostChoices(s.config) < s.config.num_experts) return false;
  Rng rng(10);
  FeedForwardConfig config = s.config;
  config.experts_per_frame = config.num_experts;
  if (!s.Router().fixed_choices) config.router_threshold = 1;
  Tensor x = RandomTensor(&rng, 9, kDim);
  for (const RoutedLayer &layer : Run(RandomStack(&rng, config), RouteCall(), &x).layers) {
    const Routes &r = layer.routes;
    const RefMatrix want = RefGates(config.router, RefMatrix(r.logits), ExpertsOf(layer));
    for (int64_t t = 0; t < 9; ++t) {
      EXPECT_EQ(r.NumExperts(t), 4u);
      for (size_t i = r.Begin(t); i < r.Begin(t + 1); ++i)
        EXPECT_NEAR(r.gates[i], want(t, r.experts[i]), 1e-6);
    }
  }
  return true;
}

// T3: the order of experts means nothing.
bool PermutedExperts(const Subject &s) {
  if (s.Router().decided_before || RefRouterOf(s.config.router).expert_rows == nullptr)
    return false;
  Rng rng(11);
  MixtureStack stack = RandomStack(&rng, s.config, 1), permuted(kDim, s.config, 1);
  const std::vector<int64_t> order = {2, 0, 3, 1};
  const std::string rows = RefRouterOf(s.config.router).expert_rows, experts = "layers.0.experts.";
  const char *entries = RefRouterOf(s.config.router).expert_entries;
  ForEachParam(&permuted, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name.compare(0, experts.size(), experts) == 0) {
      const size_t at = experts.size();
      *t = *FindParam(
          &stack, Cat(experts, order[static_cast<size_t>(name[at] - '0')], name.substr(at + 1)));
    } else {
      *t = *FindParam(&stack, name);
    }
    if (name == rows) *t = Permuted(*t, order);
    if (entries != nullptr && name == entries) {
      const Tensor old = *t;
      for (int64_t e = 0; e < 4; ++e) (*t)(0, e) = old(0, order[static_cast<size_t>(e)]);
    }
  });
  Tensor y = RandomTensor(&rng, 21, kDim), z = y;
  const RoutingState a = Run(stack, RouteCall(), &y), b = Run(permuted, RouteCall(), &z);
  EXPECT_LT(MaxAbsDiff(y, z), 1e-5);
  for (size_t i = 0; i < a.layers[0].routes.experts.size(); ++i) {
    const int32_t e = b.layers[0].routes.experts[i];
    EXPECT_EQ(e == kNoExpert ? e : order[static_cast<size_t>(e)], a.layers[0].routes.experts[i]);
  }
  return true;
}

bool RefusesNan(const Subject &s) {
  if (!s.Router().reads_rows) return false;
  Rng rng(12);
  const MixtureStack stack = RandomStack(&rng, s.config);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Tensor x = RandomTensor(&rng, 9, kDim);
    x(6, 2) = bad;
    // tanh of infinity is a number: a router may only fail at NaN.
    if (std::isinf(bad) && s.Router().depth_state) continue;
    EXPECT_THROW(Run(stack, RouteCall(), &x), DataError) << bad;
  }
  return true;
}

// Policies that have nothing to do change no bit; rows that are left alone have the router's own
// gate (Gradients compares all others with the reference).
bool Policies(const Subject &s) {
  Rng rng(13);
  MixtureStack stack = RandomStack(&rng, s.config);
  const Tensor start = RandomTensor(&rng, 12, kDim);
  const std::vector<int64_t> ends = {5, 12};
  RouteCall call;
  call.chunk_ends = ends;
  Tensor plain = start;
  const RoutingState routing = Run(stack, call, &plain);
  // An elastic router gives a row no more than two of the four.
  const int most = s.Router().elastic ? 2 : 4;
  for (const MixturePolicy &p :
       {MixturePolicy{1.01f, 4, 0}, MixturePolicy{2, 0, 4}, MixturePolicy{2, 0, 0, most}}) {
    stack.SetPolicy(p);
    Tensor y = start;
    Run(stack, call, &y);
    EXPECT_EQ(MaxAbsDiff(y, plain), 0);
  }
  stack.SetPolicy({0, 0, 0});
  Tensor y = start;
  const Routes alone = Run(stack, call, &y).layers[0].routes, &all = routing.layers[0].routes;
  for (int64_t t = 0; t < 12; ++t) {
    EXPECT_EQ(alone.NumExperts(t), std::min<size_t>(1, all.NumExperts(t)));
    EXPECT_EQ(alone.experts[alone.Begin(t)], all.experts[all.Begin(t)]);
    EXPECT_EQ(alone.gates[alone.Begin(t)],
              s.Router().gates_sum_to_one ? 1 : all.gates[all.Begin(t)]);
  }
  if (!s.Router().elastic) return true;
  stack.SetPolicy({2, 0, 0, 1});  // the same in other words
  Tensor z = start;
  Run(stack, call, &z);
  EXPECT_EQ(MaxAbsDiff(z, y), 0);
  return true;
}

bool Statistics(const Subject &s) {
  Rng rng(14);
  const MixtureStack stack = RandomStack(&rng, s.config);
  Tensor x = RandomTensor(&rng, 12, kDim);
  for (const RoutedLayer &layer : Run(stack, RouteCall(), &x).layers) {
    const Routes &r = layer.routes;
    RouteStats stats(4, r.max_slots, s.Router().gates_sum_to_one);
    stats.Add(r.logits, r.experts, r.gates, 0);
    EXPECT_EQ(stats.NumRows(), 12);
    RouteStats strict(4, r.max_slots);
    if (!s.Router().gates_sum_to_one) {
      EXPECT_THROW(strict.Add(r.logits, r.experts, r.gates, 0), Error);
    }
  }
  return true;
}

struct Check {
  const char *name;
  bool (*run)(const Subject &);  // false: not meant for this subject
};
void PrintTo(const Check &c, std::ostream *os) { *os << c.name; }
constexpr Check kChecks[] = {{"gradients", Gradients},   {"top-one", TopOne},
                             {"choices", Choices},       {"ties", Ties},
                             {"nothing", Nothing},       {"row-order", RowOrder},
                             {"company", Company},       {"packed", Packed},
                             {"device", OnDevice},       {"T1-equal", EqualExperts},
                             {"T2-soft", SoftMixture},   {"T3-permuted", PermutedExperts},
                             {"nan", RefusesNan},        {"policies", Policies},
                             {"statistics", Statistics}, {"noise", Noise},
                             {"dropout", Dropout},       {"streams", Streams},
                             {"models", Models},         {"visited-once", VisitedOnce},
                             {"roles", Roles},           {"file", Files},
                             {"after-step", AfterStep}};

// [subject][check]: "ok", "FAIL" or "-".
std::map<std::string, std::map<std::string, std::string>> results;

class Table : public testing::Environment {
 public:
  void TearDown() override {
    std::printf("%-24s", "");
    for (const Check &check : kChecks) std::printf(" %s", check.name);
    std::printf("\n");
    for (const Subject &s : Subjects()) {
      std::printf("%-24s", s.name.c_str());
      for (const Check &check : kChecks) {
        const std::string &result = results[s.name][check.name];
        std::printf(" %-*s", static_cast<int>(std::string(check.name).size()),
                    result.empty() ? "not run" : result.c_str());
      }
      std::printf("\n");
    }
  }
};
[[maybe_unused]] const testing::Environment *const table =
    testing::AddGlobalTestEnvironment(new Table);

class Battery : public testing::TestWithParam<std::tuple<Subject, Check>> {};

TEST_P(Battery, Holds) {
  const auto &[subject, check] = GetParam();
  std::string *result = &results[subject.name][check.name];
  *result = "FAIL";
  const bool meant = check.run(subject);
  if (HasFailure()) return;
  *result = meant ? "ok" : "-";
}

std::string Name(const testing::TestParamInfo<std::tuple<Subject, Check>> &info) {
  std::string name = std::get<0>(info.param).name + "__" + std::get<1>(info.param).name;
  for (char &c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Battery,
                         testing::Combine(testing::ValuesIn(Subjects()),
                                          testing::ValuesIn(kChecks)),
                         Name);

}  // namespace
}  // namespace u2moe
