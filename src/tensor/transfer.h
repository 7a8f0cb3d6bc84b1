// Memory of the host for ops, and of a device for the host. On the CPU nothing is copied: the very
// same memory is used, and must outlive these objects.
#ifndef U2MOE_TENSOR_TRANSFER_H_
#define U2MOE_TENSOR_TRANSFER_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

// A list of the host (ids, indices, gates) where ops of ctx read it.
template <class T>
class ListOnDevice {
 public:
  ListOnDevice(const Context &ctx, Span<T> host) : list_(host) {
    if (ctx.OnHost() || host.empty()) return;
    const size_t bytes = host.size() * sizeof(T);
    memory_ = AllocateFloatsOn(ctx.GetDevice(),
                               static_cast<int64_t>((bytes + sizeof(float) - 1) / sizeof(float)));
    CopyBytes(ctx.GetDevice(), memory_.get(), Device::kCpu, host.data(), bytes);
    list_ = Span<T>(reinterpret_cast<const T *>(memory_.get()), host.size());
  }
  ListOnDevice(const ListOnDevice &) = delete;
  ListOnDevice &operator=(const ListOnDevice &) = delete;

  Span<T> List() const { return list_; }
  operator Span<T>() const { return list_; }  // NOLINT(runtime/explicit)
  const T *data() const { return list_.data(); }

 private:
  std::shared_ptr<float> memory_;
  Span<T> list_;
};

// A matrix of the host where ops of ctx read it.
class MatrixOnDevice {
 public:
  MatrixOnDevice(const Context &ctx, ConstView host) : view_(host) {
    if (ctx.OnHost() || host.Empty()) return;
    copy_ = CopyToDevice(ctx, host);
    view_ = copy_;
  }
  MatrixOnDevice(const MatrixOnDevice &) = delete;
  MatrixOnDevice &operator=(const MatrixOnDevice &) = delete;

  ConstView View() const { return view_; }
  operator ConstView() const { return view_; }  // NOLINT(runtime/explicit)

 private:
  Tensor copy_;
  ConstView view_;
};

// A matrix in the memory of ctx where the host reads it.
class MatrixOnHost {
 public:
  MatrixOnHost(const Context &ctx, ConstView v) : view_(v) {
    if (ctx.OnHost() || v.Empty()) return;
    copy_ = CopyToHost(ctx, v);
    view_ = copy_;
  }
  MatrixOnHost(const MatrixOnHost &) = delete;
  MatrixOnHost &operator=(const MatrixOnHost &) = delete;

  ConstView View() const { return view_; }
  operator ConstView() const { return view_; }  // NOLINT(runtime/explicit)
  float operator()(int64_t i, int64_t j) const { return view_(i, j); }

 private:
  Tensor copy_;
  ConstView view_;
};

// The tensor itself where it is the host's, else a copy there.
inline Tensor MoveToHost(Tensor t) {
  return t.GetDevice() == Device::kCpu ? std::move(t) : t.ToHost();
}

}  // namespace u2moe

#endif  // U2MOE_TENSOR_TRANSFER_H_
