#include "util/progress.h"

#include <cmath>
#include <cstdio>
#include <utility>

#include "base/log.h"

namespace u2moe {

Progress::Progress(std::string what, int64_t total, double interval_seconds)
    : what_(std::move(what)), total_(total), interval_(interval_seconds), next_(interval_seconds) {}

void Progress::Add(int64_t n, const std::string &extra) {
  done_ += n;
  const double elapsed = timer_.Elapsed();
  if (elapsed < next_) return;
  next_ = elapsed + interval_;
  std::string line = what_ + ": " + std::to_string(done_);
  if (total_ > 0 && done_ > 0) {
    const double share = static_cast<double>(done_) / static_cast<double>(total_);
    char percent[16];
    std::snprintf(percent, sizeof percent, "%.0f %%", 100 * share);
    line += " of " + std::to_string(total_) + " (" + percent + "), " +
            FormatDuration(elapsed * (1 / share - 1)) + " left";
  }
  if (!extra.empty()) line += ", " + extra;
  LOG_INFO << line;
}

std::string FormatDuration(double seconds) {
  const int64_t s = std::llround(seconds < 0 ? 0 : seconds);
  char text[48];
  if (s < 60) {
    std::snprintf(text, sizeof text, "%llds", static_cast<long long>(s));
  } else if (s < 3600) {
    std::snprintf(text, sizeof text, "%lldm%02llds", static_cast<long long>(s / 60),
                  static_cast<long long>(s % 60));
  } else {
    std::snprintf(text, sizeof text, "%lldh%02lldm", static_cast<long long>(s / 3600),
                  static_cast<long long>(s % 3600 / 60));
  }
  return text;
}

}  // namespace u2moe
