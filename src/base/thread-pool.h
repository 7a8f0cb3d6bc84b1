#ifndef U2MOE_BASE_THREAD_POOL_H_
#define U2MOE_BASE_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace u2moe {

// A fixed set of worker threads and one queue of tasks.
class ThreadPool {
 public:
  // num_threads >= 1. Workers without a task look for one for spin_seconds before they sleep:
  // waking one costs tens of microseconds, more than a short task.
  explicit ThreadPool(int num_threads, double spin_seconds = 0);
  ~ThreadPool();  // finishes queued tasks first
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int NumThreads() const { return static_cast<int>(workers_.size()); }

  // Runs task on some worker; an exception of the task comes out of the future's get().
  std::future<void> Submit(std::function<void()> task);

  // Runs fn(0), ..., fn(n - 1) on the workers and waits for all of them. If any throws, the
  // exception of the lowest index is rethrown after all have ended. Not to be called from a task of
  // the same pool: with all workers waiting, nothing would run.
  void ParallelFor(int64_t n, const std::function<void(int64_t)> &fn);

 private:
  void Work();
  void Stop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<void()>> queue_;
  std::atomic<int64_t> num_queued_{0};  // the queue's length, for looking without the lock
  const double spin_seconds_;
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace u2moe

#endif  // U2MOE_BASE_THREAD_POOL_H_
