#ifndef U2MOE_TRAIN_BATCHING_H_
#define U2MOE_TRAIN_BATCHING_H_

#include <cstdint>
#include <vector>

#include "base/rng.h"

namespace u2moe {

// Batches of one epoch: the order is shuffled, cut into buckets of bucket_size, sorted by length
// inside each, cut into batches of batch_size, and the batches are shuffled. Depends on *rng only.
//
// shuffle_block: 0, or how many utterances that follow one another stay near one another: blocks of
// so many are shuffled, and what is said above is done to kBlocksTogether of them at a time.
constexpr int kBlocksTogether = 16;
std::vector<std::vector<int>> MakeEpochBatches(const std::vector<int64_t> &lengths, int batch_size,
                                               int bucket_size, int shuffle_block, Rng *rng);

// Splits the utterances of a batch into num_shards parts of about equal frames (longest first to
// the emptiest part; ties to the lowest). Each part keeps the order of the batch. Parts may be
// empty.
std::vector<std::vector<int>> SplitIntoShards(const std::vector<int> &batch,
                                              const std::vector<int64_t> &lengths, int num_shards);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_BATCHING_H_
