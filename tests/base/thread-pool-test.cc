#include "base/thread-pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

TEST(ThreadPool, EveryIndexRunsOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.NumThreads(), threads);
    std::vector<std::atomic<int>> seen(1000);
    pool.ParallelFor(1000, [&](int64_t i) { ++seen[static_cast<size_t>(i)]; });
    for (const std::atomic<int> &s : seen) EXPECT_EQ(s, 1);
    pool.ParallelFor(0, [](int64_t) { FAIL() << "nothing to do"; });
  }
}

TEST(ThreadPool, TheLowestFailureComesOutAfterAllHaveEnded) {
  ThreadPool pool(4);
  std::atomic<int> ended{0};
  try {
    pool.ParallelFor(50, [&](int64_t i) {
      if (i == 3) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // later in time than 40
        throw DataError("task ", i);
      }
      if (i == 40) throw std::logic_error("task 40");
      ++ended;
    });
    FAIL() << "no exception";
  } catch (const DataError &e) {
    EXPECT_EQ(e.what(), std::string("task 3"));
  }
  EXPECT_EQ(ended, 48);
  // The pool works on after a failure.
  pool.ParallelFor(10, [&](int64_t) { ++ended; });
  EXPECT_EQ(ended, 58);
}

TEST(ThreadPool, SubmitReturnsTheException) {
  ThreadPool pool(1);
  std::future<void> good = pool.Submit([] {});
  std::future<void> bad = pool.Submit([] { throw Error("broken"); });
  EXPECT_NO_THROW(good.get());
  EXPECT_THROW(bad.get(), Error);
}

TEST(ThreadPool, TheEndWaitsForQueuedTasks) {
  std::atomic<int> done{0};
  {
    ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) pool.Submit([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

TEST(ThreadPool, NeedsAThread) { EXPECT_THROW(ThreadPool(0), Error); }

}  // namespace
}  // namespace u2moe
