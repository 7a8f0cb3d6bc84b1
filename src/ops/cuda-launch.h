// How kernels are written and started.
//
// The body of a kernel is a __host__ __device__ function, or a template over a block of threads
// (ops/cuda-block.h). <op>-cuda.cu has the kernels that call it and, in namespace cuda, the
// functions that OPS_CALL reaches:
//
//   template <class F>
//   __global__ void MapKernel(DeviceRows<float> y, DeviceRows<const float> x, F f) {
//     ForEachElement(y, [&](int64_t i, int64_t j) { y(i, j) = f(x(i, j)); });
//   }
//   void Double(const Context &, ConstView x, View y) {
//     Launch("Double", MapKernel<Doubled>, ElementGrid(y), 0, y, x, Doubled());
//   }
//
// Sums are in a fixed order, so that the same launch gives the same bits: no atomics on floats, and
// no order that depends on which block is first. Nothing depends on the rows beside a row.
#ifndef U2MOE_OPS_CUDA_LAUNCH_H_
#define U2MOE_OPS_CUDA_LAUNCH_H_

#include <algorithm>
#include <cstdint>
#include <tuple>

#include "tensor/cuda-runtime.h"
#include "tensor/view.h"

// Before loops over what is to stay in registers. (g++ has no such pragma.)
#if U2MOE_CUDA_EMULATED
#define U2MOE_UNROLL
#else
#define U2MOE_UNROLL _Pragma("unroll")
#endif

namespace u2moe {
namespace cuda {

// A view for kernels.
template <class T>
struct DeviceRows {
  T *data;
  int64_t rows, cols, stride;

  template <class U>
  DeviceRows(const BasicView<U> &v)  // NOLINT(runtime/explicit)
      : data(v.Data()), rows(v.Rows()), cols(v.Cols()), stride(v.Stride()) {}
  template <class U>
  __host__ __device__ DeviceRows(const DeviceRows<U> &v)  // NOLINT(runtime/explicit)
      : data(v.data), rows(v.rows), cols(v.cols), stride(v.stride) {}
  __host__ __device__ T *Row(int64_t i) const { return data + i * stride; }
  __host__ __device__ T &operator()(int64_t i, int64_t j) const { return data[i * stride + j]; }
};

struct GridShape {
  dim3 grid, block;
};

constexpr int kBlockThreads = 256;

// Threads for each element, in strides (ForEachElement).
inline GridShape ElementGrid(ConstView v) {
  constexpr int64_t kMostBlocks = 1 << 16;
  const int64_t blocks = (v.Size() + kBlockThreads - 1) / kBlockThreads;
  return {dim3(static_cast<unsigned>(std::clamp<int64_t>(blocks, 1, kMostBlocks))),
          dim3(kBlockThreads)};
}
// A block of threads for each row; of as many as a row has columns, 32 at least.
inline GridShape RowGrid(int64_t rows, int64_t cols) {
  unsigned threads = 32;
  while (threads < kBlockThreads && threads < cols) threads *= 2;
  return {dim3(static_cast<unsigned>(std::max<int64_t>(rows, 1))), dim3(threads)};
}

template <class T, class F>
__device__ void ForEachElement(const DeviceRows<T> &v, const F &f) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t k = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; k < v.rows * v.cols;
       k += step) {
    f(k / v.cols, k % v.cols);
  }
}

// Starts a kernel in this thread's stream. name: for errors. Nothing happens for a grid of no rows:
// callers return before.
template <class... Params, class... Args>
void Launch(const char *name, void (*kernel)(Params...), const GridShape &shape,
            size_t shared_bytes, const Args &...args) {
#if U2MOE_CUDA_EMULATED
  const auto index = [](const dim3 &d) { return emulated::Index{d.x, d.y, d.z}; };
  emulated::LaunchGrid(
      ThisStream(), name, index(shape.grid), index(shape.block), shared_bytes,
      [kernel, call = std::tuple<Params...>(args...)] { std::apply(kernel, call); });
#else
  std::tuple<Params...> values(args...);
  std::apply(
      [&](auto &...value) {
        void *pointers[] = {&value...};
        Check(cudaLaunchKernel(reinterpret_cast<const void *>(kernel), shape.grid, shape.block,
                               pointers, shared_bytes, ThisStream()),
              name);
      },
      values);
#endif
  AfterLaunch();
}

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_LAUNCH_H_
