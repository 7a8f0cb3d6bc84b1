#ifndef U2MOE_LAYER_MULTI_HEAD_ATTENTION_H_
#define U2MOE_LAYER_MULTI_HEAD_ATTENTION_H_

#include <cstdint>
#include <vector>

#include "base/span.h"
#include "layer/linear.h"
#include "ops/attention.h"
#include "tensor/ragged.h"

namespace u2moe {

// Plain multi-head attention of the decoders (WeNet attention.py, MultiHeadedAttention): queries
// from one ragged batch, keys and values from another (or the same). Query sequence b attends to
// key sequence key_index[b], so the hypotheses of an utterance share its projected keys and values.
class MultiHeadAttention {
 public:
  struct Tape {
    Tensor q, k, v, context;    // projections [R, D]; attention output before linear_out
    std::vector<Tensor> probs;  // per query sequence [H*Tq, Tk]
  };

  MultiHeadAttention() = default;
  MultiHeadAttention(int64_t dim, int num_heads);

  // x [sum Tq, D], memory [sum Tk, D] -> out [sum Tq, D]. Memory may be x itself.
  void Forward(const Context &ctx, const AttentionMask &mask, ConstView x,
               const RaggedShape &x_shape, ConstView memory, const RaggedShape &memory_shape,
               const std::vector<int> &key_index, const LayerOutput &out, Tape *tape) const;
  // What queries attend to, projected once: keys and values [T, D] of one sequence.
  struct Memory {
    Tensor k, v;
  };
  Memory Project(const Context &ctx, ConstView memory) const;
  // x [R, D] -> out [R, D], each row attending to all of the sequence that Project was given: what
  // Forward computes with the full mask. Inference only.
  void ForwardProjected(const Context &ctx, ConstView x, const Memory &memory,
                        const LayerOutput &out) const;
  // Self-attention of a tree: row i sees itself and its ancestors (ops/tree-attention.h).
  void ForwardTree(const Context &ctx, Span<int32_t> parents, ConstView x,
                   const LayerOutput &out) const;
  // The same for nodes that are added to a tree: parents [N] of all nodes, x and out [n, D] of the
  // last n. past holds the keys and values of the nodes before in its first rows, and receives the
  // new ones behind them; it has at least N rows.
  void ExtendTree(const Context &ctx, Span<int32_t> parents, ConstView x, Memory *past,
                  const LayerOutput &out) const;
  // dx, dmemory overwritten; they must not be one. Adds to grad.
  void Backward(const Context &ctx, ConstView x, const RaggedShape &x_shape, ConstView memory,
                const RaggedShape &memory_shape, const std::vector<int> &key_index,
                const Tape &tape, ConstView dy, MultiHeadAttention *grad, View dx,
                View dmemory) const;
  void VisitParams(ParamVisitor *v);

 private:
  int num_heads_ = 1;
  Linear linear_q_, linear_k_, linear_v_, linear_out_;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_MULTI_HEAD_ATTENTION_H_
