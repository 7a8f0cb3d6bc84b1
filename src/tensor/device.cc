#include "tensor/device.h"

#include <cstring>
#include <limits>
#include <new>

#include "base/check.h"
#include "tensor/allocator.h"
#include "tensor/guarded-memory.h"
#if HAVE_CUDA
#include "tensor/cuda-runtime.h"
#endif

namespace u2moe {

std::shared_ptr<float> AllocateFloatsOn(Device device, int64_t count) {
#if HAVE_CUDA
  if (device == Device::kCuda) return cuda::AllocateFloats(count);
#endif
  CHECK(device != Device::kCuda) << "this build has no CUDA";
  if (device == Device::kCpu || count == 0) return AllocateFloats(count);
  constexpr int64_t kMost =
      std::numeric_limits<int64_t>::max() / static_cast<int64_t>(sizeof(float));
  if (count < 0 || count > kMost) throw std::bad_alloc();
  const size_t bytes = static_cast<size_t>(count) * sizeof(float);
  return std::shared_ptr<float>(static_cast<float *>(guarded::Allocate(bytes)),
                                [bytes](float *p) { guarded::Release(p, bytes); });
}

void CopyBytes(Device to_device, void *to, Device from_device, const void *from, size_t bytes) {
  if (bytes == 0) return;
#if HAVE_CUDA
  if (to_device == Device::kCuda || from_device == Device::kCuda) {
    cuda::CopyBytes(to, from, bytes,
                    to_device != Device::kCuda     ? cudaMemcpyDeviceToHost
                    : from_device != Device::kCuda ? cudaMemcpyHostToDevice
                                                   : cudaMemcpyDeviceToDevice);
    return;
  }
#endif
  const guarded::Access access(to_device == Device::kGuarded || from_device == Device::kGuarded);
  std::memcpy(to, from, bytes);
}

void ZeroBytes(Device device, void *p, size_t bytes) {
  if (bytes == 0) return;
#if HAVE_CUDA
  if (device == Device::kCuda) {
    cuda::ZeroBytes(p, bytes);
    return;
  }
#endif
  const guarded::Access access(device == Device::kGuarded);
  std::memset(p, 0, bytes);
}

}  // namespace u2moe
