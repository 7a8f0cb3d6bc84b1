#ifndef U2MOE_TRAIN_TRAINER_H_
#define U2MOE_TRAIN_TRAINER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread-pool.h"
#include "feat/spec-augment.h"
#include "train/batching.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "util/options.h"

namespace u2moe {

struct TrainOptions {
  int32_t epochs = 20;
  int32_t batch_size = 12;    // utterances
  int32_t bucket_size = 400;  // utterances sorted by length together
  double learning_rate = 1e-3;
  int32_t warmup_steps = 400;
  double grad_clip = 5.0;
  int32_t accum_grad = 1;  // batches per step
  int32_t seed = 777;
  int32_t threads = 1;
  int32_t max_skipped_steps = 20;
  double exit_ctc_weight = LossOptions().exit_ctc_weight;
  bool spec_augment = true;
  SpecAugmentOptions spec;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  std::string ToString() const;
};

// What one epoch did; one line of log.jsonl.
struct EpochReport {
  int32_t epoch = 0;
  int64_t steps = 0, skipped_steps = 0;
  double learning_rate = 0;
  LossSums train, dev;
  double grad_norm = 0;  // mean over steps, before clipping
  int64_t frames = 0;    // 10 ms feature frames
  double wall_seconds = 0, cpu_seconds = 0, dev_seconds = 0;
  std::string ToJson() const;
};

// Trains a U2++ model on utterances in memory. Data order, chunk sizes, masks and dropout depend on
// the seed, the epoch and the place in the epoch only, so a run that is stopped and resumed gives
// the same bits as one that is not. Batches are split over threads; gradients are summed in a fixed
// order, so the same seed and thread count give the same bits.
class Trainer {
 public:
  Trainer(const TrainOptions &opts, AsrModel *model, const std::vector<TrainUtterance> *data);

  // Epochs count from 1. A step whose loss or gradient is not finite is skipped, and the utterances
  // to blame are named. Throws Error after more than max_skipped_steps of them, for an epoch
  // without a single good step, and for one that ends with a mean loss far above that of guessing.
  EpochReport TrainEpoch(int32_t epoch);
  // Full context, no dropout. failed, if not null, receives the keys of the utterances whose loss
  // is not finite.
  LossSums DevLoss(const std::vector<TrainUtterance> &dev,
                   std::vector<std::string> *failed = nullptr);
  u2moe::Optimizer *Optimizer() { return &optimizer_; }

 private:
  TrainBatch MakeBatch(const std::vector<int> &utterances, int32_t epoch) const;
  // Adds the gradients of one of the `group_size` batches of a step. Returns the sums over its
  // utterances.
  LossSums RunBatch(const std::vector<int> &batch, int32_t epoch, int64_t index, int group_size);
  LossSums LossOf(const TrainUtterance &utterance) const;  // alone, full context, no dropout
  bool HasFiniteLoss(const TrainUtterance &utterance) const;
  // What to say of utterances with which a step has failed.
  std::string Blame(const std::vector<int> &utterances) const;
  void CheckEpoch(const EpochReport &report, int64_t good_steps, int64_t steps) const;

  TrainOptions opts_;
  AsrModel *model_;
  const std::vector<TrainUtterance> *data_;
  std::vector<int64_t> lengths_;
  Context ctx_;
  ThreadPool pool_;
  std::vector<std::unique_ptr<AsrModel>> grads_;  // one per thread
  u2moe::Optimizer optimizer_;
};

// Why an utterance cannot be trained on.
enum class Unfit { kNo, kLabel, kDimension, kValue, kFrames, kLoss };
// A few words for it, for a summary: "labels that are not the model's".
const char *UnfitName(Unfit unfit);

// Whether an utterance can be trained on; if not, *why says what is wrong and what to do. Where its
// features are far beyond logarithms of energies its loss is computed, too.
Unfit FindUnfit(const AsrModel &model, const TrainUtterance &utterance, std::string *why);
inline bool IsTrainable(const AsrModel &model, const TrainUtterance &utterance, std::string *why) {
  return FindUnfit(model, utterance, why) == Unfit::kNo;
}

}  // namespace u2moe

#endif  // U2MOE_TRAIN_TRAINER_H_
