#include "util/tally.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace u2moe {
namespace {

struct Outcome {
  int status;
  std::string log;
};

// Exit status and log after `good` and then `bad` utterances with --max-failures=limit.
Outcome Count(int good, int bad, const std::string &limit) {
  OptionParser po("Usage: x\n");
  UtteranceTally tally(&po);
  const std::string option = "--max-failures=" + limit;
  const char *argv[] = {"x", "--print-args=false", option.c_str()};
  testing::internal::CaptureStderr();
  int status = -1;
  try {
    po.Parse(3, argv, 0, 0, InputArgs{0});
    for (int i = 0; i < good; ++i) EXPECT_TRUE(tally.Try("good", [] {}));
    for (int i = 0; i < bad; ++i) {
      EXPECT_FALSE(tally.Try("bad", [] { throw DataError("no frames"); }));
    }
    EXPECT_EQ(tally.NumDone(), good);
    EXPECT_EQ(tally.NumFailed(), bad);
    status = tally.Finish();
  } catch (const UsageError &e) {
    return {2, testing::internal::GetCapturedStderr() + e.what()};
  }
  return {status, testing::internal::GetCapturedStderr()};
}

TEST(Tally, ExitStatus) {
  EXPECT_EQ(Count(3, 0, "0").status, 0);
  EXPECT_EQ(Count(3, 1, "0").status, 1);
  EXPECT_EQ(Count(3, 1, "1").status, 0);
  EXPECT_EQ(Count(3, 2, "1").status, 1);
  EXPECT_EQ(Count(0, 0, "0").status, 1);  // an empty input is a failure of the step before
  EXPECT_EQ(Count(0, 0, "100%").status, 1);
}

TEST(Tally, Percentages) {
  EXPECT_EQ(Count(95, 5, "5%").status, 0);
  EXPECT_EQ(Count(94, 6, "5%").status, 1);
  EXPECT_EQ(Count(71, 29, "29%").status, 0);  // 29 / 100 * 100 is below 29 in binary
  EXPECT_EQ(Count(0, 2, "100%").status, 0);
  EXPECT_EQ(Count(9, 1, "5%").status, 1);
}

TEST(Tally, WarnsWithKeyAndCauseAndCounts) {
  EXPECT_EQ(Count(2, 1, "1").log,
            "WARNING (u2moe) utterance bad: no frames\nLOG (u2moe) Done 2 utterances, 1 failed.\n");
}

TEST(Tally, TheEndNamesTheOptionThatWouldGoOn) {
  EXPECT_NE(Count(2, 2, "40%")
                .log.find("2 of 4 utterances failed, and --max-failures=40% allows 1: "
                          "see the warnings above; --max-failures=2 would let this "
                          "pass"),
            std::string::npos);
}

TEST(Tally, BadLimitsAreFoundBeforeTheWork) {
  for (const char *limit : {"x", "", "-1", "5%%", "3 4", "nan"}) {
    const Outcome outcome = Count(1, 1, limit);
    EXPECT_EQ(outcome.status, 2) << limit;
    EXPECT_EQ(outcome.log.find("utterance bad"), std::string::npos) << outcome.log;
  }
}

TEST(Tally, OtherErrorsEndTheProgram) {
  OptionParser po("Usage: x\n");
  UtteranceTally tally(&po);
  EXPECT_THROW(tally.Try("a", [] { throw Error("disk full"); }), Error);
  EXPECT_THROW(tally.Try("a", [] { throw UsageError("bad"); }), UsageError);
  EXPECT_THROW(tally.Try("a", [] { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_EQ(tally.NumDone() + tally.NumFailed(), 0);
}

}  // namespace
}  // namespace u2moe
