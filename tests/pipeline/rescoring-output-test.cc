#include "pipeline/rescoring-output.h"

#include <gtest/gtest.h>

#include "support/error-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

RescoringSweepOptions Sweep(const std::string &ctc, const std::string &reverse) {
  RescoringSweepOptions sweep;
  sweep.ctc_weights = ctc;
  sweep.reverse_weights = reverse;
  return sweep;
}

TEST(RescoringPoints, TheTextsOfSingleRuns) {
  const auto points = RescoringPoints(Sweep("0:0.1:1", "0,0.3,0.5:0.25:1"), RescoringOptions());
  ASSERT_EQ(points.size(), 55u);
  EXPECT_EQ(points[0].ctc, "0");
  EXPECT_EQ(points[0].reverse, "0");
  EXPECT_EQ(points[16].ctc, "0.3");  // not 0.30000000000000004
  EXPECT_EQ(points[16].reverse, "0.3");
  EXPECT_EQ(points[16].weights.ctc_weight, 0.3f);
  EXPECT_EQ(points[54].ctc, "1");
  EXPECT_EQ(points[54].reverse, "1");
  EXPECT_EQ(points[53].reverse, "0.75");
}

TEST(RescoringPoints, WhatIsNotSweptIsTheSingleWeight) {
  RescoringOptions single;
  single.ctc_weight = 0.7f;
  const auto points = RescoringPoints(Sweep("", "0.2,0.1"), single);
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].weights.ctc_weight, 0.7f);
  EXPECT_EQ(points[0].ctc, "0.7");
  EXPECT_EQ(points[0].weights.reverse_weight, 0.2f);
  EXPECT_EQ(RescoringPoints(Sweep("", ""), single).size(), 1u);
}

TEST(RescoringPoints, Errors) {
  const RescoringOptions single;
  for (const char *bad : {"x", "0,,1", "0:1", "0:0.1:1:2", "1:0.1:0", "0:0:1", "0:-1:1", "0:1e-9:1",
                          "0,0.5,0.5", "0:0.5:1,1", "nan", "inf", "-1", "0:nan:1"}) {
    EXPECT_THROW(RescoringPoints(Sweep(bad, ""), single), UsageError) << bad;
  }
  EXPECT_THROW(RescoringPoints(Sweep("", "0,1.5"), single), UsageError);
  EXPECT_THROW(RescoringPoints(Sweep("0:0.01:1", "0:0.1:1"), single), UsageError);
}

}  // namespace
}  // namespace u2moe
