// A whole training: epochs, dev loss, log, checkpoints, resume, average of the best epochs.
#ifndef U2MOE_TRAIN_TRAINING_RUN_H_
#define U2MOE_TRAIN_TRAINING_RUN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "modelfile/model-file.h"
#include "train/trainer.h"
#include "util/places.h"

namespace u2moe {

struct TrainingRunOptions {
  std::string exp_dir;  // checkpoints and log.jsonl; "": none are kept
  int32_t average = 5;  // epochs of lowest dev loss whose weights are averaged; needs exp_dir
  bool resume = true;   // go on where a stopped run in exp_dir ended
  bool keep_checkpoints = false;
  int32_t patience = 0;  // end after so many epochs in a row without a lower dev loss; 0: never
  int64_t read_ahead_bytes = int64_t{256} << 20;  // no option: see Trainer

  void Register(OptionParser *po);
  // Tells the files of exp_dir that a training of so many epochs writes, and reads again, as far as
  // one of these models could be among them.
  void DeclarePlaces(int epochs, const std::vector<std::string> &models, Places *places) const;
  void Check() const;  // throws UsageError
};

// Trains *model as opts say and leaves the result in it: the average of the run_opts.average epochs
// of lowest dev loss, or, without an exp_dir or dev data (null), the last epoch. After each epoch
// exp_dir holds epoch-N.safetensors, optimizer-N.safetensors and, written last, a line of
// log.jsonl; a run that died is resumed from the last epoch that is complete and gives the same
// bits as one that did not. Checkpoints that no average can need any more are removed unless
// keep_checkpoints. info gains a line of history. Throws UsageError if exp_dir holds a training of
// other options, data or initial weights, naming what differs, or one of more epochs, for patience
// without dev data, and for a model that cannot learn (CheckCanLearn). Throws Error while another
// training is at work there, for weights that are not finite, and where nothing was learnt: see
// Trainer::TrainEpoch, and where no epoch has a finite dev loss. An epoch without one is never
// among the averaged.
void RunTraining(const TrainOptions &opts, const TrainingRunOptions &run_opts,
                 const DataSource &data, const DataSource *dev, std::unique_ptr<AsrModel> *model,
                 ModelInfo *info);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_TRAINING_RUN_H_
