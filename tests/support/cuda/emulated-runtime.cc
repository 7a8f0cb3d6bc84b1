// The calls of CUDA's runtime: devices, memory, streams and events.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "support/cuda/emulated-grid.h"
#include "tensor/guarded-memory.h"

namespace u2moe {
namespace emulated {

// How often it was recorded, and how often that has come about.
struct Event {
  int64_t recorded = 0, done = 0;
};

struct Stream {
  struct Item {
    std::function<void()> work;  // or else
    Event *waits_for = nullptr;  // until it is done so often
    int64_t times = 0;
  };
  std::deque<Item> items;
};

namespace {

struct Machine {
  Rng rng{1};
  std::vector<std::unique_ptr<Stream>> streams;
  std::map<void *, size_t> memory;
  std::map<const char *, std::vector<char>> pinned;
  size_t in_use = 0, limit = 0;
  int64_t num_allocations = 0, num_launches = 0;
  int num_devices = 1;
  cudaError_t last = cudaSuccess;

  Machine() {
    if (const char *seed = std::getenv("U2MOE_CUDA_SEED"))
      rng = Rng(std::strtoull(seed, nullptr, 10));
  }
};

Machine &Get() {
  static auto *machine = new Machine;
  return *machine;
}

// Held by every call from its first line to its last: threads of the host take turns.
class Turn {
 public:
  Turn() : lock_(Mutex()) {}

 private:
  static std::recursive_mutex &Mutex() {  // calls call one another
    static auto *mutex = new std::recursive_mutex;
    return *mutex;
  }
  const std::lock_guard<std::recursive_mutex> lock_;
};

cudaError_t Fail(cudaError_t error) { return Get().last = error; }

bool CanGoOn(const Stream &s) {
  if (s.items.empty()) return false;
  const Stream::Item &item = s.items.front();
  return item.waits_for == nullptr || item.waits_for->done >= item.times;
}

// One item of a stream that is drawn among those that may go on; false where none is.
bool Step() {
  std::vector<Stream *> ready;
  for (const auto &s : Get().streams) {
    if (CanGoOn(*s)) ready.push_back(s.get());
  }
  if (ready.empty()) return false;
  Stream *s =
      ready[static_cast<size_t>(Get().rng.UniformInt(0, static_cast<int64_t>(ready.size()) - 1))];
  const Stream::Item item = std::move(s->items.front());
  s->items.pop_front();
  if (item.work) item.work();
  return true;
}

template <class Done>
void RunUntil(const Done &done) {
  if (done()) return;
  const guarded::Access open(true);  // once: to open and close costs more than a kernel
  while (!done()) CHECK(Step()) << "streams wait for events that nobody records";
}

bool AllEmpty() {
  const auto &streams = Get().streams;
  return std::all_of(streams.begin(), streams.end(),
                     [](const auto &s) { return s->items.empty(); });
}

// Whether it is memory of the device; a CheckFailure where only a part is.
bool OnDevice(const void *p, size_t bytes) {
  if (guarded::Contains(p, bytes)) return true;
  CHECK(!guarded::Contains(p, 1)) << "a copy beyond the end of device memory";
  return false;
}

Stream *Of(cudaStream_t stream) {
  CHECK(stream != nullptr) << "the default stream waits for all others; give one";
  return stream;
}

}  // namespace

void Enqueue(Stream *stream, std::function<void()> work) {
  const Turn turn;
  Of(stream)->items.push_back({[work = std::move(work)] {
                                 const guarded::Access access(true);
                                 work();
                               },
                               nullptr, 0});
}

void LaunchGrid(Stream *stream, const char *name, Index grid, Index block, size_t shared_bytes,
                std::function<void()> thread) {
  Enqueue(stream, [g = Grid{name, grid, block, shared_bytes, std::move(thread)}] {
    ++Get().num_launches;
    RunGrid(g, &Get().rng);
  });
}

int64_t NumAllocations() { return Get().num_allocations; }
int64_t NumLaunches() { return Get().num_launches; }
void SetMemoryLimit(size_t bytes) { Get().limit = bytes; }
void SetNumDevices(int count) { Get().num_devices = count; }
void SetSeed(uint64_t seed) { Get().rng = Rng(seed); }

}  // namespace emulated
}  // namespace u2moe

namespace em = u2moe::emulated;

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    default:
      return "cudaErrorUnknown";
  }
}
const char *cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }
cudaError_t cudaGetLastError() {
  const em::Turn turn;
  const cudaError_t last = em::Get().last;
  em::Get().last = cudaSuccess;
  return last;
}

