#include "base/main.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

#include "base/error.h"
#include "base/log.h"

namespace u2moe {
namespace {

// Exit status and stderr of a tool whose Run is `run`.
template <class Fn>
std::pair<int, std::string> RunMain(Fn run) {
  std::string name = "/some/where/some-tool";
  char *argv[] = {name.data(), nullptr};
  testing::internal::CaptureStderr();
  const int status = MainWrapper(1, argv, run);
  return {status, testing::internal::GetCapturedStderr()};
}

TEST(Main, StatusOfRunIsTheExitStatus) {
  EXPECT_EQ(RunMain([](int, char **) { return 0; }), (std::pair<int, std::string>(0, "")));
  EXPECT_EQ(RunMain([](int, char **) { return 1; }).first, 1);
}

TEST(Main, UsageErrorIs2AndPointsToHelp) {
  auto [status, log] = RunMain([](int, char **) -> int { throw UsageError("--x: bad"); });
  EXPECT_EQ(status, 2);
  EXPECT_EQ(log, "ERROR (some-tool) --x: bad\nTry 'some-tool --help'.\n");
}

TEST(Main, OtherErrorsAre1WithTheirMessage) {
  auto [status, log] = RunMain([](int, char **) -> int { throw DataError("a.ark: cut short"); });
  EXPECT_EQ(status, 1);
  EXPECT_EQ(log, "ERROR (some-tool) a.ark: cut short\n");
  EXPECT_EQ(RunMain([](int, char **) -> int { throw std::runtime_error("x"); }).first, 1);
  auto [status2, log2] = RunMain([](int, char **) -> int { throw std::bad_alloc(); });
  EXPECT_EQ(status2, 1);
  EXPECT_EQ(log2, "ERROR (some-tool) out of memory\n");
}

TEST(Log, LevelsAndVerbosity) {
  SetProgramName("bin/tool");
  testing::internal::CaptureStderr();
  LOG_INFO << "a " << 1;
  LOG_WARN << "b";
  VLOG(1) << "not printed";
  SetVerbosity(2);
  VLOG(2) << "printed";
  VLOG(3) << "not printed";
  SetVerbosity(0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "LOG (tool) a 1\nWARNING (tool) b\nLOG (tool) printed\n");
}

}  // namespace
}  // namespace u2moe
