#ifndef U2MOE_TRAIN_EPOCH_REPORT_H_
#define U2MOE_TRAIN_EPOCH_REPORT_H_

#include <cstdint>
#include <string>

#include "train/link-watch.h"
#include "train/load-watch.h"
#include "train/loss-terms.h"

namespace u2moe {

// What one epoch did; one line of log.jsonl. ToJson: for each term of the losses "train_<name>" and
// "dev_<name>", its mean, after "train_loss" and "dev_loss", the mean totals; with mixtures
// "min_expert_load" (LoadWatch::Smallest) and "min_expert_load_mixture", where it was; with a
// topology "slowest_link_seconds", "slowest_link_seconds_if_even" and "local_share", see LinkWatch;
// where experts have a capacity, "dropped", the share of the experts that rows wanted and did not
// get, and "dropped_by_tenth" of the utterance.
struct EpochReport {
  int32_t epoch = 0;
  int64_t steps = 0, skipped_steps = 0;
  double learning_rate = 0;
  LossTerms train, dev;
  double grad_norm = 0;  // mean over steps, before clipping
  LoadWatch::Load min_load;
  LinkWatch::Report links;
  CapacityDrops drops;  // of all mixtures, where experts have a capacity
  int64_t frames = 0;   // 10 ms feature frames
  double wall_seconds = 0, cpu_seconds = 0, dev_seconds = 0;
  std::string ToJson() const;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_EPOCH_REPORT_H_
