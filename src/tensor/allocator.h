#ifndef U2MOE_TENSOR_ALLOCATOR_H_
#define U2MOE_TENSOR_ALLOCATOR_H_

#include <cstdint>
#include <memory>

namespace u2moe {

// Uninitialised floats, aligned to 64 bytes, from per-thread free lists of size classes (steps of
// at most 25 %). A freed block stays with the thread that frees it, up to a bound of kept bytes;
// blocks over 64 MiB go back to the system at once. Throws std::bad_alloc.
std::shared_ptr<float> AllocateFloats(int64_t count);

// How many blocks were taken from the system so far, by all threads; for tests of steady states.
int64_t NumSystemAllocations();

}  // namespace u2moe

#endif  // U2MOE_TENSOR_ALLOCATOR_H_
