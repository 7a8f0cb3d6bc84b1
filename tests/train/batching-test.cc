#include "train/batching.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"

namespace u2moe {
namespace {

std::vector<int64_t> RandomLengths(Rng *rng, int64_t count) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < count; ++i) lengths.push_back(rng->UniformInt(10, 500));
  return lengths;
}

TEST(MakeEpochBatches, EveryUtteranceOnce) {
  Rng rng(1);
  for (const int count : {0, 1, 7, 100}) {
    const std::vector<int64_t> lengths = RandomLengths(&rng, count);
    for (const int batch_size : {1, 3, 12, 200}) {
      for (const int bucket_size : {1, 5, 40, 1000}) {
        SCOPED_TRACE(Cat(count, " utterances, batch ", batch_size, ", bucket ", bucket_size));
        Rng order(7);
        std::vector<int> seen;
        int small = 0;
        for (const auto &batch : MakeEpochBatches(lengths, batch_size, bucket_size, 0, &order)) {
          ASSERT_FALSE(batch.empty());
          ASSERT_LE(static_cast<int>(batch.size()), batch_size);
          small += static_cast<int>(batch.size()) < batch_size;
          seen.insert(seen.end(), batch.begin(), batch.end());
          EXPECT_TRUE(std::is_sorted(batch.begin(), batch.end(), [&](int a, int b) {
            return lengths[static_cast<size_t>(a)] < lengths[static_cast<size_t>(b)];
          }));
        }
        EXPECT_LE(small, (count + bucket_size - 1) / bucket_size);  // one at most per bucket
        std::sort(seen.begin(), seen.end());
        std::vector<int> all(static_cast<size_t>(count));
        std::iota(all.begin(), all.end(), 0);
        EXPECT_EQ(seen, all);
      }
    }
  }
}

TEST(MakeEpochBatches, OneBucketHoldsNeighboursInLength) {
  Rng rng(2);
  const std::vector<int64_t> lengths = RandomLengths(&rng, 60);
  std::vector<int64_t> sorted = lengths;
  std::sort(sorted.begin(), sorted.end());
  Rng order(3);
  for (const auto &batch : MakeEpochBatches(lengths, 10, 100, 0, &order)) {
    const auto rank = [&](int i) {
      return std::lower_bound(sorted.begin(), sorted.end(), lengths[static_cast<size_t>(i)]) -
             sorted.begin();
    };
    EXPECT_EQ(rank(batch.front()) / 10, rank(batch.back()) / 10);
  }
}

TEST(MakeEpochBatches, DependsOnTheRngOnly) {
  Rng rng(4);
  const std::vector<int64_t> lengths = RandomLengths(&rng, 50);
  Rng a(5), b(5), c(6);
  const auto batches = MakeEpochBatches(lengths, 4, 20, 0, &a);
  EXPECT_EQ(batches, MakeEpochBatches(lengths, 4, 20, 0, &b));
  EXPECT_NE(batches, MakeEpochBatches(lengths, 4, 20, 0, &c));
  EXPECT_NE(batches, MakeEpochBatches(lengths, 4, 20, 0, &a));  // the next epoch
  EXPECT_THROW(MakeEpochBatches(lengths, 0, 20, 0, &a), Error);
  EXPECT_THROW(MakeEpochBatches(lengths, 4, 0, 0, &a), Error);
}

// Blocks of 10 in groups of 16: what a stretch of the epoch reads lies near one another.
TEST(MakeEpochBatches, BlocksStayTogether) {
  Rng rng(9);
  for (const int count : {2000, 2005}) {
    const std::vector<int64_t> lengths = RandomLengths(&rng, count);
    Rng a(5), b(5);
    const auto batches = MakeEpochBatches(lengths, 4, 40, 10, &a);
    EXPECT_EQ(batches, MakeEpochBatches(lengths, 4, 40, 10, &b));
    std::vector<int> seen;
    for (const auto &batch : batches) seen.insert(seen.end(), batch.begin(), batch.end());
    for (size_t begin = 0; begin < seen.size() && count == 2000; begin += 160) {
      std::set<int> blocks;
      for (size_t i = begin; i < std::min<size_t>(begin + 160, seen.size()); ++i)
        blocks.insert(seen[i] / 10);
      EXPECT_LE(blocks.size(), 16u);
      EXPECT_GT(*blocks.rbegin() - *blocks.begin(), 16);  // blocks from all over
    }
    EXPECT_FALSE(std::is_sorted(seen.begin(), seen.begin() + 160));
    std::sort(seen.begin(), seen.end());
    std::vector<int> all(lengths.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(seen, all);
  }
}

TEST(SplitIntoShards, BalancedInOrderAndDeterministic) {
  Rng rng(8);
  const std::vector<int64_t> lengths = RandomLengths(&rng, 300);
  for (const int count : {1, 3, 12, 100}) {
    std::vector<int> batch(lengths.size());
    std::iota(batch.begin(), batch.end(), 0);
    rng.Shuffle(&batch);
    batch.resize(static_cast<size_t>(count));
    for (const int num_shards : {1, 2, 4, 7}) {
      SCOPED_TRACE(Cat(count, " utterances, ", num_shards, " shards"));
      const auto shards = SplitIntoShards(batch, lengths, num_shards);
      ASSERT_EQ(shards.size(), static_cast<size_t>(num_shards));
      EXPECT_EQ(shards, SplitIntoShards(batch, lengths, num_shards));
      EXPECT_FALSE(shards[0].empty());
      std::vector<int> all;
      int64_t least = -1, most = 0, longest = 0;
      for (const auto &shard : shards) {
        int64_t frames = 0;
        std::vector<int> places;
        for (int u : shard) {
          frames += lengths[static_cast<size_t>(u)];
          longest = std::max(longest, lengths[static_cast<size_t>(u)]);
          places.push_back(
              static_cast<int>(std::find(batch.begin(), batch.end(), u) - batch.begin()));
        }
        EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
        all.insert(all.end(), shard.begin(), shard.end());
        least = least < 0 ? frames : std::min(least, frames);
        most = std::max(most, frames);
      }
      EXPECT_LE(most - least, longest);
      std::vector<int> want = batch;
      std::sort(all.begin(), all.end());
      std::sort(want.begin(), want.end());
      EXPECT_EQ(all, want);
    }
  }
}

TEST(SplitIntoShards, SmallCases) {
  const std::vector<int64_t> lengths = {5, 9, 5, 1, 4};
  EXPECT_EQ(SplitIntoShards({0, 1, 2, 3, 4}, lengths, 2),
            (std::vector<std::vector<int>>{{1, 4}, {0, 2, 3}}));
  EXPECT_EQ(SplitIntoShards({3}, lengths, 3), (std::vector<std::vector<int>>{{3}, {}, {}}));
  EXPECT_EQ(SplitIntoShards({}, lengths, 2), (std::vector<std::vector<int>>{{}, {}}));
  EXPECT_EQ(SplitIntoShards({2, 0}, lengths, 2), (std::vector<std::vector<int>>{{2}, {0}}));
}

}  // namespace
}  // namespace u2moe
