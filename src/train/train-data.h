// The utterances of a training or dev set.
#ifndef U2MOE_TRAIN_TRAIN_DATA_H_
#define U2MOE_TRAIN_TRAIN_DATA_H_

#include <cstdint>
#include <memory>
#include <string>

#include "model/asr-model.h"
#include "modelfile/utterance-tags.h"
#include "train/data-source.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

struct TrainDataOptions {
  int32_t memory_limit = 4096;    // MB
  UtteranceTags *tags = nullptr;  // null: utterances have none; no option

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  int64_t LimitBytes() const { return int64_t{memory_limit} << 20; }
  int64_t ReadAheadBytes() const;  // of a set that is not in memory
};

// All utterances of a feature table that have tokens and that the model can be trained on, in the
// order of the features: in memory, or, where the features would take more than the limit and lie
// in regular files, in these. The others are warned about and counted in the tally, and one line
// per reason says at the end how many there are and that --max-failures lets them pass; values of
// features that stay in their files are looked at when they are trained on. Tokens without features
// are counted and named too, but are no failures: a part of the features may be trained on with the
// tokens of all. set: "training" or "dev", for the messages. Throws Error if no utterance is left.
std::unique_ptr<DataSource> ReadTrainData(const std::string &set, const TrainDataOptions &opts,
                                          const AsrModel &model,
                                          const std::string &feats_rspecifier,
                                          const std::string &tokens_rspecifier,
                                          UtteranceTally *tally);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_TRAIN_DATA_H_
