#ifndef U2MOE_LAYER_REL_POSITION_ATTENTION_H_
#define U2MOE_LAYER_REL_POSITION_ATTENTION_H_

#include <cstdint>
#include <vector>

#include "layer/linear.h"
#include "ops/attention.h"
#include "tensor/ragged.h"

namespace u2moe {

// Keys and values of past chunks of one stream and one layer, after projection [t, D]; positions
// not yet added (they are absolute, so adding them anew costs little and keeps the cache as WeNet
// defines it). Empty before the first chunk.
struct AttentionCache {
  Tensor k, v;
};

// Position rows for the keys of a batch: keys of sequence b take rows [begin[b], begin[b] + Tk_b)
// of table [P, D]. Whole utterances share one table from position 0; streams have a piece each.
struct PositionRows {
  Tensor table;
  std::vector<int64_t> begin;
};

// Self-attention with relative positions as WeNet computes them (attention.py,
// RelPositionMultiHeadedAttention; no rel-shift, position of the key only; see ops/attention.h).
class RelPositionAttention {
 public:
  struct Tape {
    Tensor q, k, v, p, kp, key_bias, context;
    std::vector<Tensor> probs;  // per sequence [H*T, T]
  };

  RelPositionAttention() = default;
  RelPositionAttention(int64_t dim, int num_heads);

  // x [sum T, D] -> out [sum T, D]. caches: empty for whole utterances; else one per
  // sequence, whose rows are seen by every query (then mask must be full), extended by this chunk,
  // and cut to the last max_cache rows (negative: keep all).
  void Forward(const Context &ctx, const AttentionMask &mask, ConstView x, const RaggedShape &shape,
               const PositionRows &positions, const std::vector<AttentionCache *> &caches,
               int64_t max_cache, const LayerOutput &out, Tape *tape) const;
  // Of a forward without caches. dx overwritten, adds to grad.
  void Backward(const Context &ctx, ConstView x, const RaggedShape &shape,
                const PositionRows &positions, const Tape &tape, ConstView dy,
                RelPositionAttention *grad, View dx) const;
  void VisitParams(ParamVisitor *v);

 private:
  void ForwardCached(const Context &ctx, const RaggedShape &shape, const PositionRows &positions,
                     const std::vector<AttentionCache *> &caches, int64_t max_cache, Tape *t) const;

  int num_heads_ = 1;
  Linear linear_q_, linear_k_, linear_v_, linear_out_, linear_pos_;
  Tensor pos_bias_u_, pos_bias_v_;  // [H, D / H]
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_REL_POSITION_ATTENTION_H_
