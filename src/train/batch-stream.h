#ifndef U2MOE_TRAIN_BATCH_STREAM_H_
#define U2MOE_TRAIN_BATCH_STREAM_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "train/data-source.h"

namespace u2moe {

// The utterances of one batch, in its order, without those that cannot be loaded.
struct LoadedBatch {
  std::vector<std::shared_ptr<const TrainUtterance>> utterances;
  // Keys of the others, and why.
  std::vector<std::pair<std::string, std::string>> failed;
};

// Loads the batches of an epoch one after another. Where the source is not in memory a thread loads
// ahead of the one that trains, as far as the bytes allow: what waits takes at most max_bytes, or
// one batch if that is more.
class BatchStream {
 public:
  // source and batches must outlive the stream.
  BatchStream(const DataSource *source, const std::vector<std::vector<int>> *batches,
              int64_t max_bytes);
  ~BatchStream();  // stops loading
  BatchStream(const BatchStream &) = delete;
  BatchStream &operator=(const BatchStream &) = delete;

  // The next batch, until the next call; there must be one. Throws what the loading thread met and
  // what is no utterance's fault.
  const LoadedBatch &Next();

 private:
  LoadedBatch LoadBatch(size_t index) const;
  void Run();

  const DataSource *source_;
  const std::vector<std::vector<int>> *batches_;
  const int64_t max_bytes_;
  size_t taken_ = 0;
  LoadedBatch current_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  struct Waiting {
    LoadedBatch batch;
    int64_t bytes;
  };
  std::deque<Waiting> waiting_;
  int64_t waiting_bytes_ = 0;
  // What was taken and is done with goes back to the thread that loads: it has use for the memory,
  // which a thread that frees it keeps (tensor/allocator.h).
  std::vector<LoadedBatch> used_;
  bool stop_ = false;
  std::exception_ptr failure_;

  std::thread thread_;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_BATCH_STREAM_H_
