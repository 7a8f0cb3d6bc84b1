#include "train/gradient-sum.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "ops/elementwise.h"

namespace u2moe {
namespace {

std::vector<Tensor *> Buffers(AsrModel *model) {
  std::vector<Tensor *> buffers;
  ForEachParam(model, [&](const std::string &, Tensor *t, const ParamInit &, bool trainable) {
    if (!trainable) buffers.push_back(t);
  });
  return buffers;
}

}  // namespace

void GradientSum::AddAll(float factor, const std::vector<Tensor *> &from,
                         const std::vector<Tensor *> &to) const {
  for (size_t i = 0; i < to.size(); ++i) AddTo(ctx_, factor, *from[i], *to[i]);
}

GradientSum::Place *GradientSum::NewPlace() {
  auto place = std::make_unique<Place>();
  place->grad = std::make_unique<AsrModel>(model_->Config());
  if (!ctx_.OnHost()) MoveToDevice(ctx_, place->grad.get());
  ForEachParam(place->grad.get(),
               [&](const std::string &, Tensor *t, const ParamInit &, bool trainable) {
                 (trainable ? place->params : place->buffers).push_back(t);
               });
  places_.push_back(std::move(place));
  return places_.back().get();
}

GradientSum::Place *GradientSum::Acquire(int shard, int max_places) {
  std::unique_lock<std::mutex> lock(mutex_);
  // In order, so that a place never goes to a shard whose turn to be added comes after that of one
  // without a place: the two would wait for one another.
  changed_.wait(lock, [&] {
    return next_start_ == shard &&
           (!free_.empty() || static_cast<int>(places_.size()) < max_places);
  });
  ++next_start_;
  changed_.notify_all();
  if (free_.empty()) return NewPlace();
  Place *place = free_.back();
  free_.pop_back();
  return place;
}

void GradientSum::Finish(int shard, Place *place) {
  std::unique_lock<std::mutex> lock(mutex_);
  done_[static_cast<size_t>(shard)] = place;
  finished_[static_cast<size_t>(shard)] = true;
  if (adding_) return;  // who adds goes on with this one
  adding_ = true;
  while (next_add_ < static_cast<int>(done_.size()) && finished_[static_cast<size_t>(next_add_)]) {
    Place *next = done_[static_cast<size_t>(next_add_++)];
    if (next == nullptr) continue;
    if (total_ == nullptr) {
      total_ = next;
      continue;
    }
    lock.unlock();
    AddAll(1, next->params, total_->params);
    AddAll(1, next->buffers, total_->buffers);
    ctx_.Synchronize();  // other threads go on with both
    lock.lock();
    free_.push_back(next);
    changed_.notify_all();
  }
  adding_ = false;
}

void GradientSum::AddBatch(ThreadPool *pool, int num_shards, const ShardFn &fn) {
  done_.assign(static_cast<size_t>(num_shards), nullptr);
  finished_.assign(static_cast<size_t>(num_shards), false);
  next_start_ = next_add_ = 0;
  const int max_places = std::min(pool->NumThreads(), num_shards) + 1;
  const std::vector<Tensor *> buffers = Buffers(model_);
  const auto run = [&](int64_t s) {
    const int shard = static_cast<int>(s);
    Place *place = nullptr;
    try {
      place = Acquire(shard, max_places);
      SetZero(place->grad.get());
      AddAll(1, buffers, place->buffers);
      fn(shard, place->grad.get());
      AddAll(-1, buffers, place->buffers);  // how far they have moved
      ctx_.Synchronize();
    } catch (...) {
      if (place != nullptr) {
        const std::lock_guard<std::mutex> lock(mutex_);
        free_.push_back(place);
      }
      changed_.notify_all();
      Finish(shard, nullptr);
      throw;
    }
    Finish(shard, place);
  };
  try {
    pool->ParallelFor(num_shards, run);
  } catch (...) {
    if (total_ != nullptr) ClearBuffers(total_);
    throw;
  }
  CHECK_EQ(next_add_, num_shards);
  if (total_ == nullptr) return;
  AddAll(1 / static_cast<float>(num_shards), total_->buffers, buffers);
  ClearBuffers(total_);
  ctx_.Synchronize();
}

void GradientSum::ClearBuffers(Place *place) {
  for (Tensor *t : place->buffers) t->SetZero();
}

AsrModel *GradientSum::Total() {
  if (total_ == nullptr) {
    total_ = free_.empty() ? NewPlace() : free_.back();
    if (!free_.empty()) free_.pop_back();
    SetZero(total_->grad.get());
  }
  return total_->grad.get();
}

void GradientSum::Clear() {
  if (total_ != nullptr) free_.push_back(total_);
  total_ = nullptr;
}

}  // namespace u2moe
