// Which utterances a model can be trained on.
#ifndef U2MOE_TRAIN_TRAINABLE_H_
#define U2MOE_TRAIN_TRAINABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/asr-model.h"
#include "train/data-source.h"
#include "train/loss.h"

namespace u2moe {

// The losses of one utterance alone, full context, no dropout, without those on the decisions of
// routers, which say nothing of one utterance. Throws DataError, naming it.
LossTerms UtteranceLoss(const Context &ctx, const AsrModel &model, const TrainUtterance &u,
                        double exit_ctc_weight);

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

// The parts of it: what can be seen without the features [num_frames, dim], and in their values
// alone (NaN, infinity, what no sound has).
Unfit FindUnfitShape(const AsrModel &model, const std::vector<int32_t> &labels, int64_t num_frames,
                     int64_t dim, std::string *why);
Unfit FindUnfitValue(const Tensor &feats, std::string *why);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_TRAINABLE_H_
