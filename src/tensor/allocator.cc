#include "tensor/allocator.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace u2moe {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kLogMinBytes = 6, kMinBytes = size_t{1} << kLogMinBytes;
constexpr size_t kMaxBytes = size_t{1} << 48;
constexpr size_t kMaxCachedBlock = size_t{1} << 26;
constexpr size_t kMaxCachedPerThread = size_t{1} << 30;
constexpr size_t kNumClasses = (26 - kLogMinBytes) * 4 + 1;  // up to 2^26 = kMaxCachedBlock

std::atomic<int64_t> num_system_allocations{0};

// Size classes: kMinBytes and 4 steps in each power of two from there. bytes > 0.
size_t ClassOf(size_t bytes, size_t *rounded) {
  *rounded = kMinBytes;
  if (bytes <= kMinBytes) return 0;
  const auto log = static_cast<size_t>(63 - __builtin_clzll(bytes - 1));
  const size_t base = size_t{1} << log, step = base / 4;
  const size_t steps = (bytes - 1 - base) / step + 1;
  *rounded = base + steps * step;
  return (log - kLogMinBytes) * 4 + steps;
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
  if (posix_memalign(&p, kAlignment, bytes) != 0) throw std::bad_alloc();
  ++num_system_allocations;
  return p;
}

// The kept blocks of a thread, which hold the links of their lists: keeping one needs no memory.
struct Cache {
  struct Block {
    Block *next;
  };
  std::array<Block *, kNumClasses> free{};
  size_t bytes = 0;
  ~Cache() {
    for (Block *list : free) {
      while (list != nullptr) std::free(Pop(&list));
    }
    Dead() = true;
  }
  static void Push(void *p, Block **list) {
    Allow(p, sizeof(Block));  // what was in use of it may have been less
    *list = new (p) Block{*list};
  }
  static void *Pop(Block **list) {
    Block *block = *list;
    Allow(block, sizeof(Block));
    *list = block->next;
    return block;
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

// Places the shared_ptr's control block in the header of the block that it counts, and so gives the
// block back after the last use of both.
constexpr size_t kHeaderBytes = 64;  // keeps what follows aligned
template <class T>
struct HeaderAllocator {
  using value_type = T;
  void *block;
  size_t bytes;

  HeaderAllocator(void *p, size_t n) : block(p), bytes(n) {}
  template <class U>
  HeaderAllocator(const HeaderAllocator<U> &o)  // NOLINT(runtime/explicit)
      : block(o.block), bytes(o.bytes) {}
  T *allocate(size_t) {
    static_assert(sizeof(T) <= kHeaderBytes && alignof(T) <= kHeaderBytes);
    return static_cast<T *>(block);
  }
  void deallocate(T *, size_t) noexcept { ReleaseBlock(block, bytes); }
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

void *AllocateBlock(size_t bytes) {
  if (bytes > kMaxBytes) throw std::bad_alloc();
  size_t rounded = 0;
  const size_t cls = ClassOf(bytes, &rounded);
  void *p = nullptr;
  if (!Cache::Dead() && cls < kNumClasses) {
    Cache &cache = Cache::Get();
    if (cache.free[cls] != nullptr) {
      p = Cache::Pop(&cache.free[cls]);
      cache.bytes -= rounded;
    }
  }
  if (p == nullptr) p = SystemAllocate(rounded);
  Allow(p, bytes);
  Forbid(p, bytes, rounded);
  return p;
}

void ReleaseBlock(void *p, size_t bytes) noexcept {
  size_t rounded = 0;
  const size_t cls = ClassOf(bytes, &rounded);
  if (Cache::Dead() || rounded > kMaxCachedBlock) {
    std::free(p);
    return;
  }
  Cache &cache = Cache::Get();
  if (cache.bytes + rounded > kMaxCachedPerThread) {
    std::free(p);
    return;
  }
  Cache::Push(p, &cache.free[cls]);
  Forbid(p, 0, rounded);
  cache.bytes += rounded;
}

std::shared_ptr<float> AllocateFloats(int64_t count) {
  if (count == 0) return nullptr;
  if (static_cast<uint64_t>(count) > kMaxBytes / sizeof(float) - kHeaderBytes)
    throw std::bad_alloc();
  const size_t bytes = kHeaderBytes + static_cast<size_t>(count) * sizeof(float);
  void *p = AllocateBlock(bytes);
  return std::shared_ptr<float>(
      reinterpret_cast<float *>(static_cast<char *>(p) + kHeaderBytes), [](float *) {},
      HeaderAllocator<float>(p, bytes));
}

int64_t NumSystemAllocations() { return num_system_allocations; }

}  // namespace u2moe
