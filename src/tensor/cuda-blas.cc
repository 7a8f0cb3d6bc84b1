#include "tensor/cuda-blas.h"

#include <cublas_v2.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/error.h"
#include "tensor/cuda-runtime.h"

namespace u2moe {
namespace cuda {
namespace {

void CheckBlas(cublasStatus_t status, const char *what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(
      "cuBLAS: ", what, ": ", cublasGetStatusString(status),
      status == CUBLAS_STATUS_ALLOC_FAILED
          ? "; the GPU's memory is full: give it less at a time (--batch-seconds, --streams)"
          : "");
}

// Of this thread, on its stream, with memory that is taken once: what cuBLAS takes by itself it
// takes with cudaMalloc, which waits for the whole GPU.
cublasHandle_t ThisHandle() {
  struct State {
    cublasHandle_t handle = nullptr;
    std::shared_ptr<float> workspace;
  };
  thread_local State *state = nullptr;  // never destroyed: the driver may be gone when threads end
  if (state == nullptr) {
    constexpr int64_t kWorkspaceFloats = 8 << 20;  // 32 MiB, what NVIDIA advises for Hopper
    auto made = std::make_unique<State>();
    CheckBlas(cublasCreate(&made->handle), "beginning");
    CheckBlas(cublasSetStream(made->handle, ThisStream()), "giving it a stream");
    made->workspace = AllocateFloats(kWorkspaceFloats);
    CheckBlas(
        cublasSetWorkspace(made->handle, made->workspace.get(), kWorkspaceFloats * sizeof(float)),
        "giving it memory");
    state = made.release();
  }
  return state->handle;
}

cublasOperation_t ToBlas(Trans trans) { return trans == Trans::kNo ? CUBLAS_OP_N : CUBLAS_OP_T; }

}  // namespace

void Gemm(float alpha, ConstView a, Trans trans_a, ConstView b, Trans trans_b, float beta, View c) {
  // A matrix by rows is its transpose by columns, as cuBLAS has them: C^T = op(B)^T op(A)^T.
  const int k = static_cast<int>(trans_a == Trans::kNo ? a.Cols() : a.Rows());
  const auto stride = [](ConstView v) {
    return static_cast<int>(std::max<int64_t>(v.Stride(), 1));
  };
  CheckBlas(cublasSgemm(ThisHandle(), ToBlas(trans_b), ToBlas(trans_a), static_cast<int>(c.Cols()),
                        static_cast<int>(c.Rows()), k, &alpha, b.Data(), stride(b), a.Data(),
                        stride(a), &beta, c.Data(), stride(c)),
            "a product");
  AfterLaunch();
}

}  // namespace cuda
}  // namespace u2moe
