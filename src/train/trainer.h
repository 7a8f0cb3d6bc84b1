#ifndef U2MOE_TRAIN_TRAINER_H_
#define U2MOE_TRAIN_TRAINER_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/thread-pool.h"
#include "train/batch-stream.h"
#include "train/batching.h"
#include "train/data-source.h"
#include "train/epoch-report.h"
#include "train/gradient-sum.h"
#include "train/link-watch.h"
#include "train/load-watch.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/train-options.h"

namespace u2moe {

// Trains a U2++ model. Data order depends on the seed and the epoch; the chunk mask of a batch, and
// with opts.elastic its number of experts, on these and the keys of its utterances; SpecAugment and
// dropout of an utterance on these and its key; what gets gradients in a share of the steps only
// (ParamUse::steps), on the seed and the number of the step. A batch is cut into opts.shards parts
// (fewer if it is small), whose gradients are summed in their order; shard i is on rank i modulo
// the ranks of the topology. So threads, the place of the features (memory or archives) and an
// interruption make no difference: all bits are the same.
class Trainer {
 public:
  // model, in the memory of opts.device, and data must outlive the trainer. read_ahead_bytes: of
  // features that may wait in memory, if they are not there anyway.
  Trainer(const TrainOptions &opts, AsrModel *model, const DataSource *data,
          int64_t read_ahead_bytes = int64_t{256} << 20);

  // Epochs count from 1. A step whose loss or gradient is not finite is skipped, and the utterances
  // to blame are named. An utterance that cannot be loaded any more is left out of its batch, with
  // a warning. Throws Error after more than max_skipped_steps of such steps or utterances, for an
  // epoch without a single good step, and for one that ends with a mean loss far above that of
  // guessing.
  EpochReport TrainEpoch(int32_t epoch);
  // Full context, no dropout. failed, if not null, receives the keys of the utterances whose loss
  // is not finite.
  LossTerms DevLoss(const DataSource &dev, std::vector<std::string> *failed = nullptr);
  u2moe::Optimizer *Optimizer() { return &optimizer_; }

 private:
  // The parts of a shard's batch: an utterance as the epoch's SpecAugment leaves it.
  TrainBatch MakeBatch(const std::vector<const TrainUtterance *> &utterances, int32_t epoch) const;
  // Adds the gradients of one of the `group_size` batches of a step. Returns the sums over its
  // utterances.
  LossTerms RunBatch(const LoadedBatch &batch, int32_t epoch, int group_size);
  bool HasFiniteLoss(const DataSource &data, int64_t i) const;
  // What to say of utterances with which a step has failed.
  std::string Blame(const std::vector<int> &utterances) const;
  void NoteUnreadable(const LoadedBatch &batch);
  void CheckEpoch(const EpochReport &report, int64_t good_steps, int64_t steps) const;

  TrainOptions opts_;
  AsrModel *model_;
  const DataSource *data_;
  int64_t read_ahead_bytes_;
  std::vector<int64_t> lengths_;
  Context ctx_;
  ThreadPool pool_;
  GradientSum gradients_;
  u2moe::Optimizer optimizer_;
  LoadWatch loads_;
  LinkWatch links_;
  ExpertCounts step_counts_;  // of the step under way
  CapacityDrops drops_;       // of the epoch under way
  std::set<std::string> unreadable_;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_TRAINER_H_
