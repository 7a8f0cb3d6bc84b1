#include "tensor/cuda-blas.h"

#include <cublas_v2.h>
#include <dlfcn.h>

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "tensor/cuda-runtime.h"

namespace u2moe {
namespace cuda {
namespace {

// What we call of it. The library is loaded when the first product asks for it: it is larger than
// all of u2moe a hundred times, of a version that nobody's build should depend on, and inference
// with packed weights needs none.
struct Library {
  decltype(&cublasGetStatusString) get_status_string;
  decltype(&cublasCreate) create;
  decltype(&cublasSetStream) set_stream;
  decltype(&cublasSetWorkspace) set_workspace;
  decltype(&cublasSgemm) sgemm;
};

#if U2MOE_CUDA_EMULATED
Library Load() {
  return {cublasGetStatusString, cublasCreate, cublasSetStream, cublasSetWorkspace, cublasSgemm};
}
#else
Library Load() {
  void *library = nullptr;
  std::string tried;
  for (const char *name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"}) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    tried += Cat(tried.empty() ? "" : "; ", dlerror());
  }
  if (library == nullptr) {
    throw Error("cuBLAS is not found (", tried,
                "): install the CUDA toolkit's libcublas and name its folder in LD_LIBRARY_PATH");
  }
  Library found;
  const auto take = [&](const char *name, auto *function) {
    *function = reinterpret_cast<std::remove_pointer_t<decltype(function)> >(dlsym(library, name));
    if (*function == nullptr) throw Error("cuBLAS has no ", name, "; it is of an unknown version");
  };
  take("cublasGetStatusString", &found.get_status_string);
  take("cublasCreate_v2", &found.create);
  take("cublasSetStream_v2", &found.set_stream);
  take("cublasSetWorkspace_v2", &found.set_workspace);
  take("cublasSgemm_v2", &found.sgemm);
  return found;
}
#endif

const Library &Blas() {
  static const Library library = Load();
  return library;
}

void CheckBlas(cublasStatus_t status, const char *what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(
      "cuBLAS: ", what, ": ", Blas().get_status_string(status),
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
    CheckBlas(Blas().create(&made->handle), "beginning");
    CheckBlas(Blas().set_stream(made->handle, ThisStream()), "giving it a stream");
    made->workspace = AllocateFloats(kWorkspaceFloats);
    CheckBlas(
        Blas().set_workspace(made->handle, made->workspace.get(), kWorkspaceFloats * sizeof(float)),
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
  CheckBlas(Blas().sgemm(ThisHandle(), ToBlas(trans_b), ToBlas(trans_a), static_cast<int>(c.Cols()),
                         static_cast<int>(c.Rows()), k, &alpha, b.Data(), stride(b), a.Data(),
                         stride(a), &beta, c.Data(), stride(c)),
            "a product");
  AfterLaunch();
}

}  // namespace cuda
}  // namespace u2moe
