#ifndef U2MOE_BASE_THREAD_POOL_H_
#define U2MOE_BASE_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace u2moe {

// A fixed set of worker threads and one queue of tasks. Handing tasks over takes no memory.
class ThreadPool {
 public:
  // num_threads >= 1. Workers without a task look for one for spin_seconds before they sleep:
  // waking one costs tens of microseconds, more than a short task.
  explicit ThreadPool(int num_threads, double spin_seconds = 0);
  ~ThreadPool();  // no ParallelFor may be under way
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int NumThreads() const { return static_cast<int>(workers_.size()); }

  // Runs fn(0), ..., fn(n - 1) on the workers and waits for all of them. If any throws, the
  // exception of the lowest index is rethrown after all have ended. Threads may call it at the same
  // time, but no task of the same pool may: with all workers waiting, nothing would run.
  void ParallelFor(int64_t n, const std::function<void(int64_t)> &fn);
  // The same on the workers and the calling thread, for tasks so short that it had better look for
  // their end than sleep.
  void ParallelForWithCaller(int64_t n, const std::function<void(int64_t)> &fn);

 private:
  // The tasks of one ParallelFor, in the frame of its caller; the mutex guards all of it.
  struct Batch {
    const std::function<void(int64_t)> &fn;
    const int64_t count;
    int64_t next = 0;           // the first that nobody has taken
    std::atomic<int64_t> left;  // not ended; the caller may read it without the mutex
    int64_t failed = 0;         // the lowest index that threw
    std::exception_ptr failure{};
    Batch *behind = nullptr;  // the next in the queue
  };

  void Work();
  void Stop();
  void Enqueue(Batch *batch);
  // A task of this batch, or of the first in the queue if null: takes it, runs it without the lock,
  // and notes its end, after which the batch may be gone. False if there is none.
  bool RunOne(Batch *batch, std::unique_lock<std::mutex> *lock);

  std::mutex mutex_;
  std::condition_variable wake_, ended_;  // there are tasks; a batch has ended
  Batch *queue_ = nullptr;                // batches with tasks that nobody has taken
  std::atomic<int64_t> num_queued_{0};    // such tasks, for looking without the lock
  const double spin_seconds_;
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace u2moe

#endif  // U2MOE_BASE_THREAD_POOL_H_
