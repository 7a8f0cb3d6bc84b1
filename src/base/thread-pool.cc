#include "base/thread-pool.h"

#include <algorithm>
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

void ThreadPool::Enqueue(Batch *batch) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Batch **end = &queue_;
    while (*end != nullptr) end = &(*end)->behind;
    *end = batch;
    num_queued_ += batch->count;
  }
  const int64_t wanted = std::min(batch->count, static_cast<int64_t>(workers_.size()));
  for (int64_t i = 0; i < wanted; ++i) wake_.notify_one();
}

bool ThreadPool::RunOne(Batch *batch, std::unique_lock<std::mutex> *lock) {
  if (batch == nullptr) batch = queue_;
  if (batch == nullptr || batch->next == batch->count) return false;
  const int64_t i = batch->next++;
  --num_queued_;
  if (batch->next == batch->count) {
    Batch **at = &queue_;
    while (*at != batch) at = &(*at)->behind;
    *at = batch->behind;
  }
  lock->unlock();
  std::exception_ptr failure;
  try {
    batch->fn(i);
  } catch (...) {
    failure = std::current_exception();
  }
  lock->lock();
  if (failure && (!batch->failure || i < batch->failed)) {
    batch->failure = std::move(failure);
    batch->failed = i;
  }
  if (--batch->left == 0) ended_.notify_all();
  return true;
}

void ThreadPool::ParallelFor(int64_t n, const std::function<void(int64_t)> &fn) {
  if (n <= 0) return;
  Batch batch{fn, n, 0, {n}};
  Enqueue(&batch);
  std::unique_lock<std::mutex> lock(mutex_);
  ended_.wait(lock, [&] { return batch.left == 0; });
  if (batch.failure) std::rethrow_exception(batch.failure);
}

void ThreadPool::ParallelForWithCaller(int64_t n, const std::function<void(int64_t)> &fn) {
  if (n <= 0) return;
  Batch batch{fn, n, 0, {n}};
  Enqueue(&batch);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    while (RunOne(&batch, &lock)) {
    }
  }
  while (batch.left > 0) std::this_thread::yield();
  if (batch.failure) std::rethrow_exception(batch.failure);
}

void ThreadPool::Work() {
  for (;;) {
    if (spin_seconds_ > 0) {
      const Timer timer;
      while (num_queued_ == 0 && timer.Elapsed() < spin_seconds_) std::this_thread::yield();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [this] { return stop_ || queue_ != nullptr; });
    if (!RunOne(nullptr, &lock)) return;
  }
}

}  // namespace u2moe
