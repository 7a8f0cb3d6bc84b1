// Memory that is given back is kept for the next use, so that what runs again and again takes
// nothing from the system: the floats of tensors, and the elements of a CachedVector.
#ifndef U2MOE_TENSOR_ALLOCATOR_H_
#define U2MOE_TENSOR_ALLOCATOR_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <vector>

namespace u2moe {

// Uninitialised memory of `bytes` > 0, aligned to 64 bytes, from per-thread free lists of size
// classes (steps of at most 25 %, from 64 bytes). Throws std::bad_alloc.
void *AllocateBlock(size_t bytes);
// Gives a block of that many bytes back, to the calling thread, which keeps it up to a bound of
// kept bytes; blocks over 64 MiB go back to the system at once.
void ReleaseBlock(void *block, size_t bytes) noexcept;

// Uninitialised floats in such a block, which goes back after the last use; null for 0. Throws
// std::bad_alloc.
std::shared_ptr<float> AllocateFloats(int64_t count);

// How many blocks were taken from the system so far, by all threads; for tests of steady states.
int64_t NumSystemAllocations();

// Blocks for the standard containers. Containers that one thread fills and another empties again
// and again gain nothing.
template <class T>
struct CachingAllocator {
  using value_type = T;

  CachingAllocator() = default;
  template <class U>
  CachingAllocator(const CachingAllocator<U> &) {}  // NOLINT(runtime/explicit)

  T *allocate(size_t n) {
    if (n > std::numeric_limits<size_t>::max() / sizeof(T)) throw std::bad_alloc();
    return static_cast<T *>(AllocateBlock(n * sizeof(T)));
  }
  void deallocate(T *p, size_t n) noexcept { ReleaseBlock(p, n * sizeof(T)); }
  template <class U>
  bool operator==(const CachingAllocator<U> &) const {
    return true;
  }
  template <class U>
  bool operator!=(const CachingAllocator<U> &) const {
    return false;
  }
};

// The vector of what a forward computes with: lists that are made anew for each chunk.
template <class T>
using CachedVector = std::vector<T, CachingAllocator<T>>;

}  // namespace u2moe

#endif  // U2MOE_TENSOR_ALLOCATOR_H_
