#include "table/utterance-loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "base/rng.h"

namespace u2moe {
namespace {

double Length(const std::vector<double> &seconds, const std::vector<size_t> &batch) {
  double sum = 0;
  for (const size_t i : batch) sum += seconds[i];
  return sum;
}

TEST(PlanBatches, EachUtteranceOnceAndNoneTooLong) {
  Rng rng(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> seconds(static_cast<size_t>(rng.UniformInt(0, 30)));
    for (double &s : seconds) s = rng.UniformInt(0, 4) == 0 ? 0 : rng.Uniform(0, 40);
    const double limit = rng.Uniform(0.1, 100);
    const int threads = static_cast<int>(rng.UniformInt(1, 5));
    std::vector<size_t> all;
    for (const auto &batch : PlanBatches(seconds, limit, threads)) {
      ASSERT_FALSE(batch.empty());
      EXPECT_TRUE(batch.size() == 1 || Length(seconds, batch) <= limit);
      for (size_t i = 1; i < batch.size(); ++i) EXPECT_GE(seconds[batch[i - 1]], seconds[batch[i]]);
      all.insert(all.end(), batch.begin(), batch.end());
    }
    std::sort(all.begin(), all.end());
    std::vector<size_t> want(seconds.size());
    std::iota(want.begin(), want.end(), size_t{0});
    EXPECT_EQ(all, want);
  }
}

TEST(PlanBatches, ThreadsShareAlike) {
  // One batch where all fits, whatever the order.
  EXPECT_EQ(PlanBatches({3, 9, 5}, 17, 1), (std::vector<std::vector<size_t>>{{1, 2, 0}}));
  // Not all in one while others wait.
  const std::vector<double> seconds = {10, 10, 10, 10, 10, 10, 10, 10};
  for (const int threads : {1, 2, 4, 8}) {
    const auto batches = PlanBatches(seconds, 1000, threads);
    ASSERT_EQ(batches.size(), static_cast<size_t>(threads));
    for (const auto &batch : batches) EXPECT_EQ(Length(seconds, batch), 80.0 / threads);
  }
  EXPECT_EQ(PlanBatches(seconds, 25, 3).size(), 6u);
  // One that is too long is alone.
  const auto with_long = PlanBatches({1, 100, 2}, 10, 1);
  EXPECT_EQ(with_long[0], std::vector<size_t>{1});
}

struct Job : UtteranceJob {
  int number = 0;
};

// What ForEachGroup does with utterances of these lengths: the batches, and the keys written.
struct Ran {
  std::vector<std::vector<int>> batches;
  std::vector<int> written;
  size_t most_held = 0;
};
Ran RunLoop(const std::vector<double> &seconds, double batch_seconds, int num_threads) {
  OptionParser po("");
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  Progress progress("", 0);
  ThreadOptions threads;
  threads.threads = num_threads;
  Together together;
  together.batch_seconds = batch_seconds;
  Ran ran;
  std::mutex mutex;
  size_t next_job = 0, held = 0;
  ForEachGroup<Job>(
      threads, together, &speed, &tally, &progress,
      [&](Job *job) {
        if (next_job == seconds.size()) return false;
        job->number = static_cast<int>(next_job);
        job->key = Cat("k", next_job);
        job->audio_seconds = seconds[next_job++];
        if (job->number % 7 == 3) job->Try([] { throw DataError("bad"); });
        ran.most_held = std::max(ran.most_held, ++held);
        return true;
      },
      [&](const std::function<Job *()> &next) {
        std::vector<int> batch;
        while (Job *job = next()) batch.push_back(job->number);
        const std::lock_guard<std::mutex> lock(mutex);
        ran.batches.push_back(batch);
      },
      [&](Job *job) {
        ran.written.push_back(job->number);
        --held;
      });
  EXPECT_EQ(tally.NumDone() + tally.NumFailed(), static_cast<int64_t>(seconds.size()));
  return ran;
}

TEST(ForEachGroup, BatchesHoldAndWriteInOrder) {
  Rng rng(5);
  std::vector<double> seconds;
  for (int i = 0; i < 300; ++i) seconds.push_back(rng.Uniform(0.5, 20));
  seconds[100] = 500;
  std::vector<int> good;
  for (int i = 0; i < 300; ++i) {
    if (i % 7 != 3) good.push_back(i);
  }
  for (const int threads : {1, 3}) {
    for (const double limit : {1.0, 60.0, 1e6}) {
      const Ran ran = RunLoop(seconds, limit, threads);
      EXPECT_EQ(ran.written, good);
      std::vector<int> computed;
      for (const std::vector<int> &batch : ran.batches) {
        double sum = 0;
        for (const int i : batch) sum += seconds[static_cast<size_t>(i)];
        EXPECT_TRUE(batch.size() == 1 || sum <= limit) << limit << " " << sum;
        computed.insert(computed.end(), batch.begin(), batch.end());
      }
      std::sort(computed.begin(), computed.end());
      EXPECT_EQ(computed, good);
      // About as few batches as can be: those of a group are filled evenly.
      if (limit == 60) {
        EXPECT_LE(ran.batches.size(), 75u);  // of 60 s, 46 would do for one thread
        EXPECT_LE(ran.most_held, 150u);
      }
      if (limit > 1000 && threads == 1) {
        EXPECT_EQ(ran.batches.size(), 1u);
      }
    }
  }
}

TEST(Together, Check) {
  Together together;
  together.Check(false);
  together.Check(true);
  together.streams = 3;
  together.Check(true);
  EXPECT_THROW(together.Check(false), UsageError);
  together.streams = 0;
  EXPECT_THROW(together.Check(true), UsageError);
  together.streams = 1;
  together.batch_seconds = 10;
  together.Check(false);
  EXPECT_THROW(together.Check(true), UsageError);
  for (const double bad : {-2.0, std::nan(""), 1e9}) {
    together.batch_seconds = bad;
    EXPECT_THROW(together.Check(false), UsageError);
  }
}

}  // namespace
}  // namespace u2moe
