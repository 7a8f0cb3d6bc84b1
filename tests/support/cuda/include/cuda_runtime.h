// CUDA's runtime as far as src/cuda uses it, on the host: what tests/support/cuda/emulation.h says
// of it. Found before the toolkit's header of this name where CUDA=emulated.
#ifndef U2MOE_TESTS_SUPPORT_CUDA_INCLUDE_CUDA_RUNTIME_H_
#define U2MOE_TESTS_SUPPORT_CUDA_INCLUDE_CUDA_RUNTIME_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "support/cuda/emulation.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchFailure = 719,
};
enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0;

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct uint3 {
  unsigned x, y, z;
};

struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  size_t totalGlobalMem, sharedMemPerBlockOptin;
};

using cudaStream_t = u2moe::emulated::Stream *;
using cudaEvent_t = u2moe::emulated::Event *;

const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t stream);

// What a kernel sees of itself.
#define threadIdx (::u2moe::emulated::This().thread)
#define blockIdx (::u2moe::emulated::This().block)
#define blockDim (::u2moe::emulated::This().block_dim)
#define gridDim (::u2moe::emulated::This().grid_dim)
constexpr int warpSize = 32;

inline void __syncthreads() { u2moe::emulated::SyncBlock(); }
inline void __syncwarp(unsigned mask = ~0u) { u2moe::emulated::SyncWarp(mask); }
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize) {
  const int lane = u2moe::emulated::Lane(), from = lane ^ lanes;
  return u2moe::emulated::Exchange(mask, value, from / width <= lane / width ? from : lane);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  const int lane = u2moe::emulated::Lane(), from = lane + static_cast<int>(delta);
  return u2moe::emulated::Exchange(mask, value, from / width == lane / width ? from : lane);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  const int lane = u2moe::emulated::Lane(), from = lane - static_cast<int>(delta);
  return u2moe::emulated::Exchange(mask, value,
                                   from >= 0 && from / width == lane / width ? from : lane);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = warpSize) {
  const int base = u2moe::emulated::Lane() / width * width;
  return u2moe::emulated::Exchange(mask, value, base + (from & (width - 1)));
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return u2moe::emulated::Ballot(mask, predicate != 0);
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
// Threads run one at a time.
template <class T>
T atomicAdd(T *p, T value) {
  const T old = *p;
  *p = old + value;
  return old;
}
template <class T>
T atomicMax(T *p, T value) {
  const T old = *p;
  if (old < value) *p = value;
  return old;
}
inline float __expf(float x) { return std::exp(x); }

#endif  // U2MOE_TESTS_SUPPORT_CUDA_INCLUDE_CUDA_RUNTIME_H_
