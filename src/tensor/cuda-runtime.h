// CUDA for the rest of the house: devices, streams, memory, copies, errors. Only files that are
// compiled where HAVE_CUDA is set may include this.
#ifndef U2MOE_TENSOR_CUDA_RUNTIME_H_
#define U2MOE_TENSOR_CUDA_RUNTIME_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace u2moe {
namespace cuda {

// Throws an Error that says what failed and what to do, unless it is cudaSuccess; a DataError where
// the memory is not enough. what: "copying 12 bytes".
void Check(cudaError_t error, const std::string &what);

// Makes this process work on a device, by number: this thread, and those that begin to work on one
// afterwards. Throws a UsageError where there is no such device,
// no driver, or one older than the toolkit.
void SelectDevice(int number);
// "NVIDIA H200, 139.8 GiB, compute capability 9.0, CUDA 13.0, driver 13.0"
std::string DescribeDevice();

// Whether kernels may read and write all of the host's memory, as tests of ops do. The emulation's
// may, and those of GPUs whose driver manages pages for both.
bool ReachesHostMemory();

// The stream of this thread: all that it launches and copies happens in this order.
cudaStream_t ThisStream();
void Synchronize();  // waits for it
// For tests, and to find the launch that fails: waits after each.
void SynchronizeEachLaunch(bool on);
void AfterLaunch();

// Floats in the memory of the device, not initialised; null for 0. The memory comes from a cache
// of this thread, in the order of its stream: what is given back may be given out again at once, as
// later work waits for earlier. Another thread may give it back, too. Throws a DataError that says
// how much was asked for and how much is in use.
std::shared_ptr<float> AllocateFloats(int64_t count);
// Calls of cudaMalloc by all threads so far: constant in the steady state.
int64_t NumAllocations();
size_t BytesInUse();  // that this process has, with what it keeps for later

// Copies in the order of this thread's stream. To the host, and from it: when this returns, the
// host's memory may be read, or written. Within the device it does not wait.
void CopyBytes(void *to, const void *from, size_t bytes, cudaMemcpyKind kind);
void ZeroBytes(void *p, size_t bytes);

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_TENSOR_CUDA_RUNTIME_H_
