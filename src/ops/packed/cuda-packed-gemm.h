// The products of inference on a GPU, for one matrix of weights or for the experts of a mixture,
// whose rows only the device knows. Only files that are compiled where HAVE_CUDA is set may include
// this.
#ifndef U2MOE_OPS_PACKED_CUDA_PACKED_GEMM_H_
#define U2MOE_OPS_PACKED_CUDA_PACKED_GEMM_H_

#include <cstdint>

#include "base/span.h"
#include "ops/packed/packed-gemm.h"

namespace u2moe {
namespace cuda {

// Experts of one call; what describes them is a parameter of the kernel, of 4 KiB at most.
constexpr int kMostGroups = 128;

// For each expert e and its slots s in [begin[e], begin[e+1]):
//   y[s, :] = f(x[in[s], :] W_e^T + bias_e)
// weights [E], of one format and shape, E <= kMostGroups; biases [E], or null for none. begin [E+1]
// and in [most_slots] (null: x[s, :]) are the device's; y has most_slots rows, of which those that
// no expert has are left alone. A row gets the bits that PackedGemm gives it.
void GroupedPackedGemm(const PackedRows &x, Span<const PackedMatrix *> weights,
                       const float *const *biases, const int32_t *begin, const int32_t *in,
                       int64_t most_slots, std::optional<Activation> activation, View y);

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_PACKED_CUDA_PACKED_GEMM_H_
