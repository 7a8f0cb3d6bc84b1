#include "base/thread-pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "support/heap-calls.h"

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

// With the caller as one of the threads, also where the workers are busy with something else; from
// several threads at the same time.
TEST(ThreadPool, TheCallerWorksToo) {
  for (const double spin : {0., 1e-3}) {
    ThreadPool pool(2, spin);
    std::vector<std::thread> callers;
    std::atomic<int64_t> sum{0};
    for (int c = 0; c < 3; ++c) {
      callers.emplace_back([&] {
        for (int64_t n = 0; n < 200; ++n) {
          std::vector<std::atomic<int>> seen(static_cast<size_t>(n % 7));
          pool.ParallelForWithCaller(n % 7, [&](int64_t i) {
            ++seen[static_cast<size_t>(i)];
            sum += i;
          });
          for (const std::atomic<int> &s : seen) EXPECT_EQ(s, 1);
        }
      });
    }
    pool.ParallelFor(500, [&](int64_t i) { sum += i; });
    for (std::thread &caller : callers) caller.join();
    int64_t want = 500 * 499 / 2;
    for (int64_t n = 0; n < 200; ++n) want += 3 * (n % 7) * (n % 7 - 1) / 2;
    EXPECT_EQ(sum, want);
  }
}

TEST(ThreadPool, ABusyPoolLeavesAllToTheCaller) {
  ThreadPool pool(1);
  std::atomic<bool> busy{false}, release{false};
  std::thread other([&] {
    pool.ParallelFor(1, [&](int64_t) {
      busy = true;
      while (!release) std::this_thread::yield();
    });
  });
  while (!busy) std::this_thread::yield();
  std::vector<int64_t> seen;  // by this thread alone
  pool.ParallelForWithCaller(5, [&](int64_t i) { seen.push_back(i); });
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  release = true;
  other.join();
}

TEST(ThreadPool, TheLowestFailureComesOutOfTheCaller) {
  ThreadPool pool(2);
  std::atomic<int> ended{0};
  try {
    pool.ParallelForWithCaller(20, [&](int64_t i) {
      if (i == 3 || i == 11) throw Error("task ", i);
      ++ended;
    });
    FAIL() << "no exception";
  } catch (const Error &e) {
    EXPECT_EQ(e.what(), std::string("task 3"));
  }
  EXPECT_EQ(ended, 18);
}

TEST(ThreadPool, TasksTakeNoMemory) {
  ThreadPool pool(3);
  std::atomic<int> running{0};
  pool.ParallelFor(3, [&](int64_t) {  // a thread that begins takes memory: all have begun
    ++running;
    while (running < 3) std::this_thread::yield();
  });
  std::atomic<int64_t> sum{0};
  const auto add = [&](int64_t i) { sum += i; };
  const auto run = [&] {
    for (int round = 0; round < 100; ++round) {
      pool.ParallelFor(10, add);
      pool.ParallelForWithCaller(10, add);
    }
  };
  run();
  const int64_t before = num_heap_calls;
  run();
  EXPECT_EQ(num_heap_calls - before, 0);
  EXPECT_EQ(sum, 400 * 45);
}

TEST(ThreadPool, NeedsAThread) { EXPECT_THROW(ThreadPool(0), Error); }

}  // namespace
}  // namespace u2moe
