// Where tensors live, and how bytes get there and back.
#ifndef U2MOE_TENSOR_DEVICE_H_
#define U2MOE_TENSOR_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace u2moe {

// kGuarded, for tests: it computes as kCpu does, to the bit, on memory that nobody may touch but
// the ops (tensor/guarded-memory.h). What runs there touches a GPU's memory only where it may. No
// option of a tool names it.
enum class Device { kCpu, kCuda, kGuarded };

// Uninitialised floats, aligned to 64 bytes, in the memory of a device; null for 0. Throws
// std::bad_alloc.
std::shared_ptr<float> AllocateFloatsOn(Device device, int64_t count);

// Copies bytes from the memory of one device to that of another, or the same; no overlap.
void CopyBytes(Device to_device, void *to, Device from_device, const void *from, size_t bytes);

void ZeroBytes(Device device, void *p, size_t bytes);

}  // namespace u2moe

#endif  // U2MOE_TENSOR_DEVICE_H_
