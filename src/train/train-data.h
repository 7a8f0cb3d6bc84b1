// The utterances of a training or dev set, read into memory.
#ifndef U2MOE_TRAIN_TRAIN_DATA_H_
#define U2MOE_TRAIN_TRAIN_DATA_H_

#include <string>
#include <vector>

#include "train/trainer.h"
#include "util/tally.h"

namespace u2moe {

// All utterances of a feature table that have tokens and that the model can be trained on, in the
// order of the features. The others are warned about and counted in the tally, and one line per
// reason says at the end how many there are and that --max-failures lets them pass. Tokens without
// features are counted and named too, but are no failures: a part of the features may be trained on
// with the tokens of all. set: "training" or "dev", for the messages. Throws Error if no utterance
// is left.
std::vector<TrainUtterance> ReadTrainData(const std::string &set, const AsrModel &model,
                                          const std::string &feats_rspecifier,
                                          const std::string &tokens_rspecifier,
                                          UtteranceTally *tally);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_TRAIN_DATA_H_
