// Checks of the battery of what is random, and of what is kept; and what these and others need.
#ifndef U2MOE_TESTS_MOE_BATTERY_RANDOM_H_
#define U2MOE_TESTS_MOE_BATTERY_RANDOM_H_

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "moe/battery.h"
#include "moe/mixture-stack.h"

namespace u2moe {

inline MixtureStack RandomStack(Rng *rng, const FeedForwardConfig &config,
                                int num_layers = kLayers) {
  MixtureStack stack(kDim, config, num_layers);
  RandomizeParams(rng, &stack);
  return stack;
}

inline RoutingState Run(const MixtureStack &stack, const RouteCall &call, Tensor *x) {
  RoutingState routing;
  stack.Forward(Context(), call, x, nullptr, &routing);
  return routing;
}

// The noise of training: what mixtures without weights make of any rows.
inline std::vector<RefMatrix> Offsets(const FeedForwardConfig &config, const RouteCall &call,
                                      int64_t rows) {
  MixtureStack zero(kDim, config, kLayers);
  FillParams(0, &zero);
  Tensor x = Tensor::Zeros(rows, kDim);
  std::vector<RefMatrix> offsets;
  for (const RoutedLayer &layer : Run(zero, call, &x).layers)
    offsets.emplace_back(layer.routes.logits);
  return offsets;
}

inline Tensor Permuted(const Tensor &x, const std::vector<int64_t> &order) {
  Tensor y(x.Rows(), x.Cols());
  for (int64_t t = 0; t < x.Rows(); ++t)
    std::copy_n(x.View().Row(order[static_cast<size_t>(t)]), x.Cols(), y.View().Row(t));
  return y;
}

// In training a router is random as its traits say: by utterance, mixture and place, nothing else.
inline bool Noise(const Subject &s) {
  if (s.Router().needs_tags || s.Router().merges) return false;
  Rng rng(15);
  const MixtureStack stack = RandomStack(&rng, s.config);
  const Tensor start = RandomTensor(&rng, 7, kDim);
  const auto logits = [&](const Tensor &rows, const std::vector<int64_t> &lengths,
                          const std::vector<SequenceFacts> &facts) {
    const RaggedShape shape = RaggedShape::FromLengths(lengths);
    RouteCall call;
    call.shape = &shape;
    call.sequences = facts;
    Tensor x = rows;
    return Run(stack, call, &x).layers[0].routes.logits;
  };
  Tensor x = start;
  const Tensor plain = Run(stack, RouteCall(), &x).layers[0].routes.logits;
  const Tensor still = logits(start, {3, 4}, {{1, 0, false}, {2, 0, false}});
  if (s.Router().reads_rows) {
    EXPECT_EQ(MaxAbsDiff(still, plain), 0);
  } else {  // the positions of each sequence
    EXPECT_EQ(MaxAbsDiff(still.View().RowRange(0, 3), still.View().RowRange(3, 3)), 0);
  }
  const Tensor noisy = logits(start, {3, 4}, {{1, 0, true}, {2, 0, true}});
  if (!s.Router().random_in_training) {
    EXPECT_EQ(MaxAbsDiff(noisy, still), 0);
    return true;
  }
  double squares = 0;
  const Tensor unit = Tensor::Zeros(2000, kDim);
  const Tensor many = logits(unit, {2000}, {{1, 0, true}});
  for (int64_t i = 0; i < many.Size(); ++i) squares += many.Data()[i] * many.Data()[i];
  const double deviation = s.Router().reads_rows ? 1.0 / 4 : 1;
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(many.Size())), deviation, 0.04 * deviation);
  const Tensor swapped =
      logits(Permuted(start, {3, 4, 5, 6, 0, 1, 2}), {4, 3}, {{2, 0, true}, {1, 0, true}});
  EXPECT_LT(MaxAbsDiff(swapped, Permuted(noisy, {3, 4, 5, 6, 0, 1, 2})), 1e-6);
  EXPECT_GT(MaxAbsDiff(logits(start, {3, 4}, {{3, 0, true}, {2, 0, true}}), noisy), 1e-2);
  const Tensor chunk = logits(Tensor::Copy(start.View().RowRange(5, 2)), {2}, {{2, 2, true}});
  EXPECT_LT(MaxAbsDiff(chunk, noisy.View().RowRange(5, 2)), 1e-6);
  RouteCall call;
  const RaggedShape shape = RaggedShape::Single(7);
  const std::vector<SequenceFacts> facts = {{1, 0, true}};
  call.shape = &shape;
  call.sequences = facts;
  const std::vector<RefMatrix> offsets = Offsets(s.config, call, 7);
  EXPECT_NE(offsets[0].data, offsets[1].data);
  return true;
}

// The same seeds are the same masks, with or without a tape.
inline bool Dropout(const Subject &s) {
  Rng rng(16);
  MixtureStack stack(kDim, s.config, kLayers, 0.4f);
  RandomizeParams(&rng, &stack);
  const Tensor start = RandomTensor(&rng, 8, kDim);
  const auto run = [&](uint64_t seed, bool with_tape) {
    DropoutSeeds seeds(seed);
    Tensor x = start;
    RoutingState routing;
    MixtureStack::Tape tape;
    stack.Forward(Context(), RouteCall(), &x, with_tape ? &tape : nullptr, &routing, &seeds);
    return x;
  };
  EXPECT_LT(MaxAbsDiff(run(1, true), run(1, false)), 1e-5);
  EXPECT_EQ(MaxAbsDiff(run(1, true), run(1, true)), 0);
  EXPECT_GT(MaxAbsDiff(run(1, true), run(2, true)), 1e-3);
  return true;
}

// All that a mixture is made of is visited, once.
inline bool VisitedOnce(const Subject &s) {
  Rng rng(19);
  MixtureStack stack = RandomStack(&rng, s.config), other = RandomStack(&rng, s.config);
  std::map<std::string, Tensor> file;
  ForEachParam(&stack, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    EXPECT_TRUE(file.emplace(name, *t).second) << name << " is visited twice";
  });
  ForEachParam(&other, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    *t = file.at(name);
  });
  Tensor y = RandomTensor(&rng, 5, kDim), z = y;
  Run(stack, RouteCall(), &y);
  Run(other, RouteCall(), &z);
  EXPECT_EQ(MaxAbsDiff(y, z), 0);
  return true;
}

// After a step those who are steered by the counts of rows, and no others, are others than before.
inline bool AfterStep(const Subject &s) {
  Rng rng(22);
  MixtureStack stack = RandomStack(&rng, s.config, 1);
  const RefParams before = ParamsOf(&stack);
  stack.Layer(0)->AfterStep(Context(), std::vector<int64_t>{9, 0, 5, 1});
  bool moved = false;
  ForEachParam(&stack, [&](const std::string &name, Tensor *t, const ParamInit &, bool trainable) {
    const bool same = RefMatrix(*t).data == before.at(name).data;
    EXPECT_TRUE(same || (!trainable && IsRouterParam(name))) << name;
    moved |= !same;
  });
  EXPECT_EQ(moved, s.Router().counts_steer);
  return moved;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_MOE_BATTERY_RANDOM_H_
