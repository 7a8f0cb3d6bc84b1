#ifndef U2MOE_OPS_EMBEDDING_H_
#define U2MOE_OPS_EMBEDDING_H_

#include <cstdint>

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

namespace u2moe {

// y[r, :] = scale * table[ids[r], :]; table [V, D], y [R, D]. Ids must be in [0, V)
// (checked; on CUDA others give NaN, and their gradient goes nowhere).
void EmbeddingForward(const Context &ctx, ConstView table, Span<int32_t> ids, float scale, View y);
// dtable[ids[r], :] += scale * dy[r, :].
void EmbeddingBackward(const Context &ctx, Span<int32_t> ids, float scale, ConstView dy,
                       View dtable);

// Rows [begin, begin + y.Rows()) of the sine/cosine table (Vaswani et al. 2017, 3.5; WeNet
// embedding.py): y[r, 2i] = sin(w_i * (begin+r)), y[r, 2i+1] = cos(w_i * (begin+r)), w_i =
// 10000^(-2i/D), in the float32 arithmetic of WeNet (exp, then product, then sin). No maximum
// position; beyond 2^24, a week of encoder frames, neighbours share the nearest float.
void PositionTable(const Context &ctx, int64_t begin, View y);

namespace cpu {
void EmbeddingForward(const Context &ctx, ConstView table, Span<int32_t> ids, float scale, View y);
void EmbeddingBackward(const Context &ctx, Span<int32_t> ids, float scale, ConstView dy,
                       View dtable);
void PositionTable(const Context &ctx, int64_t begin, View y);
}  // namespace cpu

namespace cuda {
void EmbeddingForward(const Context &ctx, ConstView table, Span<int32_t> ids, float scale, View y);
void EmbeddingBackward(const Context &ctx, Span<int32_t> ids, float scale, ConstView dy,
                       View dtable);
void PositionTable(const Context &ctx, int64_t begin, View y);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_EMBEDDING_H_
