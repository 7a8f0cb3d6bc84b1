#include "layer/multi-head-attention.h"

#include "ops/elementwise.h"
#include "ops/tree-attention.h"

namespace u2moe {

MultiHeadAttention::MultiHeadAttention(int64_t dim, int num_heads)
    : num_heads_(num_heads),
      linear_q_(dim, dim),
      linear_k_(dim, dim),
      linear_v_(dim, dim),
      linear_out_(dim, dim) {}

void MultiHeadAttention::Forward(const Context &ctx, const AttentionMask &mask, ConstView x,
                                 const RaggedShape &x_shape, ConstView memory,
                                 const RaggedShape &memory_shape, const std::vector<int> &key_index,
                                 const LayerOutput &out, Tape *tape) const {
  const int64_t dim = x.Cols();
  Tape local;
  Tape &t = tape != nullptr ? *tape : local;
  t.q = Tensor(ctx, x.Rows(), dim);
  t.k = Tensor(ctx, memory.Rows(), dim);
  t.v = Tensor(ctx, memory.Rows(), dim);
  t.context = Tensor(ctx, x.Rows(), dim);
  linear_q_.Forward(ctx, x, t.q);
  ForwardAll(ctx, memory, {{&linear_k_, t.k}, {&linear_v_, t.v}});
  if (tape != nullptr) t.probs.resize(static_cast<size_t>(x_shape.NumSequences()));
  CachedVector<AttentionSequence> sequences;
  for (int b = 0; b < x_shape.NumSequences(); ++b) {
    const int m = key_index[static_cast<size_t>(b)];
    sequences.push_back({x_shape.Rows<const float>(t.q.View(), b),
                         memory_shape.Rows<const float>(t.k.View(), m),
                         memory_shape.Rows<const float>(t.v.View(), m), ConstView(),
                         x_shape.Rows(t.context.View(), b),
                         tape != nullptr ? &t.probs[static_cast<size_t>(b)] : nullptr});
  }
  AttentionForward(ctx, num_heads_, mask, sequences);
  linear_out_.Forward(ctx, t.context, out);
}

MultiHeadAttention::Memory MultiHeadAttention::Project(const Context &ctx, ConstView memory) const {
  Memory projected{Tensor(ctx, memory.Rows(), memory.Cols()),
                   Tensor(ctx, memory.Rows(), memory.Cols())};
  ForwardAll(ctx, memory, {{&linear_k_, projected.k}, {&linear_v_, projected.v}});
  return projected;
}

void MultiHeadAttention::ForwardProjected(const Context &ctx, ConstView x, const Memory &memory,
                                          const LayerOutput &out) const {
  Tensor q(ctx, x.Rows(), x.Cols()), context(ctx, x.Rows(), x.Cols());
  linear_q_.Forward(ctx, x, q);
  AttentionForward(ctx, num_heads_, AttentionMask::Full(), q, memory.k, memory.v, ConstView(),
                   context, nullptr);
  linear_out_.Forward(ctx, context, out);
}

void MultiHeadAttention::ForwardTree(const Context &ctx, Span<int32_t> parents, ConstView x,
                                     const LayerOutput &out) const {
  Memory keys{Tensor(ctx, x.Rows(), x.Cols()), Tensor(ctx, x.Rows(), x.Cols())};
  ExtendTree(ctx, parents, x, &keys, out);
}

void MultiHeadAttention::ExtendTree(const Context &ctx, Span<int32_t> parents, ConstView x,
                                    Memory *past, const LayerOutput &out) const {
  const auto nodes = static_cast<int64_t>(parents.size());
  Tensor q(ctx, x.Rows(), x.Cols()), context(ctx, x.Rows(), x.Cols());
  const View k = past->k.View().RowRange(0, nodes), v = past->v.View().RowRange(0, nodes);
  const int64_t first = nodes - x.Rows();
  ForwardAll(ctx, x,
             {{&linear_q_, q},
              {&linear_k_, k.RowRange(first, x.Rows())},
              {&linear_v_, v.RowRange(first, x.Rows())}});
  TreeAttention(ctx, num_heads_, parents, q, k, v, context);
  linear_out_.Forward(ctx, context, out);
}

void MultiHeadAttention::Backward(const Context &ctx, ConstView x, const RaggedShape &x_shape,
                                  ConstView memory, const RaggedShape &memory_shape,
                                  const std::vector<int> &key_index, const Tape &t, ConstView dy,
                                  MultiHeadAttention *grad, View dx, View dmemory) const {
  const int64_t dim = x.Cols();
  Tensor dcontext(ctx, x.Rows(), dim), dq(ctx, x.Rows(), dim);
  Tensor dk = Tensor::Zeros(ctx, memory.Rows(), dim), dv = Tensor::Zeros(ctx, memory.Rows(), dim);
  linear_out_.Backward(ctx, t.context, dy, &grad->linear_out_, dcontext);
  // Several hypotheses may share one utterance's keys, so their gradients are summed.
  RaggedShape key_shape;
  for (const int m : key_index) key_shape.Append(memory_shape.Length(m));
  Tensor dk_each(ctx, key_shape.TotalRows(), dim), dv_each(ctx, key_shape.TotalRows(), dim);
  CachedVector<AttentionGradient> sequences;
  for (int b = 0; b < x_shape.NumSequences(); ++b) {
    const int m = key_index[static_cast<size_t>(b)];
    sequences.push_back(
        {x_shape.Rows<const float>(t.q.View(), b), memory_shape.Rows<const float>(t.k.View(), m),
         memory_shape.Rows<const float>(t.v.View(), m), &t.probs[static_cast<size_t>(b)],
         x_shape.Rows<const float>(dcontext.View(), b), x_shape.Rows(dq.View(), b),
         key_shape.Rows(dk_each.View(), b), key_shape.Rows(dv_each.View(), b), View()});
  }
  AttentionBackward(ctx, num_heads_, sequences);
  for (int b = 0; b < x_shape.NumSequences(); ++b) {
    const int m = key_index[static_cast<size_t>(b)];
    AddTo(ctx, 1, key_shape.Rows(dk_each.View(), b), memory_shape.Rows(dk.View(), m));
    AddTo(ctx, 1, key_shape.Rows(dv_each.View(), b), memory_shape.Rows(dv.View(), m));
  }
  linear_q_.Backward(ctx, x, dq, &grad->linear_q_, dx);
  linear_k_.Backward(ctx, memory, dk, &grad->linear_k_, dmemory);
  Tensor dmemory_v(ctx, memory.Rows(), dim);
  linear_v_.Backward(ctx, memory, dv, &grad->linear_v_, dmemory_v);
  AddTo(ctx, 1, dmemory_v, dmemory);
}

void MultiHeadAttention::VisitParams(ParamVisitor *v) {
  v->Scope("linear_q", &linear_q_);
  v->Scope("linear_k", &linear_k_);
  v->Scope("linear_v", &linear_v_);
  v->Scope("linear_out", &linear_out_);
}

}  // namespace u2moe
