#include "train/dynamic-chunk.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "support/test-util.h"
#include "util/json.h"

namespace u2moe {
namespace {

// Whether both masks show every query of n frames the same keys.
bool ShowTheSame(const AttentionMask &a, const AttentionMask &b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if (a.Begin(i) != b.Begin(i) || a.End(i, n) != b.End(i, n)) return false;
  }
  return true;
}

TEST(DrawChunkMask, AsRecordedFromWenet) {
  const std::string path = GoldenPath("masks/dynamic_chunk.json");
  if (path.empty()) GTEST_SKIP() << "no masks/dynamic_chunk.json in tests/golden or ../shared";
  const nlohmann::json golden = ReadJson(path);
  for (const nlohmann::json &c : golden["cases"]) {
    SCOPED_TRACE(c.dump());
    const int64_t length = c["max_len"], chunk = c["chunk_size"];
    size_t n = 0;
    const AttentionMask mask =
        DrawChunkMask(length, 4, c["use_dynamic_left_chunk"], [&](int64_t low, int64_t high) {
          const nlohmann::json &draw = c["draws"].at(n++);
          EXPECT_EQ(low, draw[0]);
          EXPECT_EQ(high + 1, draw[1]);
          return static_cast<int64_t>(draw[2]);
        });
    EXPECT_EQ(n, c["draws"].size());
    const AttentionMask want =
        chunk == length ? AttentionMask::Full() : AttentionMask::Chunk(chunk, c["left_chunks"]);
    EXPECT_TRUE(ShowTheSame(mask, want, length)) << "chunk " << mask.chunk << " left " << mask.left;
  }
  EXPECT_GE(golden["cases"].size(), 100u);
}

// Where WeNet would draw from an empty range and stop.
TEST(DrawChunkMask, EmptyRanges) {
  const auto never = [](int64_t, int64_t) -> int64_t { throw Error("drew from an empty range"); };
  for (const bool dynamic_left : {false, true}) {
    EXPECT_EQ(DrawChunkMask(1, 4, dynamic_left, never).kind, AttentionMask::Kind::kFull);
    EXPECT_EQ(DrawChunkMask(0, 4, dynamic_left, never).kind, AttentionMask::Kind::kFull);
  }
  int draws = 0;
  const AttentionMask mask = DrawChunkMask(2, 4, true, [&](int64_t low, int64_t high) {
    EXPECT_EQ(low, 1);
    EXPECT_EQ(high, 1);
    ++draws;
    return low;
  });
  EXPECT_EQ(draws, 1);
  EXPECT_TRUE(ShowTheSame(mask, AttentionMask::Full(), 2));
}

TEST(DrawChunkMask, ChunksAreOfAtMostASecond) {
  Rng rng(1);
  for (const int64_t rate : {4, 6, 8}) {
    int64_t largest = 0;
    int full = 0;
    for (int i = 0; i < 4000; ++i) {
      const AttentionMask mask = DrawChunkMask(
          200, rate, true, [&](int64_t low, int64_t high) { return rng.UniformInt(low, high); });
      if (mask.kind == AttentionMask::Kind::kFull) {
        ++full;
        continue;
      }
      largest = std::max(largest, mask.chunk);
      EXPECT_TRUE(mask.chunk >= 1 && mask.left >= 0 && mask.left <= 199 / mask.chunk - 1);
    }
    EXPECT_EQ(largest, 100 / rate);  // 100 feature frames
    EXPECT_NEAR(full, 4000 * 99 / 199, 200);
  }
}

}  // namespace
}  // namespace u2moe
