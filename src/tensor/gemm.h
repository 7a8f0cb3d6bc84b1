#ifndef U2MOE_TENSOR_GEMM_H_
#define U2MOE_TENSOR_GEMM_H_

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

enum class Trans { kNo, kYes };

// C = alpha * op(A) * op(B) + beta * C with op(X) = X or X^T; op(A) is [M, K], op(B) [K, N], C [M,
// N]. C must not overlap A or B. beta 0 overwrites C, whatever it held. K = 0 scales C only.
void Gemm(const Context &ctx, float alpha, ConstView a, Trans trans_a, ConstView b, Trans trans_b,
          float beta, View c);

}  // namespace u2moe

#endif  // U2MOE_TENSOR_GEMM_H_
