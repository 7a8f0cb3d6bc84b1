// Matrix products by cuBLAS. Only files that are compiled where HAVE_CUDA is set may include this.
#ifndef U2MOE_TENSOR_CUDA_BLAS_H_
#define U2MOE_TENSOR_CUDA_BLAS_H_

#include "tensor/gemm.h"
#include "tensor/view.h"

namespace u2moe {
namespace cuda {

// u2moe::Gemm of operands in the memory of the device, float32 throughout (no TF32), in the order
// of this thread's stream. Which row sums in which order depends on the shape of the whole: cuBLAS
// chooses its kernel by it. Twice the same call gives the same bits.
void Gemm(float alpha, ConstView a, Trans trans_a, ConstView b, Trans trans_b, float beta, View c);

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_TENSOR_CUDA_BLAS_H_
