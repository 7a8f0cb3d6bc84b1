#include "base/thread-pool.h"

#include <exception>
#include <utility>

#include "base/check.h"
#include "base/timer.h"

namespace u2moe {

ThreadPool::ThreadPool(int num_threads, double spin_seconds) : spin_seconds_(spin_seconds) {
  CHECK_GE(num_threads, 1);
  try {
    for (int i = 0; i < num_threads; ++i) workers_.emplace_back([this] { Work(); });
  } catch (...) {  // the system gives no more threads: end those that run, then say so
    Stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { Stop(); }

void ThreadPool::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread &t : workers_) t.join();
}

std::future<void> ThreadPool::Submit(std::function<void()> task) {
  std::packaged_task<void()> packaged(std::move(task));
  std::future<void> result = packaged.get_future();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(packaged));
    ++num_queued_;
  }
  wake_.notify_one();
  return result;
}

void ThreadPool::ParallelFor(int64_t n, const std::function<void(int64_t)> &fn) {
  std::vector<std::future<void>> results;
  results.reserve(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) results.push_back(Submit([&fn, i] { fn(i); }));
  std::exception_ptr first;
  for (std::future<void> &r : results) {
    try {
      r.get();
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

void ThreadPool::Work() {
  for (;;) {
    std::packaged_task<void()> task;
    if (spin_seconds_ > 0) {
      const Timer timer;
      while (num_queued_ == 0 && timer.Elapsed() < spin_seconds_) std::this_thread::yield();
    }
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      --num_queued_;
    }
    task();
  }
}

}  // namespace u2moe
