// A GPU in the host's mind, so that the code of src/*/*.cu runs where there is none. It is as slow
// and as strict as it can be:
//   - kernels, copies and events wait in the queue of their stream until something forces them: a
//     synchronisation, or a blocking call. What runs next is drawn among the streams that may go
//     on, by a seed (U2MOE_CUDA_SEED), so that what lacks a wait for an event fails for some seed;
//   - device memory is guarded memory (tensor/guarded-memory.h), which nobody but kernels and
//     copies may touch: a host that reads it ends with SIGSEGV at its line; fresh memory is NaN;
//   - the threads of a block are fibers that change at barriers and shuffles, in an order that is
//     drawn anew each time; blocks run one after another, in a drawn order;
//   - a barrier that some threads of a block have left for good, a shuffle that names lanes which
//     do not come, shared memory beyond what the launch gave, and memory that is freed twice end
//     the kernel with a CheckFailure. Shared memory begins as NaN.
// It cannot show: alignment, real races within a warp, the precision of the GPU's own functions,
// time. Threads of the host take turns.
#ifndef U2MOE_TESTS_SUPPORT_CUDA_EMULATION_H_
#define U2MOE_TESTS_SUPPORT_CUDA_EMULATION_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

struct dim3;

namespace u2moe {
namespace emulated {

struct Stream;
struct Event;

struct Index {
  unsigned x, y, z;
};
// Of the thread of a kernel that runs now.
struct ThreadIndex {
  Index thread, block, block_dim, grid_dim;
};
const ThreadIndex &This();  // throws a CheckFailure outside of kernels
int Lane();                 // of its warp

void SyncBlock();
void SyncWarp(unsigned mask);
// The value of 8 bytes at most that lane `from` gave, once all lanes of the mask have come.
void ExchangeBytes(unsigned mask, const void *mine, size_t bytes, int from, void *theirs);
template <class T>
T Exchange(unsigned mask, const T &value, int from) {
  static_assert(sizeof(T) <= 8, "registers are exchanged 8 bytes at a time");
  T theirs;
  ExchangeBytes(mask, &value, sizeof(T), from, &theirs);
  return theirs;
}
unsigned Ballot(unsigned mask, bool predicate);
// count elements of the block's dynamic shared memory from this byte on.
void *Shared(size_t offset, size_t bytes);

// Runs `thread` for all threads of a grid, when its turn in the stream has come.
void LaunchGrid(Stream *stream, const char *name, Index grid, Index block, size_t shared_bytes,
                std::function<void()> thread);
// The same for what is no kernel but reaches device memory: the twins of libraries.
void Enqueue(Stream *stream, std::function<void()> work);

// For tests. Calls of cudaMalloc and cudaHostAlloc so far; kernels that have run.
int64_t NumAllocations();
int64_t NumLaunches();
// The next cudaMalloc beyond so many bytes in use fails; 0: none.
void SetMemoryLimit(size_t bytes);
void SetNumDevices(int count);
void SetSeed(uint64_t seed);

}  // namespace emulated
}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_CUDA_EMULATION_H_
