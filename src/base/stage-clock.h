#ifndef U2MOE_BASE_STAGE_CLOCK_H_
#define U2MOE_BASE_STAGE_CLOCK_H_

#include <array>

namespace u2moe {

// The parts of recognition that time is told apart by.
enum class Stage {
  kOther,
  kFeatures,
  kSubsampling,
  kAttention,
  kFeedForward,
  kConvolution,
  kCtc,
  kSearch,
  kRescoring
};
constexpr int kNumStages = 9;
const char *StageName(Stage stage);  // "feed-forward"

// The calling thread's time belongs to `stage` from construction to destruction, but for scopes
// inside it. Costs two readings of the clock, about 50 ns.
class StageScope {
 public:
  explicit StageScope(Stage stage);
  ~StageScope();
  StageScope(const StageScope &) = delete;
  StageScope &operator=(const StageScope &) = delete;

 private:
  Stage outer_;
};

// Wall-clock seconds inside scopes since the process began, by stage, summed over all threads;
// scopes that are still open count up to the last change of stage in their thread.
std::array<double, kNumStages> StageSeconds();

}  // namespace u2moe

#endif  // U2MOE_BASE_STAGE_CLOCK_H_
