#include "base/stage-clock.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "base/timer.h"

namespace u2moe {
namespace {

struct Clock;

// Clocks of living threads, and what ended threads left.
struct Registry {
  std::mutex mutex;
  std::vector<Clock *> clocks;
  std::array<double, kNumStages> ended{};

  static Registry &Get() {
    static Registry *registry = new Registry;  // threads may end after the destructors of statics
    return *registry;
  }
};

struct Clock {
  Clock() {
    Registry &r = Registry::Get();
    const std::lock_guard<std::mutex> lock(r.mutex);
    r.clocks.push_back(this);
  }
  ~Clock() {
    Registry &r = Registry::Get();
    const std::lock_guard<std::mutex> lock(r.mutex);
    r.clocks.erase(std::find(r.clocks.begin(), r.clocks.end(), this));
    for (size_t i = 0; i < kNumStages; ++i) r.ended[i] += seconds[i];
  }
  static Clock &Get() {
    thread_local Clock clock;
    return clock;
  }

  // Gives the time since the last change to the stage that ends.
  Stage Change(Stage stage) {
    const double now = CpuSeconds(CLOCK_MONOTONIC);
    const Stage before = current;
    if (open > 0) {
      std::atomic<double> &sum = seconds[static_cast<size_t>(before)];
      sum.store(sum.load(std::memory_order_relaxed) + (now - since), std::memory_order_relaxed);
    }
    current = stage;
    since = now;
    return before;
  }

  std::array<std::atomic<double>, kNumStages> seconds{};  // written by their own thread only
  Stage current = Stage::kOther;
  double since = 0;
  int open = 0;
};

}  // namespace

const char *StageName(Stage stage) {
  static const char *const kNames[kNumStages] = {"other",     "features",     "subsampling",
                                                 "attention", "feed-forward", "convolution",
                                                 "ctc",       "search",       "rescoring"};
  return kNames[static_cast<size_t>(stage)];
}

StageScope::StageScope(Stage stage) {
  Clock &clock = Clock::Get();
  outer_ = clock.Change(stage);
  ++clock.open;
}

StageScope::~StageScope() {
  Clock &clock = Clock::Get();
  clock.Change(outer_);
  --clock.open;
}

std::array<double, kNumStages> StageSeconds() {
  Registry &r = Registry::Get();
  const std::lock_guard<std::mutex> lock(r.mutex);
  std::array<double, kNumStages> sum = r.ended;
  for (const Clock *clock : r.clocks) {
    for (size_t i = 0; i < kNumStages; ++i) sum[i] += clock->seconds[i].load();
  }
  return sum;
}

}  // namespace u2moe