cudaError_t cudaGetDeviceCount(int *count) {
  const em::Turn turn;
  *count = em::Get().num_devices;
  return *count > 0 ? cudaSuccess : em::Fail(cudaErrorNoDevice);
}
cudaError_t cudaGetDevice(int *device) {
  const em::Turn turn;
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  const em::Turn turn;
  return device >= 0 && device < em::Get().num_devices ? cudaSuccess
                                                       : em::Fail(cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
  const em::Turn turn;
  *properties = {"emulated GPU", 9, 0, 2, size_t{1} << 34, 227 * 1024};
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int *version) {
  const em::Turn turn;
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *version) {
  const em::Turn turn;
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
  const em::Turn turn;
  *total = em::Get().limit > 0 ? em::Get().limit : size_t{1} << 34;
  *free = *total - std::min(*total, em::Get().in_use);
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **p, size_t bytes) {
  const em::Turn turn;
  auto &m = em::Get();
  ++m.num_allocations;
  if (m.limit > 0 && m.in_use + bytes > m.limit) return em::Fail(cudaErrorMemoryAllocation);
  *p = u2moe::guarded::Allocate(std::max<size_t>(bytes, 1));
  m.memory[*p] = std::max<size_t>(bytes, 1);
  m.in_use += bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void *p) {
  const em::Turn turn;
  if (p == nullptr) return cudaSuccess;
  auto &m = em::Get();
  const auto found = m.memory.find(p);
  CHECK(found != m.memory.end()) << "cudaFree of what is no memory of the device";
  cudaDeviceSynchronize();
  m.in_use -= std::min(m.in_use, found->second);
  u2moe::guarded::Release(p, found->second);
  m.memory.erase(found);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned) {
  const em::Turn turn;
  ++em::Get().num_allocations;
  std::vector<char> memory(std::max<size_t>(bytes, 1));
  char *begin = memory.data();
  em::Get().pinned[begin] = std::move(memory);
  *p = begin;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void *p) {
  const em::Turn turn;
  CHECK(em::Get().pinned.erase(static_cast<char *>(p)) == 1)
      << "cudaFreeHost of what is not pinned";
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  const em::Turn turn;
  em::Get().streams.push_back(std::make_unique<em::Stream>());
  *stream = em::Get().streams.back().get();
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const em::Turn turn;
  cudaStreamSynchronize(stream);
  auto &streams = em::Get().streams;
  streams.erase(std::remove_if(streams.begin(), streams.end(),
                               [stream](const auto &s) { return s.get() == stream; }),
                streams.end());
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const em::Turn turn;
  em::RunUntil([stream] { return em::Of(stream)->items.empty(); });
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const em::Turn turn;
  em::Of(stream)->items.push_back({nullptr, event, event->recorded});
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  const em::Turn turn;
  em::RunUntil(em::AllEmpty);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
  const em::Turn turn;
  *event = new em::Event;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const em::Turn turn;
  em::RunUntil([event] { return event->done >= event->recorded; });
  for (const auto &stream : em::Get().streams) {  // which waited for it and need not any more
    for (em::Stream::Item &item : stream->items) {
      if (item.waits_for == event) item.waits_for = nullptr;
    }
  }
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const em::Turn turn;
  const int64_t number = ++event->recorded;
  em::Of(stream)->items.push_back(
      {[event, number] { event->done = std::max(event->done, number); }, nullptr, 0});
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const em::Turn turn;
  em::RunUntil([event] { return event->done >= event->recorded; });
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const em::Turn turn;
  if (bytes == 0) return cudaSuccess;
  const bool to_device = em::OnDevice(to, bytes), from_device = em::OnDevice(from, bytes);
  CHECK(kind == cudaMemcpyDefault ||
        (to_device == (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice) &&
         from_device == (kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice)))
      << "a copy of another kind than it says";
  const auto is_pinned = [bytes](const void *p) {
    const auto *begin = static_cast<const char *>(p);
    const auto after = em::Get().pinned.upper_bound(begin);
    if (after == em::Get().pinned.begin()) return false;
    const std::vector<char> &memory = std::prev(after)->second;
    return begin + bytes <= memory.data() + memory.size();
  };
  if (to_device && !from_device && !is_pinned(from)) {
    // Of pageable memory: it is read before the call returns.
    std::vector<char> staged(static_cast<const char *>(from),
                             static_cast<const char *>(from) + bytes);
    em::Enqueue(stream, [to, staged = std::move(staged)] {
      std::memcpy(to, staged.data(), staged.size());
    });
    return cudaSuccess;
  }
  em::Enqueue(stream, [to, from, bytes] { std::memcpy(to, from, bytes); });
  if (!to_device && !is_pinned(to)) return cudaStreamSynchronize(stream);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t stream) {
  const em::Turn turn;
  if (bytes == 0) return cudaSuccess;
  CHECK(em::OnDevice(p, bytes)) << "cudaMemset of the host's memory";
  em::Enqueue(stream, [p, value, bytes] { std::memset(p, value, bytes); });
  return cudaSuccess;
}
