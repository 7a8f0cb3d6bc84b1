#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tensor/allocator.h"

namespace u2moe {

void Tensor::SetShape(std::vector<int64_t> shape) {
  CHECK_LE(shape.size(), 4u);
  // A vector [D] is one row; all dimensions after the first are columns.
  const size_t first_col = shape.size() < 2 ? 0 : 1;
  rows_ = shape.empty() ? 0 : first_col == 0 ? 1 : shape[0];
  cols_ = shape.empty() ? 0 : 1;
  bool fits = true;
  for (size_t i = 0; i < shape.size(); ++i) {
    CHECK_GE(shape[i], 0);
    if (i >= first_col) fits &= !__builtin_mul_overflow(cols_, shape[i], &cols_);
  }
  fits &= !__builtin_mul_overflow(rows_, cols_, &size_);
  CHECK(fits) << "a shape of more than 2^63 floats";
  shape_ = std::move(shape);
}

Tensor::Tensor(std::vector<int64_t> shape) {
  SetShape(std::move(shape));
  data_ = AllocateFloats(size_);
}

Tensor Tensor::Zeros(std::vector<int64_t> shape) {
  Tensor t(std::move(shape));
  t.SetZero();
  return t;
}

Tensor Tensor::Copy(ConstView v) {
  Tensor t(v.Rows(), v.Cols());
  for (int64_t i = 0; i < v.Rows(); ++i) std::copy_n(v.Row(i), v.Cols(), t.Data() + i * v.Cols());
  return t;
}

Tensor Tensor::Borrow(std::shared_ptr<float> data, std::vector<int64_t> shape) {
  Tensor t;
  t.data_ = std::move(data);
  t.SetShape(std::move(shape));
  return t;
}

Tensor::Tensor(const Tensor &other) : Tensor(other.shape_) {
  if (size_ > 0) std::memcpy(Data(), other.Data(), static_cast<size_t>(size_) * sizeof(float));
}

Tensor &Tensor::operator=(const Tensor &other) {
  if (this != &other) *this = Tensor(other);
  return *this;
}

Tensor::Tensor(Tensor &&other) noexcept
    : data_(std::move(other.data_)),
      shape_(std::exchange(other.shape_, {})),
      rows_(std::exchange(other.rows_, 0)),
      cols_(std::exchange(other.cols_, 0)),
      size_(std::exchange(other.size_, 0)) {}

Tensor &Tensor::operator=(Tensor &&other) noexcept {
  if (this == &other) return *this;
  data_ = std::move(other.data_);
  shape_ = std::exchange(other.shape_, {});
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
  for (size_t i = 0; i < shape_.size(); ++i) s += (i ? ", " : "") + std::to_string(shape_[i]);
  return s + "]";
}

}  // namespace u2moe
