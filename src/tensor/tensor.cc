#include "tensor/tensor.h"

#include <utility>

#include "tensor/context.h"

namespace u2moe {
namespace {

void CopyRows(Device to_device, View to, Device from_device, ConstView from) {
  const auto bytes = [](int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); };
  if (from.Contiguous()) {  // `to` is new
    CopyBytes(to_device, to.Data(), from_device, from.Data(), bytes(from.Size()));
    return;
  }
  for (int64_t i = 0; i < from.Rows(); ++i)
    CopyBytes(to_device, to.Row(i), from_device, from.Row(i), bytes(from.Cols()));
}

}  // namespace

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

Tensor::Tensor(Device device, Span<int64_t> shape) : device_(device) {
  SetShape(shape);
  data_ = AllocateFloatsOn(device, size_);
}

Tensor::Tensor(Span<int64_t> shape) : Tensor(Device::kCpu, shape) {}

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

Tensor::Tensor(const Context &ctx, Span<int64_t> shape) : Tensor(ctx.GetDevice(), shape) {}

Tensor::Tensor(const Context &ctx, int64_t rows, int64_t cols)
    : Tensor(ctx.GetDevice(), {rows, cols}) {}

Tensor Tensor::Zeros(const Context &ctx, int64_t rows, int64_t cols) {
  Tensor t(ctx, rows, cols);
  t.SetZero();
  return t;
}

Tensor Tensor::ZerosLike(const Tensor &other) {
  Tensor t(other.device_, {other.dims_.data(), static_cast<size_t>(other.num_dims_)});
  t.SetZero();
  return t;
}

Tensor Tensor::Copy(ConstView v) {
  Tensor t(v.Rows(), v.Cols());
  CopyRows(Device::kCpu, t, Device::kCpu, v);
  return t;
}

Tensor Tensor::Copy(const Context &ctx, ConstView v) {
  Tensor t(ctx, v.Rows(), v.Cols());
  CopyRows(ctx.GetDevice(), t, ctx.GetDevice(), v);
  return t;
}

Tensor CopyToDevice(const Context &ctx, ConstView host) {
  Tensor t(ctx, host.Rows(), host.Cols());
  CopyRows(ctx.GetDevice(), t, Device::kCpu, host);
  return t;
}

Tensor CopyToHost(const Context &ctx, ConstView v) {
  Tensor t(v.Rows(), v.Cols());
  CopyRows(Device::kCpu, t, ctx.GetDevice(), v);
  return t;
}

Tensor Tensor::CopyOn(Device device) const {
  Tensor t(device, {dims_.data(), static_cast<size_t>(num_dims_)});
  CopyBytes(device, t.Data(), device_, Data(), static_cast<size_t>(size_) * sizeof(float));
  return t;
}

Tensor Tensor::ToDevice(const Context &ctx) const { return CopyOn(ctx.GetDevice()); }

Tensor Tensor::Borrow(std::shared_ptr<float> data, Span<int64_t> shape) {
  Tensor t;
  t.data_ = std::move(data);
  t.SetShape(shape);
  return t;
}

Tensor::Tensor(const Tensor &other) : Tensor(other.CopyOn(other.device_)) {}

Tensor &Tensor::operator=(const Tensor &other) {
  if (this != &other) *this = Tensor(other);
  return *this;
}

Tensor::Tensor(Tensor &&other) noexcept
    : data_(std::move(other.data_)),
      dims_(other.dims_),
      num_dims_(std::exchange(other.num_dims_, 0)),
      device_(other.device_),
      rows_(std::exchange(other.rows_, 0)),
      cols_(std::exchange(other.cols_, 0)),
      size_(std::exchange(other.size_, 0)) {}

Tensor &Tensor::operator=(Tensor &&other) noexcept {
  if (this == &other) return *this;
  data_ = std::move(other.data_);
  dims_ = other.dims_;
  num_dims_ = std::exchange(other.num_dims_, 0);
  device_ = other.device_;
  rows_ = std::exchange(other.rows_, 0);
  cols_ = std::exchange(other.cols_, 0);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Tensor::SetZero() { ZeroBytes(device_, Data(), static_cast<size_t>(size_) * sizeof(float)); }

std::string Tensor::ShapeString() const {
  std::string s = "[";
  for (int i = 0; i < num_dims_; ++i) s += (i ? ", " : "") + std::to_string(Dim(i));
  return s + "]";
}

}  // namespace u2moe
