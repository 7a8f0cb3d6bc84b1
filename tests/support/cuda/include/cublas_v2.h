// cuBLAS as far as src/tensor/cuda-blas.cc uses it, by OpenBLAS: in the order of its stream, on
// device memory (support/cuda/emulation.h).
#ifndef U2MOE_TESTS_SUPPORT_CUDA_INCLUDE_CUBLAS_V2_H_
#define U2MOE_TESTS_SUPPORT_CUDA_INCLUDE_CUBLAS_V2_H_

#include <cuda_runtime.h>

enum cublasStatus_t {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
};
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };

using cublasHandle_t = struct cublasContext *;

const char *cublasGetStatusString(cublasStatus_t status);
cublasStatus_t cublasCreate(cublasHandle_t *handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes);
// Matrices by columns.
cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t trans_a,
                           cublasOperation_t trans_b, int m, int n, int k, const float *alpha,
                           const float *a, int lda, const float *b, int ldb, const float *beta,
                           float *c, int ldc);

#endif  // U2MOE_TESTS_SUPPORT_CUDA_INCLUDE_CUBLAS_V2_H_
