// Where and how ops run. One Context per thread of computation. Parallelism is over utterances or
// over shards of a batch, above the model; where one live stream shall have several cores, a pool
// in the Context lets large products split their columns over it. No result depends on it.
#ifndef U2MOE_TENSOR_CONTEXT_H_
#define U2MOE_TENSOR_CONTEXT_H_

#include <string>

namespace u2moe {

class ThreadPool;

enum class Device { kCpu, kCuda };

class Context {
 public:
  // Throws UsageError for kCuda in a build without CUDA.
  explicit Context(Device device = Device::kCpu);

  bool OnCuda() const { return device_ == Device::kCuda; }
  // Threads beside the calling one for parts of an op; must outlive the Context and its copies.
  // Null by default. May be shared by threads of computation, none of which may be its own.
  void SetPool(ThreadPool *pool) { pool_ = pool; }
  ThreadPool *Pool() const { return pool_; }

 private:
  Device device_;
  ThreadPool *pool_ = nullptr;
};

// "cpu" or "cuda"; throws UsageError for others.
Device ParseDevice(const std::string &name);

// E.g. "AMD EPYC; OpenBLAS 0.3.21 Zen, Highway AVX2": for logs and reports.
std::string DescribeMachine();

}  // namespace u2moe

#endif  // U2MOE_TENSOR_CONTEXT_H_
