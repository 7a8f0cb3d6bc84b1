#include "train/train-options.h"

#include <cmath>

#include "base/log.h"

namespace u2moe {

void TrainOptions::Register(OptionParser *po) {
  device.Register(po);
  po->Register("epochs", &epochs, "passes over the training data");
  po->Register("batch-size", &batch_size, "utterances per batch");
  po->Register("bucket-size", &bucket_size,
               "utterances that are sorted by length together before they are batched");
  po->Register("shuffle-block", &shuffle_block,
               "shuffle blocks of so many utterances that lie side by side in the table, and "
               "utterances among a few blocks only: reads of a set that is not in memory stay near "
               "one another; 0: shuffle all utterances");
  po->Register("learning-rate", &learning_rate,
               "highest learning rate, reached after --warmup-steps");
  po->Register("warmup-steps", &warmup_steps,
               "optimizer steps of rising rate; afterwards it falls as 1/sqrt(step)");
  po->Register("grad-clip", &grad_clip, "largest 2-norm of the whole gradient; 0: no clipping");
  po->Register("accum-grad", &accum_grad,
               "batches whose gradients are averaged into one step; fewer at the end of an epoch");
  po->Register("seed", &seed, "seed of data order, chunk sizes, masks and dropout");
  po->Register("shards", &shards,
               "parts of about equal length that each batch is cut into, whatever --threads is. "
               "Gradients are summed shard by shard, so results depend on this number. With "
               "conv-norm=batch-norm each shard is normalised by its own statistics, and the mean "
               "of what the shards make of the running statistics is kept for decoding; losses of "
               "routers are of a shard, too");
  po->Register("shard-frames", &shard_frames,
               "a batch of less than --shards times so many frames is cut into fewer parts: small "
               "ones cost more time");
  po->Register("threads", &threads,
               "threads that share the shards of each batch; results do not depend on it. More "
               "than --shards are of no use");
  po->Register("max-skipped-steps", &max_skipped_steps,
               "stop after more than this many steps without a finite gradient, or utterances that "
               "cannot be read any more");
  po->Register(
      "exit-ctc-weight", &exit_ctc_weight,
      "with --exit-blank: share of the CTC loss that is of the CTC head after --exit-block");
  po->Register("elastic", &elastic,
               "work with a random number of experts in each batch, from 1 to what the model was "
               "made with (or --experts-per-frame), so that any of them will do in nnet-forward "
               "--experts-per-frame. Where a batch has one, routers whose gates sum to 1 get no "
               "gradient from it");
  roles.Register(po);
  aux.Register(po);
  teacher.Register(po);
  route_teacher.Register(po);
  po->Register(
      "embed-ctc-weight", &embed_ctc_weight,
      "with router=speech-moe: weight of the CTC loss of the embedding network; with 0 the "
      "network stays as it is");
  po->Register("spec-augment", &spec_augment,
               "mask stretches of time and frequency, and substitute frames");
  spec.Register(po);
}

void TrainOptions::Check() const {
  if (epochs < 1) throw UsageError("--epochs=", epochs, ": expected at least 1");
  if (batch_size < 1) throw UsageError("--batch-size=", batch_size, ": expected at least 1");
  if (bucket_size < 1) throw UsageError("--bucket-size=", bucket_size, ": expected at least 1");
  if (shuffle_block < 0)
    throw UsageError("--shuffle-block=", shuffle_block, ": expected 0 or more");
  if (!(learning_rate > 0 && std::isfinite(learning_rate)))
    throw UsageError("--learning-rate=", learning_rate, ": expected a positive number");
  if (warmup_steps < 0) throw UsageError("--warmup-steps=", warmup_steps, ": expected 0 or more");
  if (!(grad_clip >= 0)) throw UsageError("--grad-clip=", grad_clip, ": expected 0 or more");
  if (accum_grad < 1) throw UsageError("--accum-grad=", accum_grad, ": expected at least 1");
  if (shards < 1) throw UsageError("--shards=", shards, ": expected at least 1");
  if (shard_frames < 1) throw UsageError("--shard-frames=", shard_frames, ": expected at least 1");
  if (threads < 1) throw UsageError("--threads=", threads, ": expected at least 1");
  if (!(exit_ctc_weight >= 0 && exit_ctc_weight < 1))
    throw UsageError("--exit-ctc-weight=", exit_ctc_weight, ": must be in [0, 1)");
  roles.Check();
  aux.Check();
  teacher.Check();
  route_teacher.Check();
  if (!(embed_ctc_weight >= 0 && std::isfinite(embed_ctc_weight)))
    throw UsageError("--embed-ctc-weight=", embed_ctc_weight, ": expected 0 or more");
  spec.Check();
}

void TrainOptions::Load(const ModelInfo &info, AsrModel *model) {
  if (elastic) MostExpertsPerFrame(info.config, "--elastic");
  if (elastic && model->Policy().experts_per_frame == 1)
    throw UsageError("--elastic with --experts-per-frame=1 leaves no number to draw");
  roles.Describe(model);
  aux.Load(info.config, shards, !route_teacher.route_teacher.empty());
  const Context ctx = device.MakeContext();
  teacher.Load(ctx, info);
  route_teacher.Load(ctx, info, model);
}

std::string TrainOptions::Identity() const {
  return Cat("batch-size=", batch_size, " bucket-size=", bucket_size,
             shuffle_block > 0 ? Cat(" shuffle-block=", shuffle_block) : std::string(),
             " learning-rate=", learning_rate, " warmup-steps=", warmup_steps,
             " grad-clip=", grad_clip, " accum-grad=", accum_grad, " seed=", seed,
             " shards=", shards, " shard-frames=", shard_frames,
             " exit-ctc-weight=", exit_ctc_weight,
             // Left out where it is the default, so that trainings of before can be resumed.
             embed_ctc_weight != LossOptions().embed_ctc_weight
                 ? Cat(" embed-ctc-weight=", embed_ctc_weight)
                 : std::string(),
             " spec-augment=", spec_augment, spec_augment ? " " + spec.ToString() : std::string(),
             elastic ? " elastic=true" : "", roles.Identity(), aux.Identity(), teacher.Identity(),
             route_teacher.Identity());
}

std::string TrainOptions::ToString() const { return Cat("epochs=", epochs, " ", Identity()); }

}  // namespace u2moe
