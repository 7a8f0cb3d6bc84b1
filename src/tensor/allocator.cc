#include "tensor/allocator.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace u2moe {
namespace {

constexpr size_t kMinBytes = 256;
constexpr size_t kMaxCachedBlock = size_t{64} << 20;
constexpr size_t kMaxCachedPerThread = size_t{1} << 30;
constexpr int kNumClasses = 96;

std::atomic<int64_t> num_system_allocations{0};

// Size classes: 4 per power of two, from kMinBytes.
int ClassOf(size_t bytes, size_t *rounded) {
  size_t base = kMinBytes;
  int c = 0;
  for (;; base *= 2, c += 4) {
    for (size_t q = 0; q < 4; ++q) {
      const size_t size = base + q * (base / 4);
      if (bytes <= size) {
        *rounded = size;
        return c + static_cast<int>(q);
      }
    }
  }
}

// Under AddressSanitizer a kept block, and the rounded-up tail of one in use, are out of bounds.
#if defined(__SANITIZE_ADDRESS__)
void Forbid(void *p, size_t begin, size_t end) {
  __asan_poison_memory_region(static_cast<char *>(p) + begin, end - begin);
}
void Allow(void *p, size_t bytes) { __asan_unpoison_memory_region(p, bytes); }
#else
void Forbid(void *, size_t, size_t) {}
void Allow(void *, size_t) {}
#endif

void *SystemAllocate(size_t bytes) {
  void *p = nullptr;
  if (posix_memalign(&p, 64, bytes) != 0) throw std::bad_alloc();
  ++num_system_allocations;
  return p;
}

struct Cache {
  std::array<std::vector<void *>, kNumClasses> free;
  size_t bytes = 0;
  ~Cache() {
    for (auto &list : free) {
      for (void *p : list) std::free(p);
    }
    Dead() = true;
  }
  // Blocks may outlive the cache of an ending thread; such blocks go straight to the system.
  static bool &Dead() {
    thread_local bool dead = false;
    return dead;
  }
  static Cache &Get() {
    thread_local Cache cache;
    return cache;
  }
};

void Release(void *p, int cls, size_t rounded) noexcept {
  if (Cache::Dead() || rounded > kMaxCachedBlock) {
    std::free(p);
    return;
  }
  Cache &cache = Cache::Get();
  if (cache.bytes + rounded > kMaxCachedPerThread) {
    std::free(p);
    return;
  }
  try {
    cache.free[static_cast<size_t>(cls)].push_back(p);
  } catch (const std::bad_alloc &) {  // no memory to remember it: keep nothing
    std::free(p);
    return;
  }
  Forbid(p, 0, rounded);
  cache.bytes += rounded;
}

// Places the shared_ptr's control block in the header of the block that it counts, and so gives the
// block back after the last use of both.
constexpr size_t kHeaderBytes = 64;  // keeps what follows aligned
template <class T>
struct HeaderAllocator {
  using value_type = T;
  void *block;
  int cls;
  size_t rounded;

  HeaderAllocator(void *b, int c, size_t r) : block(b), cls(c), rounded(r) {}
  template <class U>
  HeaderAllocator(const HeaderAllocator<U> &o)  // NOLINT(runtime/explicit)
      : block(o.block), cls(o.cls), rounded(o.rounded) {}
  T *allocate(size_t) {
    static_assert(sizeof(T) <= kHeaderBytes && alignof(T) <= kHeaderBytes);
    return static_cast<T *>(block);
  }
  void deallocate(T *, size_t) noexcept { Release(block, cls, rounded); }
  template <class U>
  bool operator==(const HeaderAllocator<U> &o) const {
    return block == o.block;
  }
  template <class U>
  bool operator!=(const HeaderAllocator<U> &o) const {
    return block != o.block;
  }
};

}  // namespace

std::shared_ptr<float> AllocateFloats(int64_t count) {
  if (count == 0) return nullptr;
  if (static_cast<uint64_t>(count) > (uint64_t{1} << 46)) throw std::bad_alloc();
  size_t rounded = 0;
  const size_t bytes = kHeaderBytes + static_cast<size_t>(count) * sizeof(float);
  const int cls = ClassOf(bytes, &rounded);
  void *p = nullptr;
  if (!Cache::Dead() && cls < kNumClasses) {
    Cache &cache = Cache::Get();
    auto &list = cache.free[static_cast<size_t>(cls)];
    if (!list.empty()) {
      p = list.back();
      list.pop_back();
      cache.bytes -= rounded;
    }
  }
  if (p == nullptr) p = SystemAllocate(rounded);
  Allow(p, bytes);
  Forbid(p, bytes, rounded);
  return std::shared_ptr<float>(
      reinterpret_cast<float *>(static_cast<char *>(p) + kHeaderBytes), [](float *) {},
      HeaderAllocator<float>(p, cls, rounded));
}

int64_t NumSystemAllocations() { return num_system_allocations; }

}  // namespace u2moe
