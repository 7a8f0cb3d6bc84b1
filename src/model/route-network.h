#ifndef U2MOE_MODEL_ROUTE_NETWORK_H_
#define U2MOE_MODEL_ROUTE_NETWORK_H_

#include <cstdint>
#include <vector>

#include "model/conformer-block.h"

namespace u2moe {

// Decides for each frame, before the first block and once for all mixtures, which expert works on
// it (Read-ME, arXiv 2410.19123): a small transformer beside the encoder, on its subsampled frames.
//   h = W_in x;  twice per block: h += attention(norm(h)), rotary positions, then
//   h += W_2 swish(W_1 norm(h)), 4 times as wide;  logits = W norm(h), norm: RMS
// It sees frames as the encoder's attention does (the paper: those before), in streams through
// caches. It learns from losses on the routes alone, as an argmax has no gradient; nothing goes
// back into the subsampling.
class RouteNetwork {
 public:
  // What the routers of an encoder want, by router-layers, router-heads and router-dim.
  struct Shape {
    int32_t num_blocks = 0, num_heads = 0;  // 0 blocks: none wants a network
    int64_t width = 0;
    int num_experts = 0;
  };
  // Throws UsageError where the mixtures do not agree.
  static Shape ShapeOf(const EncoderConfig &config);

  // first_cache: the number of the first block in StreamState::blocks that is its own.
  RouteNetwork(const EncoderConfig &config, int32_t first_cache);

  struct BlockTape {
    Tensor x, normed, q, k, v, context;
    std::vector<Tensor> probs;              // per sequence [H * T, T]
    Tensor mid, mid_normed, before, after;  // of the second half
  };
  struct Tape {
    Tensor x, last, last_normed;
    std::vector<BlockTape> blocks;
  };
  // x [sum T, D] -> logits [sum T, E].
  Tensor Forward(const Context &ctx, const ForwardMode &mode, const RaggedShape &shape, ConstView x,
                 Tape *tape) const;
  // Adds to grad. There is no gradient of x.
  void Backward(const Context &ctx, const RaggedShape &shape, const Tape &tape, ConstView dlogits,
                RouteNetwork *grad) const;
  void VisitParams(ParamVisitor *v);

 private:
  struct Norm {
    Tensor gain;

    explicit Norm(int64_t width) : gain({width}) {}
    void VisitParams(ParamVisitor *v) { v->Param("weight", &gain, ParamInit::Constant(1)); }
  };
  struct Block {
    Norm norm_attention, norm_ff;
    Linear q, k, v, out, w_1, w_2;

    explicit Block(int64_t width);
    void VisitParams(ParamVisitor *v);
  };

  // b.q, b.k, b.v -> b.context.
  void Attend(const Context &ctx, const ForwardMode &mode, const RaggedShape &shape, size_t block,
              bool keep, BlockTape *b) const;

  Shape shape_;
  int32_t first_cache_;
  Linear in_, out_;
  Norm norm_;
  std::vector<Block> blocks_;
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_ROUTE_NETWORK_H_
