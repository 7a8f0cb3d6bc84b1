#include "ops/attention.h"

#include "ops/dispatch.h"

namespace u2moe {
namespace {

void CheckHeads(int num_heads, int64_t dim) {
  CHECK(num_heads > 0 && dim % num_heads == 0) << num_heads << " heads over " << dim << " columns";
}

}  // namespace

void CheckOperand(const Span<AttentionSequence> &batch) {
  for (const AttentionSequence &s : batch) {
    for (const ConstView &v : {s.q, s.k, s.v, s.key_bias, ConstView(s.y)}) CheckOperand(v);
    CheckOperand(s.probs);
  }
}

void CheckOperand(const Span<AttentionGradient> &batch) {
  for (const AttentionGradient &s : batch) {
    for (const ConstView &v : {s.q, s.k, s.v, s.dy, ConstView(s.dq), ConstView(s.dk),
                               ConstView(s.dv), ConstView(s.dkey_bias)})
      CheckOperand(v);
    CheckOperand(*s.probs);
  }
}

void CheckOperand(const Span<RelPositionKeys> &batch) {
  for (const RelPositionKeys &s : batch) {
    for (const ConstView &v : {s.k, s.p, ConstView(s.kp), ConstView(s.key_bias)}) CheckOperand(v);
  }
}

void CheckOperand(const Span<RelPositionKeysGradient> &batch) {
  for (const RelPositionKeysGradient &s : batch) {
    for (const ConstView &v : {s.k, s.p, s.dkp, s.dkey_bias, ConstView(s.dk), ConstView(s.dp)})
      CheckOperand(v);
  }
}

void AttentionForward(const Context &ctx, int num_heads, const AttentionMask &mask,
                      Span<AttentionSequence> batch) {
  CHECK(mask.kind != AttentionMask::Kind::kChunk || mask.chunk > 0);
  for (const AttentionSequence &s : batch) {
    CheckHeads(num_heads, s.q.Cols());
    CHECK_EQ(s.k.Cols(), s.q.Cols());
    CHECK_SHAPE(s.v, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.y, s.q.Rows(), s.q.Cols());
    if (s.key_bias.Data() != nullptr) {
      CHECK_SHAPE(s.key_bias, s.k.Rows(), num_heads);
    }
    if (s.probs != nullptr) *s.probs = Tensor(ctx, num_heads * s.q.Rows(), s.k.Rows());
  }
  OPS_CALL(ctx, AttentionForward, num_heads, mask, batch);
}

void AttentionBackward(const Context &ctx, int num_heads, Span<AttentionGradient> batch) {
  for (const AttentionGradient &s : batch) {
    CheckHeads(num_heads, s.q.Cols());
    CHECK_EQ(s.k.Cols(), s.q.Cols());
    CHECK_SHAPE(s.v, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.dy, s.q.Rows(), s.q.Cols());
    CHECK_SHAPE(s.dq, s.q.Rows(), s.q.Cols());
    CHECK_SHAPE(s.dk, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.dv, s.k.Rows(), s.k.Cols());
    CHECK_EQ(s.probs->Size(), num_heads * s.q.Rows() * s.k.Rows());
    if (s.dkey_bias.Data() != nullptr) {
      CHECK_SHAPE(s.dkey_bias, s.k.Rows(), num_heads);
    }
  }
  OPS_CALL(ctx, AttentionBackward, num_heads, batch);
}

void RelPositionKeysForward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                            Span<RelPositionKeys> batch) {
  CHECK(u.Contiguous() && vb.Contiguous());
  for (const RelPositionKeys &s : batch) {
    CheckHeads(num_heads, s.k.Cols());
    CHECK_SHAPE(s.p, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.kp, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.key_bias, s.k.Rows(), num_heads);
    CHECK(u.Size() == s.k.Cols() && vb.Size() == s.k.Cols());
  }
  OPS_CALL(ctx, RelPositionKeysForward, num_heads, u, vb, batch);
}

void RelPositionKeysBackward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                             Span<RelPositionKeysGradient> batch, View du, View dvb) {
  CHECK(u.Contiguous() && vb.Contiguous() && du.Contiguous() && dvb.Contiguous());
  for (const RelPositionKeysGradient &s : batch) {
    CheckHeads(num_heads, s.k.Cols());
    CHECK_SHAPE(s.p, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.dkp, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.dk, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.dp, s.k.Rows(), s.k.Cols());
    CHECK_SHAPE(s.dkey_bias, s.k.Rows(), num_heads);
    CHECK(u.Size() == s.k.Cols() && vb.Size() == s.k.Cols());
    CHECK(du.Size() == s.k.Cols() && dvb.Size() == s.k.Cols());
  }
  OPS_CALL(ctx, RelPositionKeysBackward, num_heads, u, vb, batch, du, dvb);
}

}  // namespace u2moe
