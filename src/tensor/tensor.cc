#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tensor/allocator.h"

namespace u2moe {

void Tensor::SetShape(Span<int64_t> dims) {
  const size_t num_dims = dims.size();
  CHECK_LE(num_dims, dims_.size());
  // A vector [D] is one row; all dimensions after the first are columns.
  const size_t first_col = num_dims < 2 ? 0 : 1;
  rows_ = num_dims == 0 ? 0 : first_col == 0 ? 1 : dims[0];
  cols_ = num_dims == 0 ? 0 : 1;
  bool fits = true;
  for (size_t i = 0; i < num_dims; ++i) {
    CHECK_GE(dims[i], 0);
    if (i >= first_col) fits &= !__builtin_mul_overflow(cols_, dims[i], &cols_);
    dims_[i] = dims[i];
  }
  fits &= !__builtin_mul_overflow(rows_, cols_, &size_);
  CHECK(fits) << "a shape of more than 2^63 floats";
  num_dims_ = static_cast<int>(num_dims);
}

Tensor::Tensor(Span<int64_t> shape) {
  SetShape(shape);
  data_ = AllocateFloats(size_);
}

Tensor::Tensor(std::initializer_list<int64_t> shape) : Tensor(Span<int64_t>(shape)) {}

Tensor::Tensor(int64_t rows, int64_t cols) : Tensor({rows, cols}) {}

Tensor Tensor::Zeros(Span<int64_t> shape) {
  Tensor t(shape);
  t.SetZero();
  return t;
}

Tensor Tensor::Zeros(int64_t rows, int64_t cols) {
  Tensor t(rows, cols);
  t.SetZero();
  return t;
}

Tensor::Tensor(const Context &, Span<int64_t> shape) : Tensor(shape) {}

Tensor::Tensor(const Context &, int64_t rows, int64_t cols) : Tensor(rows, cols) {}

Tensor Tensor::Zeros(const Context &, int64_t rows, int64_t cols) { return Zeros(rows, cols); }

Tensor Tensor::Copy(ConstView v) {
  Tensor t(v.Rows(), v.Cols());
  for (int64_t i = 0; i < v.Rows(); ++i) std::copy_n(v.Row(i), v.Cols(), t.Data() + i * v.Cols());
  return t;
}

Tensor Tensor::Borrow(std::shared_ptr<float> data, Span<int64_t> shape) {
  Tensor t;
  t.data_ = std::move(data);
  t.SetShape(shape);
  return t;
}

Tensor::Tensor(const Tensor &other) {
  SetShape({other.dims_.data(), static_cast<size_t>(other.num_dims_)});
  data_ = AllocateFloats(size_);
  if (size_ > 0) std::memcpy(Data(), other.Data(), static_cast<size_t>(size_) * sizeof(float));
}

Tensor &Tensor::operator=(const Tensor &other) {
  if (this != &other) *this = Tensor(other);
  return *this;
}

Tensor::Tensor(Tensor &&other) noexcept
    : data_(std::move(other.data_)),
      dims_(other.dims_),
      num_dims_(std::exchange(other.num_dims_, 0)),
      rows_(std::exchange(other.rows_, 0)),
      cols_(std::exchange(other.cols_, 0)),
      size_(std::exchange(other.size_, 0)) {}

Tensor &Tensor::operator=(Tensor &&other) noexcept {
  if (this == &other) return *this;
  data_ = std::move(other.data_);
  dims_ = other.dims_;
  num_dims_ = std::exchange(other.num_dims_, 0);
  rows_ = std::exchange(other.rows_, 0);
  cols_ = std::exchange(other.cols_, 0);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Tensor::SetZero() {
  if (size_ > 0) std::memset(Data(), 0, static_cast<size_t>(size_) * sizeof(float));
}

std::string Tensor::ShapeString() const {
  std::string s = "[";
  for (int i = 0; i < num_dims_; ++i) s += (i ? ", " : "") + std::to_string(Dim(i));
  return s + "]";
}

}  // namespace u2moe
