#ifndef U2MOE_LAYER_REL_POSITION_ATTENTION_H_
#define U2MOE_LAYER_REL_POSITION_ATTENTION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "layer/linear.h"
#include "layer/position-projections.h"
#include "ops/attention.h"
#include "tensor/allocator.h"
#include "tensor/ragged.h"

namespace u2moe {

// Keys and values of past chunks of one stream and one layer, after projection; nothing before the
// first chunk. A key has its position added: positions are absolute, so a chunk costs only its own
// rows (WeNet caches keys without, and adds all positions anew). The rows slide through buffers
// that grow with what is kept: once they are large enough a chunk allocates nothing.
class AttentionCache {
 public:
  // One row per key: keys + positions [t, D], values [t, D], key biases [t, H] (ops/attention.h).
  struct Views {
    View keys, values, key_biases;
    Views RowRange(int64_t begin, int64_t n) const {
      return {keys.RowRange(begin, n), values.RowRange(begin, n), key_biases.RowRange(begin, n)};
    }
  };

  int64_t Rows() const { return rows_; }
  // The rows of the cache and n new ones behind them, which the caller fills. They belong to the
  // cache only after Commit(): a forward that fails leaves it as it was.
  Views Extend(const Context &ctx, int64_t n, int64_t dim, int num_heads);
  // Takes the new rows over and forgets all but the last max_rows (negative: none).
  void Commit(int64_t max_rows);

 private:
  Tensor keys_, values_, key_biases_;  // their rows [begin_, begin_ + rows_ + pending_) are in use
  int64_t begin_ = 0, rows_ = 0, pending_ = 0;
};

// Position rows for the keys of a batch: the T_b keys of sequence b take rows [begin[b], begin[b] +
// T_b) of a table [P, D]. Whole utterances share one table from position 0; streams have a piece
// each, for their new frames. The rows are given, or, for layers prepared for inference, only
// named.
struct PositionRows {
  struct Run {
    int64_t first, count;  // successive positions
  };
  Tensor table;            // empty where only `runs` tell what would be in it
  CachedVector<Run> runs;  // one after another they are the rows of the table
  CachedVector<int64_t> begin;
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
  // sequence, whose rows are seen by every query (then mask must be full), and extended by this
  // chunk: their Commit() is left to the caller.
  void Forward(const Context &ctx, const AttentionMask &mask, ConstView x, const RaggedShape &shape,
               const PositionRows &positions, Span<AttentionCache *> caches, const LayerOutput &out,
               Tape *tape) const;
  // Of a forward without caches. dx overwritten, adds to grad.
  void Backward(const Context &ctx, ConstView x, const RaggedShape &shape,
                const PositionRows &positions, const Tape &tape, ConstView dy,
                RelPositionAttention *grad, View dx) const;
  // From now on the weights stay as they are, and positions need not be given as rows.
  void PrepareForInference() { projections_ = std::make_shared<PositionProjections>(); }
  void VisitParams(ParamVisitor *v);

 private:
  void ForwardCached(const Context &ctx, const RaggedShape &shape, const PositionRows &positions,
                     Span<AttentionCache *> caches, Tape *t) const;

  // Positions after linear_pos_ [P, D].
  Tensor ProjectedPositions(const Context &ctx, const PositionRows &positions) const;

  int num_heads_ = 1;
  Linear linear_q_, linear_k_, linear_v_, linear_out_, linear_pos_;
  Tensor pos_bias_u_, pos_bias_v_;  // [H, D / H]
  std::shared_ptr<PositionProjections> projections_;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_REL_POSITION_ATTENTION_H_
