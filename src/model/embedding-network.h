#ifndef U2MOE_MODEL_EMBEDDING_NETWORK_H_
#define U2MOE_MODEL_EMBEDDING_NETWORK_H_

#include <cstdint>
#include <vector>

#include "model/conformer-block.h"

namespace u2moe {

// What routers see of the frames beside their own layer's rows (SpeechMoE, arXiv 2105.03036): a few
// dense Conformer blocks on the encoder's subsampled frames, under the same mask, with caches in
// the same streams. No gradient comes from the routers; it learns by a CTC loss of its own
// (AsrModel::EmbedCtc).
class EmbeddingNetwork {
 public:
  struct Tape {
    std::vector<ConformerBlock::Tape> blocks;
    Tensor after_x, after_stats;
  };

  // How many blocks the routers of that encoder want, by router-layers; 0: none wants a network.
  // Throws UsageError where they do not agree.
  static int32_t NumBlocks(const EncoderConfig &config);

  // Blocks as the encoder's, but dense. The caches of its blocks are those of StreamState behind
  // the encoder's.
  explicit EmbeddingNetwork(const EncoderConfig &config);

  // x [sum T, D], as the encoder's first block gets it; returns the embedding [sum T, D].
  Tensor Forward(const Context &ctx, const ForwardMode &mode, const RaggedShape &shape,
                 const PositionRows &positions, ConstView x, Tape *tape,
                 EmbeddingNetwork *running) const;
  // dx in: gradient of the embedding; out: of x. Adds to grad.
  void Backward(const Context &ctx, const RaggedShape &shape, const PositionRows &positions,
                const Tape &tape, EmbeddingNetwork *grad, Tensor *dx) const;
  void PrepareForInference();
  void VisitParams(ParamVisitor *v);

 private:
  int32_t first_cache_;
  MixtureShared shared_;  // stays empty
  std::vector<ConformerBlock> blocks_;
  LayerNorm after_norm_;
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_EMBEDDING_NETWORK_H_
