// Self-attention over the nodes of a tree of sequences with common beginnings: each node sees
// itself and its ancestors, which is causal attention in every sequence. Inference only.
#ifndef U2MOE_OPS_TREE_ATTENTION_H_
#define U2MOE_OPS_TREE_ATTENTION_H_

#include <cstdint>

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// For each head h (columns [h*dk, (h+1)*dk) of q, k, v, y; dk = D / num_heads):
//   y_i = sum_j softmax_j(q_i . k_j / sqrt(dk)) * v_j   over j = i, parents[i], parents[parents[i]]
// and so on; parents [N] lie before their children, -1 at a root. k, v [N, D]; q, y [n, D] are
// those of the last n nodes, all or what was added to a tree. Overwrites y. A row depends on the
// rows of its path only, to the bit.
void TreeAttention(const Context &ctx, int num_heads, Span<int32_t> parents, ConstView q,
                   ConstView k, ConstView v, View y);

namespace cpu {
void TreeAttention(const Context &ctx, int num_heads, Span<int32_t> parents, ConstView q,
                   ConstView k, ConstView v, View y);
}  // namespace cpu
// A tree that is none gives NaN rows there, no Error: nobody waits for the device.
namespace cuda {
void TreeAttention(const Context &ctx, int num_heads, Span<int32_t> parents, ConstView q,
                   ConstView k, ConstView v, View y);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_TREE_ATTENTION_H_
