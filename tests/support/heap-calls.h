// Counts what a test takes from the heap: every call of malloc and its kin, operator new among
// them, by all threads and libraries. It replaces them for the whole binary (under a sanitizer, it
// listens to the sanitizer's), so only a test's own .cc may include it.
#ifndef U2MOE_TESTS_SUPPORT_HEAP_CALLS_H_
#define U2MOE_TESTS_SUPPORT_HEAP_CALLS_H_

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace u2moe {

inline std::atomic<int64_t> num_heap_calls{0};

// A place for a breakpoint: the caller's callers are who took memory.
__attribute__((noinline)) inline void OnHeapCall() {
  num_heap_calls.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace u2moe

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *,
                                                                             size_t),
                                                         void (*free_hook)(const volatile void *));

namespace u2moe {
inline const int heap_hooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void *, size_t) { OnHeapCall(); }, [](const volatile void *) {});
}  // namespace u2moe

#else  // glibc's own, under its other names

extern "C" {
void *__libc_malloc(size_t size) noexcept;
void *__libc_calloc(size_t count, size_t size) noexcept;
void *__libc_realloc(void *p, size_t size) noexcept;
void *__libc_memalign(size_t alignment, size_t size) noexcept;

void *malloc(size_t size) noexcept {
  u2moe::OnHeapCall();
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) noexcept {
  u2moe::OnHeapCall();
  return __libc_calloc(count, size);
}
void *realloc(void *p, size_t size) noexcept {
  u2moe::OnHeapCall();
  return __libc_realloc(p, size);
}
void *memalign(size_t alignment, size_t size) noexcept {
  u2moe::OnHeapCall();
  return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) noexcept { return memalign(alignment, size); }
int posix_memalign(void **p, size_t alignment, size_t size) noexcept {
  *p = memalign(alignment, size);
  return *p == nullptr ? ENOMEM : 0;
}
}

#endif

#endif  // U2MOE_TESTS_SUPPORT_HEAP_CALLS_H_
