#include "moe/dispatch-plan.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace u2moe {
namespace {

TEST(DispatchPlan, SmallCase) {
  Routes routes;
  routes.max_slots = 2;
  routes.experts = {2, 0, 0, 3, 3, 2};
  routes.gates = {.6f, .4f, .7f, .3f, .8f, .2f};
  const DispatchPlan plan = MakeDispatchPlan(routes, 5);
  EXPECT_EQ(plan.NumExperts(), 5);
  EXPECT_EQ(plan.NumSlots(), 6);
  EXPECT_EQ(plan.expert_begin, (CachedVector<int32_t>{0, 2, 2, 4, 6, 6}));
  EXPECT_EQ(plan.slot_frame, (CachedVector<int32_t>{0, 1, 0, 2, 1, 2}));
  EXPECT_EQ(plan.slot_choice, (CachedVector<int32_t>{1, 2, 0, 5, 3, 4}));
  EXPECT_EQ(plan.slot_gate, (CachedVector<float>{.4f, .7f, .6f, .2f, .3f, .8f}));
}

TEST(DispatchPlan, NoFramesAndOneExpert) {
  Routes routes;
  routes.max_slots = 2;
  DispatchPlan plan = MakeDispatchPlan(routes, 3);
  EXPECT_EQ(plan.NumSlots(), 0);
  EXPECT_EQ(plan.expert_begin, (CachedVector<int32_t>{0, 0, 0, 0}));

  routes.max_slots = 1;
  routes.experts = {2, 2, 2};
  routes.gates = {1, 1, 1};
  plan = MakeDispatchPlan(routes, 4);
  EXPECT_EQ(plan.expert_begin, (CachedVector<int32_t>{0, 0, 0, 3, 3}));
  EXPECT_EQ(plan.slot_frame, (CachedVector<int32_t>{0, 1, 2}));
}

// Places that a policy left empty have no slot.
TEST(DispatchPlan, EmptyPlaces) {
  Routes routes;
  routes.max_slots = 2;
  routes.experts = {1, kNoExpert, kNoExpert, kNoExpert, 1, 0};
  routes.gates = {1, 0, 0, 0, .75f, .25f};
  const DispatchPlan plan = MakeDispatchPlan(routes, 3);
  EXPECT_EQ(plan.expert_begin, (CachedVector<int32_t>{0, 1, 3, 3}));
  EXPECT_EQ(plan.slot_frame, (CachedVector<int32_t>{2, 0, 2}));
  EXPECT_EQ(plan.slot_choice, (CachedVector<int32_t>{5, 0, 4}));
  EXPECT_EQ(plan.slot_gate, (CachedVector<float>{.25f, 1, .75f}));
}

TEST(DispatchPlan, UnknownExpert) {
  Routes routes;
  routes.max_slots = 1;
  routes.gates = {1};
  for (const int32_t expert : {-2, 4}) {
    routes.experts = {expert};
    EXPECT_THROW(MakeDispatchPlan(routes, 4), Error) << expert;
  }
}

// Every choice has one slot, in its expert's range, frames rising.
TEST(DispatchPlan, Properties) {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    const int num_experts = static_cast<int>(rng.UniformInt(1, 9)),
              k = static_cast<int>(rng.UniformInt(1, num_experts));
    const int64_t frames = rng.UniformInt(0, 40);
    Routes routes;
    routes.max_slots = k;
    std::vector<int32_t> ids;
    for (int32_t e = 0; e < num_experts; ++e) ids.push_back(e);
    for (int64_t t = 0; t < frames; ++t) {
      rng.Shuffle(&ids);
      routes.experts.insert(routes.experts.end(), ids.begin(), ids.begin() + k);
      for (int i = 0; i < k; ++i) routes.gates.push_back(static_cast<float>(rng.Uniform()));
    }
    const DispatchPlan plan = MakeDispatchPlan(routes, num_experts);
    ASSERT_EQ(plan.NumSlots(), frames * k);
    ASSERT_EQ(plan.expert_begin.front(), 0);
    ASSERT_EQ(plan.expert_begin.back(), frames * k);
    std::vector<bool> seen(routes.experts.size(), false);
    for (int32_t e = 0; e < num_experts; ++e) {
      const size_t begin = static_cast<size_t>(plan.expert_begin[static_cast<size_t>(e)]),
                   end = static_cast<size_t>(plan.expert_begin[static_cast<size_t>(e) + 1]);
      ASSERT_LE(begin, end);
      for (size_t s = begin; s < end; ++s) {
        const size_t choice = static_cast<size_t>(plan.slot_choice[s]);
        ASSERT_LT(choice, seen.size());
        ASSERT_FALSE(seen[choice]);
        seen[choice] = true;
        EXPECT_EQ(routes.experts[choice], e);
        EXPECT_EQ(routes.gates[choice], plan.slot_gate[s]);
        EXPECT_EQ(static_cast<size_t>(plan.slot_frame[s]), choice / static_cast<size_t>(k));
        if (s > begin) {
          EXPECT_LT(plan.slot_frame[s - 1], plan.slot_frame[s]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace u2moe
