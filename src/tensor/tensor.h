#ifndef U2MOE_TENSOR_TENSOR_H_
#define U2MOE_TENSOR_TENSOR_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/span.h"
#include "tensor/device.h"
#include "tensor/view.h"

namespace u2moe {

class Context;

// A dense float32 array of up to 4 dimensions, contiguous, aligned to 64 bytes, in the memory of a
// device. The host's comes from a caching allocator (tensor/allocator.h), so temporaries in a loop
// cost no system call. A tensor may also borrow memory, such as a mapped model file, which it keeps
// alive. Copying copies the floats, on the same device. Only ops may reach the floats of a tensor
// that is not the host's: Data(), views and (i, j) give addresses there, not values.
class Tensor {
 public:
  Tensor() = default;
  // Contents are undefined; see Zeros.
  explicit Tensor(Span<int64_t> shape);
  explicit Tensor(std::initializer_list<int64_t> shape);
  Tensor(int64_t rows, int64_t cols);
  static Tensor Zeros(Span<int64_t> shape);
  static Tensor Zeros(int64_t rows, int64_t cols);
  // In the memory of ctx's device, where the ops that compute with ctx reach it; the ones above are
  // the host's.
  Tensor(const Context &ctx, Span<int64_t> shape);
  Tensor(const Context &ctx, int64_t rows, int64_t cols);
  static Tensor Zeros(const Context &ctx, int64_t rows, int64_t cols);
  // In the same memory and of the same shape as t.
  static Tensor ZerosLike(const Tensor &t);
  // A copy of v, in the host's memory, or in that of ctx's device, where v lies.
  static Tensor Copy(ConstView v);
  static Tensor Copy(const Context &ctx, ConstView v);
  // A tensor on memory that `data` owns or keeps alive; not copied.
  static Tensor Borrow(std::shared_ptr<float> data, Span<int64_t> shape);

  Tensor(const Tensor &other);
  Tensor &operator=(const Tensor &other);
  Tensor(Tensor &&other) noexcept;  // other becomes empty
  Tensor &operator=(Tensor &&other) noexcept;

  Device GetDevice() const { return device_; }
  // Copies of the same shape.
  Tensor ToHost() const { return CopyOn(Device::kCpu); }
  Tensor ToDevice(const Context &ctx) const;

  std::vector<int64_t> Shape() const { return {dims_.begin(), dims_.begin() + num_dims_}; }
  int64_t Dim(int i) const {
    CHECK(i >= 0 && i < num_dims_) << i;
    return dims_[static_cast<size_t>(i)];
  }
  int64_t Size() const { return size_; }
  bool Empty() const { return size_ == 0; }
  float *Data() { return data_.get(); }
  const float *Data() const { return data_.get(); }

  // As a matrix: [D] is 1 x D; [a, b, c, ...] is a x (b*c*...).
  int64_t Rows() const { return rows_; }
  int64_t Cols() const { return cols_; }
  u2moe::View View() { return {Data(), Rows(), Cols()}; }
  ConstView View() const { return {Data(), Rows(), Cols()}; }
  operator u2moe::View() { return View(); }      // NOLINT(runtime/explicit)
  operator ConstView() const { return View(); }  // NOLINT(runtime/explicit)
  operator ConstView() { return View(); }        // NOLINT(runtime/explicit)
  float &operator()(int64_t i, int64_t j) { return data_.get()[i * cols_ + j]; }
  float operator()(int64_t i, int64_t j) const { return data_.get()[i * cols_ + j]; }

  void SetZero();
  std::string ShapeString() const;  // "[8, 96, 3, 3]"

 private:
  Tensor(Device device, Span<int64_t> shape);
  Tensor CopyOn(Device device) const;
  void SetShape(Span<int64_t> dims);

  std::shared_ptr<float> data_;
  std::array<int64_t, 4> dims_{};  // not a vector, which would be an allocation for each tensor
  int num_dims_ = 0;
  Device device_ = Device::kCpu;
  int64_t rows_ = 0, cols_ = 0, size_ = 0;
};

// Copies of a matrix in the host's memory, for ctx's device, and back. See tensor/transfer.h for
// what copies only where it must.
Tensor CopyToDevice(const Context &ctx, ConstView host);
Tensor CopyToHost(const Context &ctx, ConstView v);

}  // namespace u2moe

#endif  // U2MOE_TENSOR_TENSOR_H_
