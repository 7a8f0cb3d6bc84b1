#include "tensor/cuda-runtime.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/error.h"
#include "tensor/op-scope.h"

namespace u2moe {
namespace cuda {
namespace {

std::string Advice(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "; give it less at a time (--batch-seconds, --streams; in training --batch-size, "
             "--shards), cut the recording (--chunk-size, extract-segments), or take another GPU "
             "(--device=cuda:N)";
    case cudaErrorInsufficientDriver:
      return "; the driver is older than this build's CUDA: update it, or use --device=cpu";
    case cudaErrorNoDevice:
      return "; no GPU is seen here (nvidia-smi, CUDA_VISIBLE_DEVICES); use --device=cpu";
    case cudaErrorNoKernelImageForDevice:
      return "; this build has no code for a GPU of this age; build with CUDA=1 on this machine";
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
      return "; the GPU is lost to this process: begin again, and tell us how it came about";
    default:
      return "";
  }
}

// Sizes that blocks have, so that what is given back fits what is asked for: steps of at most 25 %.
size_t BlockSize(size_t bytes) {
  constexpr size_t kLeast = 512;
  size_t step = kLeast;
  while (8 * step <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

#if U2MOE_CUDA_EMULATED
// U2MOE_OPS=cuda, for whole test programs: as RunOpsOnCuda(true) from the beginning.
bool OpsBeginOnCuda() {
  const char *ops = std::getenv("U2MOE_OPS");
  return ops != nullptr && std::string(ops) == "cuda";
}
#else
bool OpsBeginOnCuda() { return false; }
#endif
std::atomic<bool> synchronize_each_launch{OpsBeginOnCuda()}, all_ops_on_cuda{OpsBeginOnCuda()};
std::atomic<int> chosen_device{0};
int64_t num_allocations = 0;
size_t bytes_in_use = 0;  // of all caches, with what they keep
std::mutex counts_mutex;

// Blocks of one thread, in the order of its stream.
class Cache {
 public:
  explicit Cache(cudaStream_t stream) : stream_(stream) {}
  Cache(const Cache &) = delete;
  Cache &operator=(const Cache &) = delete;
  ~Cache() { Trim(); }

  void *Take(size_t size) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Block> &free = free_[size];
    if (free.empty()) return nullptr;
    const Block block = free.back();
    free.pop_back();
    if (block.used_until != nullptr) {  // by another thread's stream
      Check(cudaStreamWaitEvent(stream_, block.used_until, 0), "waiting for another thread");
      Check(cudaEventDestroy(block.used_until), "ending an event");
    }
    return block.p;
  }
  // From any thread; used_until: null, or an event behind all that this thread does with it.
  void Give(void *p, size_t size, cudaEvent_t used_until) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_[size].push_back({p, used_until});
  }
  // Back to the driver.
  void Trim() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto &[size, blocks] : free_) {
      for (const Block &block : blocks) {
        if (block.used_until != nullptr) cudaEventDestroy(block.used_until);
        cudaFree(block.p);
        const std::lock_guard<std::mutex> counts(counts_mutex);
        bytes_in_use -= size;
      }
    }
    free_.clear();
  }

 private:
  struct Block {
    void *p;
    cudaEvent_t used_until;
  };
  const cudaStream_t stream_;
  std::mutex mutex_;
  std::map<size_t, std::vector<Block>> free_;
};

struct ThreadState {
  cudaStream_t stream = nullptr;
  std::shared_ptr<Cache> cache;  // tensors that outlive the thread keep it

  ThreadState() {
    Check(cudaSetDevice(chosen_device), "choosing a GPU");  // which is each thread's own
    Check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    cache = std::make_shared<Cache>(stream);
  }
};
ThreadState &State() {
  thread_local auto *state = new ThreadState;  // the driver may be gone when threads end
  return *state;
}

}  // namespace

void Check(cudaError_t error, const std::string &what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // it is told now
  // Too much for this GPU is a fault of the utterance, as far as tools go: they go on with the
  // next.
  if (error == cudaErrorMemoryAllocation)
    throw DataError("CUDA: ", what, ": ", cudaGetErrorString(error), Advice(error));
  throw Error("CUDA: ", what, ": ", cudaGetErrorString(error), Advice(error));
}

