#include "tensor/guarded-memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/check.h"

namespace u2moe {
namespace guarded {
namespace {

// Of addresses; pages come as they are used.
constexpr size_t kReserved = size_t{1} << 36;
constexpr size_t kAlignment = 64;
// Memory gets access in steps of this.
constexpr size_t kStep = size_t{1} << 20;
// All bits of a float or an int: NaN, -1.
constexpr int kFresh = 0xff;

size_t RoundUp(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Few sizes, so that what is given back fits what is asked for: steps of at most 25 %.
size_t BlockSize(size_t bytes) {
  size_t step = kAlignment;
  while (8 * step <= bytes) step *= 2;
  return RoundUp(bytes, step);
}

struct Arena {
  char *base = nullptr;
  size_t used = 0, reachable = 0;  // bytes from base: given out once; whose access changes
  std::map<size_t, std::vector<void *>> free;    // by size
  std::vector<std::pair<void *, size_t>> fresh;  // to be filled when there is access
  int64_t num_blocks = 0;                        // in use
  int depth = 0;                                 // of Access
  mutable std::mutex mutex;                      // guards all of it
  struct sigaction previous = {};

  Arena();
  void Protect(int access) { CHECK(mprotect(base, reachable, access) == 0) << "mprotect"; }
  void FillFresh() {
    for (const auto &[p, size] : fresh) std::memset(p, kFresh, size);
    fresh.clear();
  }
};

Arena &Get() {
  static auto *arena = new Arena;  // tensors may outlive statics
  return *arena;
}

void OnFault(int, siginfo_t *info, void *) {
  if (Contains(info->si_addr, 1)) {
    constexpr char kHint[] =
        "the host touched device memory outside of an op: allocate with Tensor(shape), copy with "
        "ToHost(), or make an op of the loop\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kHint, sizeof(kHint) - 1);
  }
  sigaction(SIGSEGV, &Get().previous, nullptr);  // the fault comes again, to whoever was there
}

Arena::Arena() {
  void *p = mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  base = static_cast<char *>(p);
  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous);
}

}  // namespace

void *Allocate(size_t bytes) {
  Arena &arena = Get();
  const std::lock_guard<std::mutex> lock(arena.mutex);
  if (bytes > kReserved) throw std::bad_alloc();
  const size_t size = BlockSize(bytes);
  void *p = nullptr;
  std::vector<void *> &free = arena.free[size];
  if (!free.empty()) {
    p = free.back();
    free.pop_back();
  } else {
    if (size > kReserved - arena.used) throw std::bad_alloc();
    p = arena.base + arena.used;
    arena.used += size;
    if (arena.used > arena.reachable) {
      arena.reachable = RoundUp(arena.used, kStep);
      if (arena.depth > 0) arena.Protect(PROT_READ | PROT_WRITE);
    }
  }
  arena.fresh.emplace_back(p, size);
  if (arena.depth > 0) arena.FillFresh();
  ++arena.num_blocks;
  return p;
}

void Release(void *p, size_t bytes) noexcept {
  Arena &arena = Get();
  const std::lock_guard<std::mutex> lock(arena.mutex);
  if (--arena.num_blocks > 0 || arena.depth > 0) {
    arena.free[BlockSize(bytes)].push_back(p);
    return;
  }
  // Changes of access cost by the page: the next model begins anew.
  madvise(arena.base, arena.reachable, MADV_DONTNEED);
  arena.used = arena.reachable = 0;
  arena.free.clear();
  arena.fresh.clear();
}

bool Contains(const void *p, size_t bytes) {
  const Arena &arena = Get();
  const std::lock_guard<std::mutex> lock(arena.mutex);
  const auto *from = static_cast<const char *>(p);
  return from >= arena.base && from + bytes <= arena.base + arena.used;
}

void Access::Open() {
  Arena &arena = Get();
  const std::lock_guard<std::mutex> lock(arena.mutex);
  if (arena.depth == 0) arena.Protect(PROT_READ | PROT_WRITE);
  ++arena.depth;
  arena.FillFresh();
}

void Access::Close() noexcept {
  Arena &arena = Get();
  const std::lock_guard<std::mutex> lock(arena.mutex);
  if (--arena.depth == 0) arena.Protect(PROT_NONE);
}

}  // namespace guarded
}  // namespace u2moe
