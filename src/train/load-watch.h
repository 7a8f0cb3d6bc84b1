// Watches in training how evenly the experts of each mixture are used.
#ifndef U2MOE_TRAIN_LOAD_WATCH_H_
#define U2MOE_TRAIN_LOAD_WATCH_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "layer/route-sink.h"
#include "model/model-config.h"
#include "moe/capacity.h"

namespace u2moe {

// How often each expert of each mixture that was heard got a row. [mixture][expert]
using ExpertCounts = std::vector<std::vector<int64_t>>;
// *sum += sign * counts; mixtures that sum does not have begin at 0.
void AddCounts(const ExpertCounts &counts, int64_t sign, ExpertCounts *sum);

// Hears one forward and loss.
class LoadCounter : public RouteSink {
 public:
  void OnRoute(ConstView logits, Span<int32_t> experts, Span<float> gates) override;
  void OnCapacity(const RaggedShape &shape, Span<int32_t> wanted, Span<int32_t> kept) override {
    drops_.Add(shape, wanted, kept);
  }
  const ExpertCounts &Counts() const { return counts_; }
  const CapacityDrops &Drops() const { return drops_; }

 private:
  ExpertCounts counts_;
  CapacityDrops drops_;
};

// Loads over the last steps of an epoch. A load is an expert's share of the rows against an even
// one: 1 is fair, 0 is dead. Nothing is carried from epoch to epoch, so that a resumed training
// says what one that was not stopped says.
class LoadWatch {
 public:
  static constexpr size_t kSteps = 100;      // that loads are taken over
  static constexpr double kCollapse = 0.02;  // loads below it are warned of
  static constexpr int64_t kRows = 50;       // an even share of fewer rows says nothing

  explicit LoadWatch(const ModelConfig &config);

  void BeginEpoch(int32_t epoch);
  void Add(const ExpertCounts &counts);  // of a part of the step
  // Ends a step. Warns, once per epoch and mixture, with the step's number in the epoch, of one
  // with an expert below kCollapse over the last kSteps steps.
  void EndStep();
  // The same for epochs of fewer steps.
  void EndEpoch();

  struct Load {
    double load = 1;
    std::string mixture;  // "": there is none
    int expert = 0;
  };
  // The smallest of all mixtures over the last kSteps steps, or those there were.
  Load Smallest() const;

 private:
  Load SmallestOf(size_t mixture, int64_t *even_share) const;
  std::string Name(size_t mixture) const;
  void Warn();

  std::vector<std::string> names_;
  int32_t epoch_ = 0;
  int64_t num_steps_ = 0;  // of the epoch
  std::deque<ExpertCounts> steps_;
  ExpertCounts step_, sum_;  // of the step under way; of steps_
  std::vector<bool> warned_;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_LOAD_WATCH_H_
