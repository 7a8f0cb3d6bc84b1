#include "train/batching.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace u2moe {

namespace {

// The utterances of *order, which is shuffled, in batches.
std::vector<std::vector<int>> MakeBatches(const std::vector<int64_t> &lengths, int batch_size,
                                          int bucket_size, Rng *rng, std::vector<int> *order) {
  rng->Shuffle(order);
  std::vector<std::vector<int>> batches;
  for (size_t begin = 0; begin < order->size(); begin += static_cast<size_t>(bucket_size)) {
    const size_t end = std::min(order->size(), begin + static_cast<size_t>(bucket_size));
    std::vector<int> bucket(order->begin() + static_cast<int64_t>(begin),
                            order->begin() + static_cast<int64_t>(end));
    std::stable_sort(bucket.begin(), bucket.end(), [&](int a, int b) {
      return lengths[static_cast<size_t>(a)] < lengths[static_cast<size_t>(b)];
    });
    for (size_t i = 0; i < bucket.size(); i += static_cast<size_t>(batch_size)) {
      const size_t stop = std::min(bucket.size(), i + static_cast<size_t>(batch_size));
      batches.emplace_back(bucket.begin() + static_cast<int64_t>(i),
                           bucket.begin() + static_cast<int64_t>(stop));
    }
  }
  rng->Shuffle(&batches);
  return batches;
}

}  // namespace

std::vector<std::vector<int>> MakeEpochBatches(const std::vector<int64_t> &lengths, int batch_size,
                                               int bucket_size, int shuffle_block, Rng *rng) {
  CHECK(batch_size >= 1 && bucket_size >= 1 && shuffle_block >= 0);
  std::vector<int> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  if (shuffle_block == 0) return MakeBatches(lengths, batch_size, bucket_size, rng, &order);
  const size_t size = static_cast<size_t>(shuffle_block);
  std::vector<size_t> blocks((order.size() + size - 1) / size);
  std::iota(blocks.begin(), blocks.end(), size_t{0});
  rng->Shuffle(&blocks);
  std::vector<std::vector<int>> batches;
  std::vector<int> together;
  for (size_t b = 0; b < blocks.size(); ++b) {
    const size_t begin = blocks[b] * size, end = std::min(order.size(), begin + size);
    together.insert(together.end(), order.begin() + static_cast<int64_t>(begin),
                    order.begin() + static_cast<int64_t>(end));
    if (b + 1 < blocks.size() && (b + 1) % kBlocksTogether != 0) continue;
    for (auto &batch : MakeBatches(lengths, batch_size, bucket_size, rng, &together))
      batches.push_back(std::move(batch));
    together.clear();
  }
  return batches;
}

std::vector<std::vector<int>> SplitIntoShards(const std::vector<int> &batch,
                                              const std::vector<int64_t> &lengths, int num_shards) {
  std::vector<size_t> by_length(batch.size());
  std::iota(by_length.begin(), by_length.end(), size_t{0});
  const auto length = [&](size_t i) { return lengths[static_cast<size_t>(batch[i])]; };
  std::stable_sort(by_length.begin(), by_length.end(),
                   [&](size_t a, size_t b) { return length(a) > length(b); });
  std::vector<int64_t> frames(static_cast<size_t>(num_shards), 0);
  std::vector<size_t> shard_of(batch.size());
  for (size_t i : by_length) {
    const size_t s =
        static_cast<size_t>(std::min_element(frames.begin(), frames.end()) - frames.begin());
    shard_of[i] = s;
    frames[s] += length(i);
  }
  std::vector<std::vector<int>> shards(static_cast<size_t>(num_shards));
  for (size_t i = 0; i < batch.size(); ++i) shards[shard_of[i]].push_back(batch[i]);
  return shards;
}

}  // namespace u2moe
