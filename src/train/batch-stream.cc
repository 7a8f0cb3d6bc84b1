#include "train/batch-stream.h"

#include <utility>

#include "base/check.h"

namespace u2moe {

BatchStream::BatchStream(const DataSource *source, const std::vector<std::vector<int>> *batches,
                         int64_t max_bytes)
    : source_(source), batches_(batches), max_bytes_(max_bytes) {
  if (!source_->InMemory()) thread_ = std::thread([this] { Run(); });
}

BatchStream::~BatchStream() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

LoadedBatch BatchStream::LoadBatch(size_t index) const {
  LoadedBatch loaded;
  for (const int i : (*batches_)[index]) {
    try {
      loaded.utterances.push_back(source_->Load(i));
    } catch (const DataError &e) {
      loaded.failed.emplace_back(source_->Key(i), e.what());
    }
  }
  return loaded;
}

void BatchStream::Run() {
  try {
    for (size_t index = 0; index < batches_->size(); ++index) {
      // Known before it is loaded, so that the limit holds while it is.
      int64_t bytes = 0;
      for (const int i : (*batches_)[index]) bytes += source_->NumBytes(i);
      for (bool room = false; !room;) {
        std::vector<LoadedBatch> used;
        std::unique_lock<std::mutex> lock(mutex_);
        const auto has_room = [&] {
          return waiting_.empty() || waiting_bytes_ + bytes <= max_bytes_;
        };
        changed_.wait(lock, [&] { return stop_ || !used_.empty() || has_room(); });
        if (stop_) return;
        used.swap(used_);
        room = has_room();
        if (room) waiting_bytes_ += bytes;
        lock.unlock();
        used.clear();
      }
      LoadedBatch loaded = LoadBatch(index);
      const std::lock_guard<std::mutex> lock(mutex_);
      waiting_.push_back({std::move(loaded), bytes});
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard<std::mutex> lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

const LoadedBatch &BatchStream::Next() {
  CHECK_LT(taken_, batches_->size());
  const size_t index = taken_++;
  if (!thread_.joinable()) {
    current_ = LoadBatch(index);
    return current_;
  }
  std::unique_lock<std::mutex> lock(mutex_);
  used_.push_back(std::move(current_));
  changed_.notify_all();
  changed_.wait(lock, [this] { return !waiting_.empty() || failure_ != nullptr; });
  if (waiting_.empty()) std::rethrow_exception(failure_);
  current_ = std::move(waiting_.front().batch);
  waiting_bytes_ -= waiting_.front().bytes;
  waiting_.pop_front();
  changed_.notify_all();
  return current_;
}

}  // namespace u2moe