void SelectDevice(int number) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    cudaGetLastError();
    int driver = 0;  // stays so where there is none
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
      throw UsageError(
          "--device=cuda: there is no NVIDIA driver here; install it (nvidia-smi must see the "
          "GPU), or use --device=cpu");
    }
    throw UsageError("--device=cuda: ", cudaGetErrorString(error), Advice(error));
  }
  if (number < 0 || number >= count) {
    throw UsageError("--device=cuda:", number, ": there ", count == 1 ? "is" : "are", " ", count,
                     count == 1 ? " GPU" : " GPUs", ", numbered from 0");
  }
  Check(cudaSetDevice(number), "choosing a GPU");
  chosen_device = number;
}

std::string DescribeDevice() {
  int device = 0, driver = 0, runtime = 0;
  cudaDeviceProp p;
  Check(cudaGetDevice(&device), "asking for the GPU");
  Check(cudaGetDeviceProperties(&p, device), "asking for the GPU");
  Check(cudaDriverGetVersion(&driver), "asking for the driver");
  Check(cudaRuntimeGetVersion(&runtime), "asking for CUDA");
  char memory[32];
  std::snprintf(memory, sizeof memory, "%.1f GiB",
                static_cast<double>(p.totalGlobalMem) / (1 << 30));
  const auto version = [](int v) { return Cat(v / 1000, ".", v % 1000 / 10); };
  return Cat(p.name, ", ", memory, ", compute capability ", p.major, ".", p.minor, ", CUDA ",
             version(runtime), ", driver ", version(driver));
}

bool ReachesHostMemory() {
#if U2MOE_CUDA_EMULATED
  return true;
#else
  int device = 0, reaches = 0;
  Check(cudaGetDevice(&device), "asking for the GPU");
  Check(cudaDeviceGetAttribute(&reaches, cudaDevAttrPageableMemoryAccess, device),
        "asking for the GPU");
  return reaches != 0;
#endif
}

cudaStream_t ThisStream() { return State().stream; }

void Synchronize() { Check(cudaStreamSynchronize(ThisStream()), "waiting for the GPU"); }

void SynchronizeEachLaunch(bool on) { synchronize_each_launch = on; }
void AfterLaunch() {
  if (synchronize_each_launch) Synchronize();
}

std::shared_ptr<float> AllocateFloats(int64_t count) {
  constexpr int64_t kMost =
      std::numeric_limits<int64_t>::max() / static_cast<int64_t>(2 * sizeof(float));
  if (count < 0 || count > kMost) throw std::bad_alloc();
  if (count == 0) return nullptr;
  const size_t size = BlockSize(static_cast<size_t>(count) * sizeof(float));
  const std::shared_ptr<Cache> cache = State().cache;
  void *p = cache->Take(size);
  if (p == nullptr) {
    cudaError_t error = cudaMalloc(&p, size);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      cache->Trim();  // blocks of other sizes
      error = cudaMalloc(&p, size);
    }
    const std::lock_guard<std::mutex> lock(counts_mutex);
    Check(error, Cat("asking for ", size >> 20, " MiB beside the ", bytes_in_use >> 20,
                     " MiB that this process has"));
    ++num_allocations;
    bytes_in_use += size;
  }
  return std::shared_ptr<float>(static_cast<float *>(p), [cache, size](float *q) {
    cudaEvent_t used_until = nullptr;
    if (cache != State().cache) {
      // Without an event nothing would say when this thread's work with it is done.
      if (cudaEventCreateWithFlags(&used_until, cudaEventDisableTiming) != cudaSuccess ||
          cudaEventRecord(used_until, ThisStream()) != cudaSuccess) {
        cudaStreamSynchronize(ThisStream());
      }
    }
    cache->Give(q, size, used_until);
  });
}

int64_t NumAllocations() {
  const std::lock_guard<std::mutex> lock(counts_mutex);
  return num_allocations;
}

size_t BytesInUse() {
  const std::lock_guard<std::mutex> lock(counts_mutex);
  return bytes_in_use;
}

void CopyBytes(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0) return;
  Check(cudaMemcpyAsync(to, from, bytes, kind, ThisStream()), Cat("copying ", bytes, " bytes"));
  if (kind != cudaMemcpyDeviceToDevice) Synchronize();
}

void ZeroBytes(void *p, size_t bytes) {
  if (bytes == 0) return;
  Check(cudaMemsetAsync(p, 0, bytes, ThisStream()), Cat("zeroing ", bytes, " bytes"));
}

}  // namespace cuda

bool OpRunsOnCuda(const Context &ctx) { return ctx.OnCuda() || cuda::all_ops_on_cuda; }

bool RunOpsOnCuda(bool on) {
  cuda::SynchronizeEachLaunch(on);
  return cuda::all_ops_on_cuda.exchange(on);
}

}  // namespace u2moe
