#include "util/progress.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace u2moe {
namespace {

TEST(FormatDuration, Units) {
  EXPECT_EQ(FormatDuration(0), "0s");
  EXPECT_EQ(FormatDuration(-3), "0s");
  EXPECT_EQ(FormatDuration(59.4), "59s");
  EXPECT_EQ(FormatDuration(59.6), "1m00s");
  EXPECT_EQ(FormatDuration(75), "1m15s");
  EXPECT_EQ(FormatDuration(3599), "59m59s");
  EXPECT_EQ(FormatDuration(3700), "1h01m");
  EXPECT_EQ(FormatDuration(400000), "111h06m");
}

TEST(Progress, SaysShareAndTimeLeft) {
  testing::internal::CaptureStderr();
  Progress progress("decoding", 8, 0);
  progress.Add(2, "RTF 0.1");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(std::regex_match(
      log, std::regex("LOG \\(.*\\) decoding: 2 of 8 \\(25 %\\), [0-9]+s left, RTF 0.1\n")))
      << log;
}

TEST(Progress, UnknownTotal) {
  testing::internal::CaptureStderr();
  Progress progress("reading", 0, 0);
  progress.Add(3);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("reading: 3\n"), std::string::npos) << log;
}

TEST(Progress, SilentWithinTheInterval) {
  testing::internal::CaptureStderr();
  Progress progress("short", 100, 1000);
  for (int i = 0; i < 100; ++i) progress.Add(1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_GE(progress.Elapsed(), 0);
}

}  // namespace
}  // namespace u2moe
