// The memory of Device::kGuarded: mapped without access, which ops and copies open for as long as
// they run. Host code that reaches into a tensor of a device ends with SIGSEGV and a line on stderr
// that says so; on a GPU it would as well. New memory is full of NaN, so that nobody lives on what
// an allocation happens to hold. Access is by process: while one thread runs an op, another one's
// slip is not found.
#ifndef U2MOE_TENSOR_GUARDED_MEMORY_H_
#define U2MOE_TENSOR_GUARDED_MEMORY_H_

#include <cstddef>

namespace u2moe {
namespace guarded {

// bytes > 0, aligned to 64. Throws std::bad_alloc.
void *Allocate(size_t bytes);
void Release(void *p, size_t bytes) noexcept;

// Whether [p, p + bytes) is such memory.
bool Contains(const void *p, size_t bytes);

// Opens the memory for its lifetime, if wanted; they nest.
class Access {
 public:
  explicit Access(bool wanted) : wanted_(wanted) {
    if (wanted) Open();
  }
  ~Access() {
    if (wanted_) Close();
  }
  Access(const Access &) = delete;
  Access &operator=(const Access &) = delete;

 private:
  static void Open();
  static void Close() noexcept;

  const bool wanted_;
};

}  // namespace guarded
}  // namespace u2moe

#endif  // U2MOE_TENSOR_GUARDED_MEMORY_H_
