#include "ops/attention.h"

#include "ops/dispatch.h"

namespace u2moe {
namespace {

void CheckHeads(int num_heads, int64_t dim) {
  CHECK(num_heads > 0 && dim % num_heads == 0) << num_heads << " heads over " << dim << " columns";
}

}  // namespace

void AttentionForward(const Context &ctx, int num_heads, const AttentionMask &mask, ConstView q,
                      ConstView k, ConstView v, ConstView key_bias, View y, Tensor *probs) {
  CheckHeads(num_heads, q.Cols());
  CHECK_EQ(k.Cols(), q.Cols());
  CHECK_SHAPE(v, k.Rows(), k.Cols());
  CHECK_SHAPE(y, q.Rows(), q.Cols());
  if (key_bias.Data() != nullptr) {
    CHECK_SHAPE(key_bias, k.Rows(), num_heads);
  }
  CHECK(mask.kind != AttentionMask::Kind::kChunk || mask.chunk > 0);
  if (probs != nullptr) *probs = Tensor(ctx, num_heads * q.Rows(), k.Rows());
  if (y.Empty()) return;
  OPS_CALL(ctx, AttentionForward, num_heads, mask, q, k, v, key_bias, y, probs);
}

void AttentionBackward(const Context &ctx, int num_heads, ConstView q, ConstView k, ConstView v,
                       const Tensor &probs, ConstView dy, View dq, View dk, View dv,
                       View dkey_bias) {
  CheckHeads(num_heads, q.Cols());
  CHECK_EQ(k.Cols(), q.Cols());
  CHECK_SHAPE(v, k.Rows(), k.Cols());
  CHECK_SHAPE(dy, q.Rows(), q.Cols());
  CHECK_SHAPE(dq, q.Rows(), q.Cols());
  CHECK_SHAPE(dk, k.Rows(), k.Cols());
  CHECK_SHAPE(dv, k.Rows(), k.Cols());
  CHECK_EQ(probs.Size(), num_heads * q.Rows() * k.Rows());
  if (dkey_bias.Data() != nullptr) {
    CHECK_SHAPE(dkey_bias, k.Rows(), num_heads);
  }
  OPS_CALL(ctx, AttentionBackward, num_heads, q, k, v, probs, dy, dq, dk, dv, dkey_bias);
}

void RelPositionKeysForward(const Context &ctx, int num_heads, ConstView k, ConstView p,
                            ConstView u, ConstView vb, View kp, View key_bias) {
  CheckHeads(num_heads, k.Cols());
  CHECK_SHAPE(p, k.Rows(), k.Cols());
  CHECK_SHAPE(kp, k.Rows(), k.Cols());
  CHECK_SHAPE(key_bias, k.Rows(), num_heads);
  CHECK(u.Contiguous() && vb.Contiguous() && u.Size() == k.Cols() && vb.Size() == k.Cols());
  OPS_CALL(ctx, RelPositionKeysForward, num_heads, k, p, u, vb, kp, key_bias);
}

void RelPositionKeysBackward(const Context &ctx, int num_heads, ConstView k, ConstView p,
                             ConstView u, ConstView vb, ConstView dkp, ConstView dkey_bias, View dk,
                             View dp, View du, View dvb) {
  CheckHeads(num_heads, k.Cols());
  CHECK_SHAPE(p, k.Rows(), k.Cols());
  CHECK_SHAPE(dkp, k.Rows(), k.Cols());
  CHECK_SHAPE(dk, k.Rows(), k.Cols());
  CHECK_SHAPE(dp, k.Rows(), k.Cols());
  CHECK_SHAPE(dkey_bias, k.Rows(), num_heads);
  CHECK(u.Contiguous() && vb.Contiguous() && u.Size() == k.Cols() && vb.Size() == k.Cols());
  CHECK(du.Contiguous() && dvb.Contiguous() && du.Size() == k.Cols() && dvb.Size() == k.Cols());
  OPS_CALL(ctx, RelPositionKeysBackward, num_heads, k, p, u, vb, dkp, dkey_bias, dk, dp, du, dvb);
}

}  // namespace u2moe
