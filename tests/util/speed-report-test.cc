#include "util/speed-report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/stage-clock.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(SpeedReport, AddsUpScopesAndWritesJson) {
  const std::string path = TempDir() + "/stats.json";
  OptionParser po("Test.\n\nUsage: test\n");
  SpeedReport speed(&po);
  const std::string option = "--stats=" + path;
  const char *argv[] = {"test", option.c_str(), "--print-args=false"};
  ASSERT_TRUE(po.Parse(3, argv, 0, 0, InputArgs{0}));
  for (double seconds : {2.0, 3.0}) {
    SpeedReport::Scope scope(&speed, seconds);
    const Timer timer;
    while (timer.Elapsed() < 0.01) {
    }
  }
  {
    const StageScope stage(Stage::kSearch);
    speed.AddUtterance(2, 1.0);  // warms up
    speed.AddUtterance(2, 0.2);
    speed.AddUtterance(4, 0.8);
  }
  EXPECT_THROW(
      {
        SpeedReport::Scope scope(&speed, 100.0);
        throw DataError("bad utterance");
      },
      DataError);
  EXPECT_EQ(speed.AudioSeconds(), 5);
  EXPECT_GE(speed.WallSeconds(), 0.02);
  EXPECT_GT(speed.CpuSeconds(), 0);
  speed.Note("chunk_size", 16);
  speed.Note("precision", "float32");
  speed.Finish();

  const nlohmann::json json = nlohmann::json::parse(ReadFile(path));
  EXPECT_EQ(json["audio_seconds"], 5.0);
  EXPECT_EQ(json["chunk_size"], 16.0);
  EXPECT_EQ(json["precision"], "float32");
  EXPECT_EQ(json["wall_seconds"], speed.WallSeconds());
  EXPECT_EQ(json["rtf"]["utterances"], 3);
  EXPECT_EQ(json["rtf"]["first"], 0.5);
  // Of 0.1 and 0.2.
  EXPECT_DOUBLE_EQ(json["rtf"]["p50"].get<double>(), 0.15);
  EXPECT_DOUBLE_EQ(json["rtf"]["p99"].get<double>(), 0.199);
  EXPECT_GT(json["stages"]["search"], 0.0);
}

}  // namespace
}  // namespace u2moe
