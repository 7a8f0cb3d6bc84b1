#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tensor/allocator.h"

namespace u2moe {
namespace {

int64_t SizeOf(const std::vector<int64_t> &shape) {
  CHECK_LE(shape.size(), 4u);
  int64_t size = shape.empty() ? 0 : 1;
  for (int64_t d : shape) {
    CHECK_GE(d, 0);
    size *= d;
  }
  return size;
}

}  // namespace

Tensor::Tensor(std::vector<int64_t> shape) : shape_(std::move(shape)), size_(SizeOf(shape_)) {
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
  t.shape_ = std::move(shape);
  t.size_ = SizeOf(t.shape_);
  return t;
}

Tensor::Tensor(const Tensor &other) : Tensor(other.shape_) {
  if (size_ > 0) std::memcpy(Data(), other.Data(), static_cast<size_t>(size_) * sizeof(float));
}

Tensor &Tensor::operator=(const Tensor &other) {
  if (this != &other) *this = Tensor(other);
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

int64_t Tensor::InnerSize() const {
  int64_t size = 1;
  for (size_t i = 1; i < shape_.size(); ++i) size *= shape_[i];
  return size;
}

}  // namespace u2moe
