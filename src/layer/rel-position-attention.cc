#include "layer/rel-position-attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/elementwise.h"

namespace u2moe {
namespace {

// Rows [begin, begin + n) of from to the beginning of a tensor of `capacity` rows: a new one, or
// the same where it has so many.
void MoveRows(const Context &ctx, int64_t begin, int64_t n, int64_t capacity, int64_t cols,
              Tensor *x) {
  if (x->Rows() == capacity) {
    // Towards the front, begin > 0: in pieces, since a copy must not overlap.
    for (int64_t done = 0; done < n; done += begin) {
      const int64_t rows = std::min(begin, n - done);
      CopyTo(ctx, x->View().RowRange(begin + done, rows), x->View().RowRange(done, rows));
    }
    return;
  }
  Tensor larger(ctx, capacity, cols);
  if (n > 0) CopyTo(ctx, x->View().RowRange(begin, n), larger.View().RowRange(0, n));
  *x = std::move(larger);
}

}  // namespace

AttentionCache::Views AttentionCache::Extend(const Context &ctx, int64_t n, int64_t dim,
                                             int num_heads) {
  const int64_t needed = rows_ + n;
  if (begin_ + needed > keys_.Rows()) {
    // Moving the rows to the front pays only where it makes room for many chunks.
    const bool roomy = needed + std::max(n, needed / 4) <= keys_.Rows();
    const int64_t capacity = roomy ? keys_.Rows() : needed + std::max(n, needed / 2);
    MoveRows(ctx, begin_, rows_, capacity, dim, &keys_);
    MoveRows(ctx, begin_, rows_, capacity, dim, &values_);
    MoveRows(ctx, begin_, rows_, capacity, num_heads, &key_biases_);
    begin_ = 0;
  }
  pending_ = n;
  return Views{keys_, values_, key_biases_}.RowRange(begin_, needed);
}

void AttentionCache::Commit(int64_t max_rows) {
  rows_ += std::exchange(pending_, 0);
  if (max_rows < 0 || rows_ <= max_rows) return;
  begin_ += rows_ - max_rows;
  rows_ = max_rows;
}

RelPositionAttention::RelPositionAttention(int64_t dim, int num_heads)
    : num_heads_(num_heads),
      linear_q_(dim, dim),
      linear_k_(dim, dim),
      linear_v_(dim, dim),
      linear_out_(dim, dim),
      linear_pos_(dim, dim, false),
      pos_bias_u_(num_heads, dim / num_heads),
      pos_bias_v_(num_heads, dim / num_heads) {}

void RelPositionAttention::Forward(const Context &ctx, const AttentionMask &mask, ConstView x,
                                   const RaggedShape &shape, const PositionRows &positions,
                                   Span<AttentionCache *> caches, const LayerOutput &out,
                                   Tape *tape) const {
  const int64_t rows = x.Rows(), dim = x.Cols();
  Tape local;
  Tape &t = tape != nullptr ? *tape : local;
  t.q = Tensor(ctx, rows, dim);
  t.k = Tensor(ctx, rows, dim);
  t.v = Tensor(ctx, rows, dim);
  t.context = Tensor(ctx, rows, dim);
  t.p = ProjectedPositions(ctx, positions);
  ForwardAll(ctx, x, {{&linear_q_, t.q}, {&linear_k_, t.k}, {&linear_v_, t.v}});
  if (!caches.empty()) {
    CHECK(tape == nullptr && mask.kind == AttentionMask::Kind::kFull);
    ForwardCached(ctx, shape, positions, caches, &t);
  } else {
    t.kp = Tensor(ctx, rows, dim);
    t.key_bias = Tensor(ctx, rows, num_heads_);
    if (tape != nullptr) t.probs.resize(static_cast<size_t>(shape.NumSequences()));
    CachedVector<RelPositionKeys> keys;
    CachedVector<AttentionSequence> sequences;
    for (int b = 0; b < shape.NumSequences(); ++b) {
      const ConstView p =
          t.p.View().RowRange(positions.begin[static_cast<size_t>(b)], shape.Length(b));
      const View kp = shape.Rows(t.kp.View(), b), key_bias = shape.Rows(t.key_bias.View(), b);
      keys.push_back({shape.Rows<const float>(t.k.View(), b), p, kp, key_bias});
      sequences.push_back({shape.Rows<const float>(t.q.View(), b), kp,
                           shape.Rows<const float>(t.v.View(), b), key_bias,
                           shape.Rows(t.context.View(), b),
                           tape != nullptr ? &t.probs[static_cast<size_t>(b)] : nullptr});
    }
    RelPositionKeysForward(ctx, num_heads_, pos_bias_u_, pos_bias_v_, keys);
    AttentionForward(ctx, num_heads_, mask, sequences);
  }
  linear_out_.Forward(ctx, t.context, out);
}

Tensor RelPositionAttention::ProjectedPositions(const Context &ctx,
                                                const PositionRows &positions) const {
  if (!positions.table.Empty()) {
    Tensor p(ctx, positions.table.Rows(), linear_pos_.OutDim());
    linear_pos_.Forward(ctx, positions.table, p);
    return p;
  }
  int64_t rows = 0;
  for (const PositionRows::Run &run : positions.runs) rows += run.count;
  CHECK(projections_ != nullptr || rows == 0) << "positions by name need PrepareForInference()";
  Tensor p(ctx, rows, linear_pos_.OutDim());
  int64_t row = 0;
  for (const PositionRows::Run &run : positions.runs) {
    projections_->Rows(ctx, linear_pos_, run.first, p.View().RowRange(row, run.count));
    row += run.count;
  }
  return p;
}

void RelPositionAttention::ForwardCached(const Context &ctx, const RaggedShape &shape,
                                         const PositionRows &positions,
                                         Span<AttentionCache *> caches, Tape *t) const {
  CachedVector<RelPositionKeys> keys;
  CachedVector<AttentionSequence> sequences;
  for (int b = 0; b < shape.NumSequences(); ++b) {
    AttentionCache *cache = caches[static_cast<size_t>(b)];
    const int64_t past = cache->Rows(), length = shape.Length(b);
    const AttentionCache::Views all = cache->Extend(ctx, length, t->q.Cols(), num_heads_);
    const AttentionCache::Views added = all.RowRange(past, length);
    CopyTo(ctx, shape.Rows(t->v.View(), b), added.values);
    keys.push_back({shape.Rows<const float>(t->k.View(), b),
                    t->p.View().RowRange(positions.begin[static_cast<size_t>(b)], length),
                    added.keys, added.key_biases});
    sequences.push_back({shape.Rows<const float>(t->q.View(), b), all.keys, all.values,
                         all.key_biases, shape.Rows(t->context.View(), b)});
  }
  RelPositionKeysForward(ctx, num_heads_, pos_bias_u_, pos_bias_v_, keys);
  AttentionForward(ctx, num_heads_, AttentionMask::Full(), sequences);
}

void RelPositionAttention::Backward(const Context &ctx, ConstView x, const RaggedShape &shape,
                                    const PositionRows &positions, const Tape &t, ConstView dy,
                                    RelPositionAttention *grad, View dx) const {
  const int64_t rows = x.Rows(), dim = x.Cols();
  Tensor dcontext(ctx, rows, dim), dq(ctx, rows, dim), dk(ctx, rows, dim), dv(ctx, rows, dim),
      dkp(ctx, rows, dim), dkey_bias(ctx, rows, num_heads_);
  Tensor dp = Tensor::Zeros(ctx, t.p.Rows(), dim);
  linear_out_.Backward(ctx, t.context, dy, &grad->linear_out_, dcontext);
  CachedVector<AttentionGradient> sequences;
  CachedVector<RelPositionKeysGradient> keys;
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const int64_t begin = positions.begin[static_cast<size_t>(b)];
    sequences.push_back(
        {shape.Rows<const float>(t.q.View(), b), shape.Rows<const float>(t.kp.View(), b),
         shape.Rows<const float>(t.v.View(), b), &t.probs[static_cast<size_t>(b)],
         shape.Rows<const float>(dcontext.View(), b), shape.Rows(dq.View(), b),
         shape.Rows(dkp.View(), b), shape.Rows(dv.View(), b), shape.Rows(dkey_bias.View(), b)});
    keys.push_back(
        {shape.Rows<const float>(t.k.View(), b), t.p.View().RowRange(begin, shape.Length(b)),
         shape.Rows<const float>(dkp.View(), b), shape.Rows<const float>(dkey_bias.View(), b),
         shape.Rows(dk.View(), b), dp.View().RowRange(begin, shape.Length(b))});
  }
  AttentionBackward(ctx, num_heads_, sequences);
  RelPositionKeysBackward(ctx, num_heads_, pos_bias_u_, pos_bias_v_, keys, grad->pos_bias_u_,
                          grad->pos_bias_v_);
  linear_pos_.Backward(ctx, positions.table, dp, &grad->linear_pos_, View());
  Tensor dx_part(ctx, rows, dim);
  linear_q_.Backward(ctx, x, dq, &grad->linear_q_, dx);
  linear_k_.Backward(ctx, x, dk, &grad->linear_k_, dx_part);
  AddTo(ctx, 1, dx_part, dx);
  linear_v_.Backward(ctx, x, dv, &grad->linear_v_, dx_part);
  AddTo(ctx, 1, dx_part, dx);
}

void RelPositionAttention::VisitParams(ParamVisitor *v) {
  v->Scope("linear_q", &linear_q_);
  v->Scope("linear_k", &linear_k_);
  v->Scope("linear_v", &linear_v_);
  v->Scope("linear_out", &linear_out_);
  v->Scope("linear_pos", &linear_pos_);
  // torch.nn.init.xavier_uniform_ on [H, dk].
  const double bound =
      std::sqrt(6.0 / static_cast<double>(pos_bias_u_.Rows() + pos_bias_u_.Cols()));
  v->Param("pos_bias_u", &pos_bias_u_, ParamInit::Uniform(bound));
  v->Param("pos_bias_v", &pos_bias_v_, ParamInit::Uniform(bound));
}

}  // namespace u2moe
