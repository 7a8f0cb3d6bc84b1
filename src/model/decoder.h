#ifndef U2MOE_MODEL_DECODER_H_
#define U2MOE_MODEL_DECODER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layer/feed-forward.h"
#include "layer/multi-head-attention.h"
#include "model/model-config.h"
#include "model/sublayer.h"
#include "model/token-tree.h"
#include "moe/feed-forward-factory.h"
#include "moe/routing-state.h"

namespace u2moe {

// A batch for a decoder: label sequences one after another, each belonging to one encoder output.
struct DecoderInput {
  std::vector<int32_t> tokens;  // what goes in: [sos] + labels (reversed for right to left)
  RaggedShape shape;            // their lengths: labels + 1
  std::vector<int> memory;      // encoder sequence of each
};

// The inputs for a set of label sequences: sos in front; reversed for the right-to-left decoder.
DecoderInput MakeDecoderInput(const std::vector<std::vector<int32_t>> &labels,
                              const std::vector<int> &memory, int32_t sos, bool reverse);

// One attention decoder, left to right or right to left (WeNet decoder.py, TransformerDecoder):
// embedding * sqrt(D) + sine positions, pre-norm blocks of causal self-attention, attention to the
// encoder and feed-forward, final norm and output layer.
class Decoder {
 public:
  struct BlockTape {
    SublayerTape self, source, ffn;
    MultiHeadAttention::Tape self_inner, source_inner;
    std::unique_ptr<FeedForwardTape> ffn_inner;
  };
  struct Tape {
    DropoutMask input_mask;
    std::vector<BlockTape> blocks;
    Tensor after_x, after_stats, after;     // input and output of the final norm
    const RoutingState *routing = nullptr;  // RouteCall::state
  };

  Decoder(const DecoderConfig &config, int num_blocks, int64_t dim, int64_t vocab_size);

  // logits [sum (labels+1), V], before log-softmax. encoder_out [sum T, D] with its shape. routes:
  // a sink, the facts of the input's sequences and a state, which must live until backward is done;
  // the rest is filled in.
  void Forward(const Context &ctx, const DecoderInput &input, ConstView encoder_out,
               const RaggedShape &encoder_shape, DropoutSeeds *dropout, const RouteCall &routes,
               Tensor *logits, Tape *tape) const;
  // One utterance's encoder_out [T, D] as each block attends to it.
  using Memory = std::vector<MultiHeadAttention::Memory>;
  Memory Project(const Context &ctx, ConstView encoder_out) const;
  // Natural-log probabilities along a tree of label sequences, given what Project made of the
  // encoder output: each node is computed once. A node's results depend on its path only: where
  // the weights are packed, to the bit.
  struct TreeScores {
    std::vector<float> label;  // of each node's label after its parent; 0 for node 0
    std::vector<float> end;    // of eos after each node
  };
  TreeScores ScoreTree(const Context &ctx, const TokenTree &tree, int32_t eos,
                       const Memory &memory) const;
  // Label sequences that grow step by step, for a search: a tree as TokenTree, with what later
  // nodes attend to in each block, 2 * blocks * D floats per node.
  struct Growth {
    std::vector<int32_t> parents, depths;
    Memory blocks;  // with room for more nodes

    int64_t NumNodes() const { return static_cast<int64_t>(parents.size()); }
  };
  // Adds nodes, tokens[i] after the node parents[i] of the tree so far; the first call adds one,
  // the start symbol with the parent -1. Returns log-probabilities [n, V] of the label after each:
  // as ScoreTree has them for that path, to the bit where the weights are packed, whatever else is
  // in the tree.
  Tensor Extend(const Context &ctx, Span<int32_t> tokens, Span<int32_t> parents,
                const Memory &memory, Growth *growth) const;
  // Of whole sequences: the sums over their labels and the end, in the order of the tree's ends.
  static std::vector<double> SequenceScores(const TokenTree &tree, const TreeScores &scores);
  // Adds to grad and to dencoder_out.
  void Backward(const Context &ctx, const DecoderInput &input, ConstView encoder_out,
                const RaggedShape &encoder_shape, const Tape &tape, ConstView dlogits,
                Decoder *grad, View dencoder_out) const;
  void VisitParams(ParamVisitor *v);
  // As Encoder::AfterStep.
  void AfterStep(const Context &ctx, const std::vector<std::vector<int64_t>> &counts, size_t *next);
  // For all forwards from now on: MixturePolicy::skip_gate of each mixture (empty: none) and
  // row_experts of all.
  void SetPolicies(const std::vector<float> &skip_gates, int row_experts);

 private:
  struct Block {
    MultiHeadAttention self_attn, src_attn;
    std::unique_ptr<FeedForward> feed_forward;
    bool mixture = false;
    LayerNorm norm1, norm2, norm3;
    void VisitParams(ParamVisitor *v);
  };

  // All blocks on x in place. self(i, in, out, tape of block i or null) is the self-attention of
  // block i, source(...) its attention to the encoder.
  template <class SelfAttention, class SourceAttention>
  void ForwardBlocks(const Context &ctx, const SelfAttention &self, const SourceAttention &source,
                     DropoutSeeds *dropout, const RouteCall &routes, Tensor *x,
                     std::vector<BlockTape> *tapes) const;

  // Nodes of a tree through the blocks and the final norm: [n, D]. self as ForwardBlocks takes it.
  template <class SelfAttention>
  Tensor TreeStates(const Context &ctx, Span<int32_t> tokens, Span<int32_t> depths,
                    const Memory &memory, const SelfAttention &self) const;

  float dropout_, positional_dropout_;
  Tensor embed_;  // [V, D]
  MixtureShared shared_;
  std::vector<Block> blocks_;
  LayerNorm after_norm_;
  Linear output_layer_;
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_DECODER_H_
