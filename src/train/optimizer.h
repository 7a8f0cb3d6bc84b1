#ifndef U2MOE_TRAIN_OPTIMIZER_H_
#define U2MOE_TRAIN_OPTIMIZER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/asr-model.h"
#include "ops/adam.h"
#include "train/role-options.h"

namespace u2moe {

// WeNet's WarmupLR as its training loop runs it: the rate for the optimizer's step s (from 1) is
// lr * sqrt(warmup) * min(n^-0.5, n * warmup^-1.5) with n = max(1, s - 1), so the first two steps
// share one rate (wenet_quirks 38). warmup 0: constant lr.
double WarmupLearningRate(double lr, int64_t warmup_steps, int64_t step);

// Adam over a model with clipping of the global 2-norm, deterministic. Weight decay is that of
// AdamW (Loshchilov and Hutter 2019): apart from the gradient, before the step. Tensors of frozen
// roles, and those that no step trains (ParamUse::steps), stay as they are to the bit: they have no
// moments and are not in the norm.
class Optimizer {
 public:
  Optimizer(const AdamOptions &opts, double grad_clip, AsrModel *model,
            const RoleOptions &roles = RoleOptions());

  // One step with the gradients in *grad, at the given rate. Returns the norm before clipping. A
  // non-finite norm leaves the model as it is and is counted.
  double Step(const Context &ctx, double learning_rate, AsrModel *grad);

  // Leaves the model as it is and counts that: for a batch whose loss is not finite.
  void Skip() { ++num_skipped_; }

  int64_t NumSteps() const { return num_steps_; }
  int64_t NumSkipped() const { return num_skipped_; }

  // Moments and step count, for checkpoints: a safetensors file. Load throws DataError if the file
  // is not of this model.
  void Save(const std::string &path) const;
  void Load(const Context &ctx, const std::string &path);

 private:
  AdamOptions opts_;
  double grad_clip_;
  // Of each tensor that is trained: its place among TrainableTensors, and the rest.
  std::vector<size_t> places_;
  std::vector<double> rates_, decays_;
  std::vector<std::string> names_;
  std::vector<Tensor *> params_;
  std::vector<Tensor> m_, v_;
  int64_t num_steps_ = 0, num_skipped_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_OPTIMIZER_H_
