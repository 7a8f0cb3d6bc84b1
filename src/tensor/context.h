// Where and how ops run. One Context per thread of computation; ops never start threads of their
// own: parallelism is over utterances or over shards of a batch, above the model.
#ifndef U2MOE_TENSOR_CONTEXT_H_
#define U2MOE_TENSOR_CONTEXT_H_

#include <string>

namespace u2moe {

enum class Device { kCpu, kCuda };

class Context {
 public:
  // Throws UsageError for kCuda in a build without CUDA.
  explicit Context(Device device = Device::kCpu);

  bool OnCuda() const { return device_ == Device::kCuda; }

 private:
  Device device_;
};

// "cpu" or "cuda"; throws UsageError for others.
Device ParseDevice(const std::string &name);

// E.g. "AMD EPYC; OpenBLAS 0.3.21 Zen, Highway AVX2": for logs and reports.
std::string DescribeMachine();

}  // namespace u2moe

#endif  // U2MOE_TENSOR_CONTEXT_H_
