#ifndef U2MOE_BASE_TIMER_H_
#define U2MOE_BASE_TIMER_H_

#include <time.h>

#include <chrono>

namespace u2moe {

// Wall-clock seconds since construction or Reset().
class Timer {
 public:
  Timer() { Reset(); }
  void Reset() { begin_ = std::chrono::steady_clock::now(); }
  double Elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_;
};

// CPU seconds used so far by the calling thread, or by all threads of the process.
inline double CpuSeconds(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
inline double ThreadCpuSeconds() { return CpuSeconds(CLOCK_THREAD_CPUTIME_ID); }
inline double ProcessCpuSeconds() { return CpuSeconds(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace u2moe

#endif  // U2MOE_BASE_TIMER_H_
