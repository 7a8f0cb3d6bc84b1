// Multi-head scaled dot-product attention over a batch of sequences, each on its own.
#ifndef U2MOE_OPS_ATTENTION_H_
#define U2MOE_OPS_ATTENTION_H_

#include <cstdint>

#include "base/host-device.h"
#include "base/span.h"
#include "tensor/context.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

namespace u2moe {

// Which keys query row i may see: a range [Begin(i), End(i)), never more.
// - kFull: all Tk keys.
// - kCausal (decoders): keys [0, i].
// - kChunk (encoder): from chunk (i/C - left) to the end of i's own chunk, C = chunk; left < 0:
// from 0.
struct AttentionMask {
  enum class Kind { kFull, kCausal, kChunk };
  Kind kind = Kind::kFull;
  int64_t chunk = 0, left = -1;

  static AttentionMask Full() { return {}; }
  static AttentionMask Causal() { return {Kind::kCausal, 0, -1}; }
  // chunk <= 0 gives Full (and then the left limit is ignored, as in WeNet).
  static AttentionMask Chunk(int64_t chunk, int64_t left) {
    return chunk <= 0 ? Full() : AttentionMask{Kind::kChunk, chunk, left};
  }
  U2MOE_HOST_DEVICE int64_t Begin(int64_t i) const {
    if (kind != Kind::kChunk || left < 0) return 0;
    const int64_t first = i / chunk - left;
    return first < 0 ? 0 : first * chunk;
  }
  U2MOE_HOST_DEVICE int64_t End(int64_t i, int64_t num_keys) const {
    int64_t end = kind == Kind::kFull     ? num_keys
                  : kind == Kind::kCausal ? i + 1
                                          : (i / chunk + 1) * chunk;
    return end < num_keys ? end : num_keys;
  }
};

// One sequence of a batch. Its matrices may lie anywhere in the memory of ctx, in a ragged batch or
// in a stream's cache, and sequences may share keys. The list of them is the host's, which knows
// the shapes: so a device launches a batch once.
// For each head h (columns [h*dk, (h+1)*dk) of q, k, v, y; dk = D / num_heads):
//   score_ij = (q_i . k_j + key_bias_jh) / sqrt(dk)   for j in the mask's range of i
//   y_i = sum_j softmax_j(score_i)_j * v_j;           a row that sees no key gives 0
// q, y [Tq, D]; k, v [Tk, D]; key_bias [Tk, H], or an empty view for none. *probs receives the
// softmax for backward: [H * Tq, Tk] (head-major), 0 outside the mask; nullptr at inference, where
// memory is bounded: query rows are taken in blocks. Overwrites y and *probs.
//
// On the CPU up to kFewQueries rows of q are summed in another order than more are. On CUDA a row
// has the same bits however many rows q has.
constexpr int64_t kFewQueries = 3;
struct AttentionSequence {
  ConstView q, k, v, key_bias;
  View y;
  Tensor *probs = nullptr;
};
void AttentionForward(const Context &ctx, int num_heads, const AttentionMask &mask,
                      Span<AttentionSequence> batch);
inline void AttentionForward(const Context &ctx, int num_heads, const AttentionMask &mask,
                             ConstView q, ConstView k, ConstView v, ConstView key_bias, View y,
                             Tensor *probs) {
  AttentionForward(ctx, num_heads, mask, {{q, k, v, key_bias, y, probs}});
}

// dq, dk, dv overwritten, dkey_bias (if key_bias was given) overwritten. None may alias dy, q, k,
// v, nor what another sequence receives.
struct AttentionGradient {
  ConstView q, k, v;
  const Tensor *probs;
  ConstView dy;
  View dq, dk, dv, dkey_bias;
};
void AttentionBackward(const Context &ctx, int num_heads, Span<AttentionGradient> batch);
inline void AttentionBackward(const Context &ctx, int num_heads, ConstView q, ConstView k,
                              ConstView v, const Tensor &probs, ConstView dy, View dq, View dk,
                              View dv, View dkey_bias) {
  AttentionBackward(ctx, num_heads, {{q, k, v, &probs, dy, dq, dk, dv, dkey_bias}});
}

// Relative positions as WeNet computes them (attention.py, RelPositionMultiHeadedAttention, without
// rel-shift): ((q + u) . k_j + (q + vb) . p_j) / sqrt(dk) = (q . (k_j + p_j) + key_bias_j) /
// sqrt(dk) with key_bias_jh = u_h . k_jh + vb_h . p_jh. So position costs one addition per key. k,
// p, kp [T, D] of each sequence, which may share p; u, vb [H, dk] (any view of H*dk contiguous
// floats); key_bias [T, H].
struct RelPositionKeys {
  ConstView k, p;
  View kp, key_bias;
};
void RelPositionKeysForward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                            Span<RelPositionKeys> batch);
inline void RelPositionKeysForward(const Context &ctx, int num_heads, ConstView k, ConstView p,
                                   ConstView u, ConstView vb, View kp, View key_bias) {
  RelPositionKeysForward(ctx, num_heads, u, vb, {{k, p, kp, key_bias}});
}
// From dkp [T, D] and dkey_bias [T, H]: dk overwritten, dp, du, dvb added to, sequence by sequence.
struct RelPositionKeysGradient {
  ConstView k, p, dkp, dkey_bias;
  View dk, dp;
};
void RelPositionKeysBackward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                             Span<RelPositionKeysGradient> batch, View du, View dvb);
inline void RelPositionKeysBackward(const Context &ctx, int num_heads, ConstView k, ConstView p,
                                    ConstView u, ConstView vb, ConstView dkp, ConstView dkey_bias,
                                    View dk, View dp, View du, View dvb) {
  RelPositionKeysBackward(ctx, num_heads, u, vb, {{k, p, dkp, dkey_bias, dk, dp}}, du, dvb);
}

// For tensor/op-scope.h: the lists are the host's, what they name is not.
void CheckOperand(const Span<AttentionSequence> &batch);
void CheckOperand(const Span<AttentionGradient> &batch);
void CheckOperand(const Span<RelPositionKeys> &batch);
void CheckOperand(const Span<RelPositionKeysGradient> &batch);

namespace cpu {
void AttentionForward(const Context &ctx, int num_heads, const AttentionMask &mask,
                      Span<AttentionSequence> batch);
void AttentionBackward(const Context &ctx, int num_heads, Span<AttentionGradient> batch);
void RelPositionKeysForward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                            Span<RelPositionKeys> batch);
void RelPositionKeysBackward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                             Span<RelPositionKeysGradient> batch, View du, View dvb);
}  // namespace cpu
namespace cuda {
void AttentionForward(const Context &ctx, int num_heads, const AttentionMask &mask,
                      Span<AttentionSequence> batch);
void AttentionBackward(const Context &ctx, int num_heads, Span<AttentionGradient> batch);
void RelPositionKeysForward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                            Span<RelPositionKeys> batch);
void RelPositionKeysBackward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                             Span<RelPositionKeysGradient> batch, View du, View dvb);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_ATTENTION_H_
