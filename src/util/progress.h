#ifndef U2MOE_UTIL_PROGRESS_H_
#define U2MOE_UTIL_PROGRESS_H_

#include <cstdint>
#include <string>

#include "base/timer.h"

namespace u2moe {

// Log lines about work that takes over 5 seconds: share done and time left.
//   Progress progress("decoding", num_utterances);   // 0: total not known
//   progress.Add(1);
class Progress {
 public:
  Progress(std::string what, int64_t total, double interval_seconds = 5.0);
  void Add(int64_t n, const std::string &extra = "");
  double Elapsed() const { return timer_.Elapsed(); }

 private:
  std::string what_;
  int64_t total_, done_ = 0;
  double interval_, next_;
  Timer timer_;
};

// 75 -> "1m15s", 3700 -> "1h01m".
std::string FormatDuration(double seconds);

}  // namespace u2moe

#endif  // U2MOE_UTIL_PROGRESS_H_
