#ifndef U2MOE_TRAIN_TRAIN_OPTIONS_H_
#define U2MOE_TRAIN_TRAIN_OPTIONS_H_

#include <cstdint>
#include <string>

#include "feat/spec-augment.h"
#include "modelfile/device-options.h"
#include "train/aux-options.h"
#include "train/loss.h"
#include "train/role-options.h"
#include "train/teacher.h"
#include "util/options.h"

namespace u2moe {

struct TrainOptions {
  DeviceOptions device;
  int32_t epochs = 20;
  int32_t batch_size = 12;    // utterances
  int32_t bucket_size = 400;  // utterances sorted by length together
  int32_t shuffle_block = 0;  // utterances that stay together when the set is shuffled; 0: none do
  double learning_rate = 1e-3;
  int32_t warmup_steps = 400;
  double grad_clip = 5.0;
  int32_t accum_grad = 1;  // batches per step
  int32_t seed = 777;
  int32_t shards = 4;          // of a batch, at most
  int32_t shard_frames = 256;  // feature frames of a shard, at least, unless it is the only one
  int32_t threads = 1;         // has no effect on results
  int32_t max_skipped_steps = 20;
  double exit_ctc_weight = LossOptions().exit_ctc_weight;
  // Whether the number of experts that work on a frame is drawn for each batch, from 1 to what the
  // model, or its policy, says.
  bool elastic = false;
  RoleOptions roles;
  AuxOptions aux;
  TeacherOptions teacher;
  RouteTeacherOptions route_teacher;
  double embed_ctc_weight = LossOptions().embed_ctc_weight;
  bool spec_augment = true;
  SpecAugmentOptions spec;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // Reads what options name, to where it computes. The model is still the host's. Throws UsageError
  // where they do not go with the model.
  void Load(const ModelInfo &info, AsrModel *model);
  // name=value words of all that results depend on, which threads and device are not, after Load;
  // Identity: but for the epochs, of which a resumed training may have more.
  std::string ToString() const;
  std::string Identity() const;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_TRAIN_OPTIONS_H_
