#ifndef U2MOE_TRAIN_GRADIENT_SUM_H_
#define U2MOE_TRAIN_GRADIENT_SUM_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/thread-pool.h"
#include "model/asr-model.h"

namespace u2moe {

// The gradients of the shards of a step's batches, summed. Each shard's gradient is made from zero
// and added to those before it, in the order of the shards, whichever thread made it and whenever:
// the sum has the same bits for any number of threads. A shard that is done early waits for its
// turn. Of models that hold gradients there are never more than threads + 1, however many shards
// there are; with one per shard the memory would depend on an option that is not about memory, and
// a tree over shards would need as many as it has levels more.
//
// Batch norm is normalised by each shard's own statistics. Its running statistics are, after a
// batch, the mean of those to which each of its shards alone would have moved them.
class GradientSum {
 public:
  // Fills the gradient of one shard, which is zero but for its buffers: those are the model's, and
  // may be moved.
  using ShardFn = std::function<void(int shard, AsrModel *grad)>;

  // Of a model in the memory of ctx, where the gradients will be, too.
  explicit GradientSum(AsrModel *model, const Context &ctx = Context())
      : ctx_(ctx), model_(model) {}

  // Runs fn(0), ..., fn(num_shards - 1) on the threads of the pool, adds the gradients, and moves
  // the buffers of the model. If any throws, the exception of the lowest shard is rethrown, the sum
  // is of no use before Clear, and the buffers of the model are as before.
  void AddBatch(ThreadPool *pool, int num_shards, const ShardFn &fn);
  // The sum since Clear; it may be changed.
  AsrModel *Total();
  void Clear();
  int NumModels() const { return static_cast<int>(places_.size()); }  // that hold gradients

 private:
  struct Place {
    std::unique_ptr<AsrModel> grad;
    std::vector<Tensor *> params, buffers;
  };

  Place *NewPlace();
  static void ClearBuffers(Place *place);
  void AddAll(float factor, const std::vector<Tensor *> &from,
              const std::vector<Tensor *> &to) const;
  // A place for the shard whose turn it is; waits for both.
  Place *Acquire(int shard, int max_places);
  // Hands the shard's gradient over, and adds what is complete in order. null: the shard failed.
  void Finish(int shard, Place *place);

  Context ctx_;
  AsrModel *model_;
  std::vector<std::unique_ptr<Place>> places_;
  Place *total_ = nullptr;  // the first shard's place; null: no shard yet

  std::mutex mutex_;  // guards what follows and, but for who adds, total_
  std::condition_variable changed_;
  std::vector<Place *> free_, done_;  // done_: by shard
  std::vector<bool> finished_;
  int next_start_ = 0, next_add_ = 0;
  bool adding_ = false;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_GRADIENT_SUM_H_
