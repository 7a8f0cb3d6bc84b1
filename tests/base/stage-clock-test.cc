#include "base/stage-clock.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/timer.h"

namespace u2moe {
namespace {

void Spin(double seconds) {
  for (const Timer timer; timer.Elapsed() < seconds;) {
  }
}

double Of(const std::array<double, kNumStages> &seconds, Stage stage) {
  return seconds[static_cast<size_t>(stage)];
}

TEST(StageClock, InnerScopesTakeTheirTimeFromTheOuterOne) {
  const auto before = StageSeconds();
  const Timer all;
  {
    const StageScope outer(Stage::kSearch);
    Spin(0.01);
    {
      const StageScope inner(Stage::kCtc);
      Spin(0.02);
    }
    Spin(0.01);
  }
  const double elapsed = all.Elapsed();
  Spin(0.01);  // outside of all scopes
  const auto after = StageSeconds();
  const double search = Of(after, Stage::kSearch) - Of(before, Stage::kSearch),
               ctc = Of(after, Stage::kCtc) - Of(before, Stage::kCtc);
  EXPECT_GE(search, 0.02);
  EXPECT_GE(ctc, 0.02);
  EXPECT_LE(search + ctc, elapsed + 1e-6);
  EXPECT_EQ(Of(after, Stage::kOther), Of(before, Stage::kOther));
}

TEST(StageClock, SumsOverThreadsThatRunAndThatEnded) {
  const double before = Of(StageSeconds(), Stage::kRescoring);
  for (int i = 0; i < 3; ++i) {
    std::thread([] {
      const StageScope scope(Stage::kRescoring);
      Spin(0.005);
    }).join();
  }
  EXPECT_GE(Of(StageSeconds(), Stage::kRescoring) - before, 0.015);
}

TEST(StageClock, Names) {
  EXPECT_STREQ(StageName(Stage::kOther), "other");
  EXPECT_STREQ(StageName(Stage::kRescoring), "rescoring");
}

}  // namespace
}  // namespace u2moe
