// Where and how ops run. One Context per thread of computation. Parallelism is over utterances or
// over shards of a batch, above the model; where one live stream shall have several cores, a pool
// in the Context lets large products split their columns over it. No result depends on it.
#ifndef U2MOE_TENSOR_CONTEXT_H_
#define U2MOE_TENSOR_CONTEXT_H_

#include <string>
#include <utility>

#include "tensor/device.h"

namespace u2moe {

class ThreadPool;

class Context {
 public:
  // number: of the GPU, for kCuda; a process computes on one. Throws UsageError for kCuda in a
  // build without CUDA, and where there is no such GPU.
  explicit Context(Device device = Device::kCpu, int number = 0);

  Device GetDevice() const { return device_; }
  // Whether ops of this Context compute in the host's memory.
  bool OnHost() const { return device_ == Device::kCpu; }
  bool OnCuda() const { return device_ == Device::kCuda; }
  bool OnGuarded() const { return device_ == Device::kGuarded; }
  // Waits until all that this thread has asked of a GPU is done, so that another thread may use it;
  // elsewhere it is.
  void Synchronize() const;
  // Lets large ops split into op_threads parts, all but one of them computed by the pool. The pool
  // must outlive the Context and its copies; threads of computation may share it, but none may be
  // one of its own. Null, the default: ops do not split.
  void SetPool(ThreadPool *pool, int op_threads) {
    pool_ = pool;
    op_threads_ = pool == nullptr ? 1 : op_threads;
  }
  ThreadPool *Pool() const { return pool_; }
  int OpThreads() const { return op_threads_; }

 private:
  Device device_;
  ThreadPool *pool_ = nullptr;
  int op_threads_ = 1;
};

// "cpu", "cuda" or "cuda:N", and the number of the GPU; throws UsageError for others.
std::pair<Device, int> ParseDevice(const std::string &name);

// Whether the processor multiplies tiles of bytes (Intel AMX), the operating system lets this
// process do so, and U2MOE_CPU (tensor/cpu-limit.h) too; asked once.
bool HasAmx();

// The processor, and the GPU of a ctx that has one. E.g. "AMD EPYC; OpenBLAS 0.3.21 Zen, Highway
// AVX2": for logs and reports. ", AMX" if HasAmx();
// ", U2MOE_CPU=avx2" where that is set.
std::string DescribeMachine(const Context &ctx = Context());

}  // namespace u2moe

#endif  // U2MOE_TENSOR_CONTEXT_H_
