#ifndef U2MOE_TRAIN_BATCHING_H_
#define U2MOE_TRAIN_BATCHING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tensor/tensor.h"

namespace u2moe {

struct TrainUtterance {
  std::string key;
  Tensor feats;  // [T, F]
  std::vector<int32_t> labels;
};

// Batches of one epoch: the order is shuffled, cut into buckets of bucket_size, sorted by length
// inside each, cut into batches of batch_size, and the batches are shuffled. Depends on *rng only.
std::vector<std::vector<int>> MakeEpochBatches(const std::vector<int64_t> &lengths, int batch_size,
                                               int bucket_size, Rng *rng);

// Splits the utterances of a batch into num_shards parts of about equal frames (longest first to
// the emptiest part; ties to the lowest). Each part keeps the order of the batch. Parts may be
// empty.
std::vector<std::vector<int>> SplitIntoShards(const std::vector<int> &batch,
                                              const std::vector<int64_t> &lengths, int num_shards);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_BATCHING_H_
