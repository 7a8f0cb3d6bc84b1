#include "model/decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/gather.h"
#include "ops/softmax.h"
#include "tensor/transfer.h"

namespace u2moe {

DecoderInput MakeDecoderInput(const std::vector<std::vector<int32_t>> &labels,
                              const std::vector<int> &memory, int32_t sos, bool reverse) {
  CHECK_EQ(labels.size(), memory.size());
  DecoderInput input;
  input.memory = memory;
  for (const std::vector<int32_t> &l : labels) {
    input.tokens.push_back(sos);
    if (reverse) {
      input.tokens.insert(input.tokens.end(), l.rbegin(), l.rend());
    } else {
      input.tokens.insert(input.tokens.end(), l.begin(), l.end());
    }
    input.shape.Append(static_cast<int64_t>(l.size()) + 1);
  }
  return input;
}

Decoder::Decoder(const DecoderConfig &c, int num_blocks, int64_t dim, int64_t vocab_size)
    : dropout_(c.dropout),
      positional_dropout_(c.positional_dropout),
      embed_(vocab_size, dim),
      after_norm_(dim),
      output_layer_(dim, vocab_size) {
  for (int i = 0; i < num_blocks; ++i) {
    Block b;
    b.mixture = c.FeedForwardOf(i).num_experts > 0;
    b.self_attn = MultiHeadAttention(dim, c.num_heads);
    b.src_attn = MultiHeadAttention(dim, c.num_heads);
    b.feed_forward = MakeFeedForward(dim, c.FeedForwardOf(i), c.dropout, &shared_);
    b.norm1 = b.norm2 = b.norm3 = LayerNorm(dim);
    blocks_.push_back(std::move(b));
  }
}

namespace {

std::vector<int> OwnIndex(const RaggedShape &shape) {
  std::vector<int> index;
  for (int b = 0; b < shape.NumSequences(); ++b) index.push_back(b);
  return index;
}

// Nodes from `first` on are to be computed. Adds rows without meaning behind them, which keep small
// trees from the attention for few queries, as that sums in another order: a short hypothesis would
// score otherwise alone than in company.
void FillUpRows(size_t first, int32_t token, std::vector<int32_t> *tokens,
                std::vector<int32_t> *parents, std::vector<int32_t> *depths) {
  const size_t rows = std::max<size_t>(tokens->size(), kFewQueries + 1);
  tokens->resize(rows, token);
  parents->resize(first + rows, -1);
  depths->resize(rows, depths->back());
}

// Room for at least `rows` nodes, twice as many as there are where they are too few.
void Reserve(const Context &ctx, int64_t rows, int64_t used, Tensor *t) {
  if (t->Rows() >= rows) return;
  Tensor more(ctx, std::max(rows, 2 * t->Rows()), t->Cols());
  CopyTo(ctx, t->View().RowRange(0, used), more.View().RowRange(0, used));
  *t = std::move(more);
}

}  // namespace

template <class SelfAttention, class SourceAttention>
void Decoder::ForwardBlocks(const Context &ctx, const SelfAttention &self,
                            const SourceAttention &source, DropoutSeeds *dropout,
                            const RouteCall &routes, Tensor *x,
                            std::vector<BlockTape> *tapes) const {
  RoutingState own_routing;
  RouteCall call = routes;
  if (call.state == nullptr) call.state = &own_routing;
  if (*call.part == '\0') call.part = "decoder";
  call.state->depth = Tensor();
  if (tapes != nullptr) tapes->resize(blocks_.size());
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block &block = blocks_[i];
    BlockTape *t = tapes != nullptr ? &(*tapes)[i] : nullptr;
    SublayerForward(ctx, block.norm1, 1, dropout_, dropout, x, t ? &t->self : nullptr,
                    [&](ConstView in, const LayerOutput &out) { self(i, in, out, t); });
    SublayerForward(ctx, block.norm2, 1, dropout_, dropout, x, t ? &t->source : nullptr,
                    [&](ConstView in, const LayerOutput &out) { source(i, in, out, t); });
    call.mixture = static_cast<int>(i);
    SublayerForward(ctx, block.norm3, 1, dropout_, dropout, x, t ? &t->ffn : nullptr,
                    [&](ConstView in, const LayerOutput &out) {
                      block.feed_forward->Forward(ctx, in, out, t ? &t->ffn_inner : nullptr,
                                                  dropout, call);
                    });
  }
}

void Decoder::Forward(const Context &ctx, const DecoderInput &input, ConstView encoder_out,
                      const RaggedShape &encoder_shape, DropoutSeeds *dropout,
                      const RouteCall &routes, Tensor *logits, Tape *tape) const {
  const int64_t rows = input.shape.TotalRows(), dim = embed_.Cols();
  Tensor x(ctx, rows, dim), positions(ctx, input.shape.MaxLength(), dim);
  EmbeddingForward(ctx, embed_, ListOnDevice<int32_t>(ctx, input.tokens),
                   std::sqrt(static_cast<float>(dim)), x);
  PositionTable(ctx, 0, positions);
  for (int b = 0; b < input.shape.NumSequences(); ++b) {
    AddTo(ctx, 1, positions.View().RowRange(0, input.shape.Length(b)),
          input.shape.Rows(x.View(), b));
  }
  if (dropout != nullptr) dropout->SetShape(input.shape);
  const DropoutMask input_mask = DropoutMask::Draw(dropout, positional_dropout_);
  input_mask.Apply(ctx, x);
  const std::vector<int> own = OwnIndex(input.shape);
  const auto self = [&](size_t i, ConstView in, const LayerOutput &out, BlockTape *t) {
    blocks_[i].self_attn.Forward(ctx, AttentionMask::Causal(), in, input.shape, in, input.shape,
                                 own, out, t ? &t->self_inner : nullptr);
  };
  const auto source = [&](size_t i, ConstView in, const LayerOutput &out, BlockTape *t) {
    blocks_[i].src_attn.Forward(ctx, AttentionMask::Full(), in, input.shape, encoder_out,
                                encoder_shape, input.memory, out, t ? &t->source_inner : nullptr);
  };
  RouteCall call = routes;
  call.shape = &input.shape;
  ForwardBlocks(ctx, self, source, dropout, call, &x, tape != nullptr ? &tape->blocks : nullptr);
  Tensor after(ctx, rows, dim);
  after_norm_.Forward(ctx, x, after, tape != nullptr ? &tape->after_stats : nullptr);
  *logits = Tensor(ctx, rows, output_layer_.OutDim());
  output_layer_.Forward(ctx, after, *logits);
  if (tape != nullptr) {
    tape->input_mask = input_mask;
    tape->routing = routes.state;
    tape->after_x = std::move(x);
    tape->after = std::move(after);
  }
}

Decoder::Memory Decoder::Project(const Context &ctx, ConstView encoder_out) const {
  Memory memory;
  for (const Block &block : blocks_) memory.push_back(block.src_attn.Project(ctx, encoder_out));
  return memory;
}

template <class SelfAttention>
Tensor Decoder::TreeStates(const Context &ctx, Span<int32_t> tokens, Span<int32_t> depths,
                           const Memory &memory, const SelfAttention &self) const {
  CHECK_EQ(memory.size(), blocks_.size());
  const int64_t rows = static_cast<int64_t>(tokens.size()), dim = embed_.Cols();
  const auto [first, last] = std::minmax_element(depths.begin(), depths.end());
  Tensor x(ctx, rows, dim), own_positions(ctx, rows, dim), positions(ctx, *last - *first + 1, dim);
  std::vector<int32_t> place;
  for (const int32_t depth : depths) place.push_back(depth - *first);
  EmbeddingForward(ctx, embed_, ListOnDevice<int32_t>(ctx, tokens),
                   std::sqrt(static_cast<float>(dim)), x);
  PositionTable(ctx, *first, positions);
  GatherRows(ctx, positions, ListOnDevice<int32_t>(ctx, place), own_positions);
  AddTo(ctx, 1, own_positions, x);
  const auto source = [&](size_t i, ConstView in, const LayerOutput &out, BlockTape *) {
    blocks_[i].src_attn.ForwardProjected(ctx, in, memory[i], out);
  };
  RouteCall call;
  call.depths = depths;
  ForwardBlocks(ctx, self, source, nullptr, call, &x, nullptr);
  after_norm_.Forward(ctx, x, x, nullptr);
  return x;
}

Decoder::TreeScores Decoder::ScoreTree(const Context &ctx, const TokenTree &tree, int32_t eos,
                                       const Memory &memory) const {
  const size_t nodes = tree.tokens.size();
  std::vector<int32_t> tokens = tree.tokens, parents = tree.parents, depths = tree.depths;
  FillUpRows(0, tree.tokens[0], &tokens, &parents, &depths);
  const auto num_rows = static_cast<int64_t>(tokens.size());
  const ListOnDevice<int32_t> parent_rows(ctx, parents);
  const Tensor x = TreeStates(ctx, tokens, depths, memory,
                              [&](size_t i, ConstView in, const LayerOutput &out, BlockTape *) {
                                blocks_[i].self_attn.ForwardTree(ctx, parent_rows, in, out);
                              });

  // The logits of some nodes at a time: they stay in the cache until their few entries are taken.
  constexpr int64_t kBlock = 64;
  TreeScores scores;
  scores.label.resize(nodes);
  scores.end.resize(nodes);
  Tensor logits(ctx, std::min(kBlock, num_rows), output_layer_.OutDim()),
      stats(ctx, logits.Rows(), 2), entries(ctx, 1, 2 * tree.NumNodes() - 1);
  CachedVector<int32_t> in_row, in_col;  // of the block, where the entries come from
  CachedVector<float *> to;              // where all of them go
  to.reserve(static_cast<size_t>(entries.Cols()));
  const int64_t num_nodes = tree.NumNodes();
  for (int64_t begin = 0; begin < num_nodes; begin += kBlock) {
    const int64_t count = std::min(kBlock, num_nodes - begin);
    const View block = logits.View().RowRange(0, count), stat = stats.View().RowRange(0, count);
    output_layer_.Forward(ctx, x.View().RowRange(begin, count), block);
    LogSumExp(ctx, block, stat);
    in_row.clear();
    in_col.clear();
    const auto take = [&](int64_t node, int32_t token, float *score) {
      in_row.push_back(static_cast<int32_t>(node - begin));
      in_col.push_back(token);
      to.push_back(score);
    };
    for (int64_t n = begin; n < begin + count; ++n)
      take(n, eos, &scores.end[static_cast<size_t>(n)]);
    for (size_t n = 1; n < nodes; ++n) {
      const int64_t parent = tree.parents[n];
      if (parent >= begin && parent < begin + count) take(parent, tree.tokens[n], &scores.label[n]);
    }
    const auto taken = static_cast<int64_t>(in_row.size());
    LogSoftmaxEntries(ctx, block, stat, ListOnDevice<int32_t>(ctx, in_row),
                      ListOnDevice<int32_t>(ctx, in_col),
                      entries.View().ColRange(static_cast<int64_t>(to.size()) - taken, taken));
  }
  const MatrixOnHost got(ctx, entries);
  for (size_t i = 0; i < to.size(); ++i) *to[i] = got(0, static_cast<int64_t>(i));
  return scores;
}

Tensor Decoder::Extend(const Context &ctx, Span<int32_t> tokens, Span<int32_t> parents,
                       const Memory &memory, Growth *growth) const {
  CHECK(!tokens.empty() && tokens.size() == parents.size());
  const int64_t old = growth->NumNodes(), dim = embed_.Cols();
  const size_t first = growth->parents.size(), added = tokens.size();
  std::vector<int32_t> all_tokens(tokens.begin(), tokens.end()), all_parents = growth->parents,
                                                                 depths;
  for (const int32_t parent : parents) {
    CHECK(parent < old && (parent >= 0 || old == 0)) << parent << " of " << old << " nodes";
    all_parents.push_back(parent);
    depths.push_back(parent < 0 ? 0 : growth->depths[static_cast<size_t>(parent)] + 1);
  }
  growth->parents = all_parents;
  growth->depths.insert(growth->depths.end(), depths.begin(), depths.end());
  FillUpRows(first, tokens[0], &all_tokens, &all_parents, &depths);
  const auto nodes = static_cast<int64_t>(all_parents.size());
  if (growth->blocks.empty()) {
    for (size_t i = 0; i < blocks_.size(); ++i)
      growth->blocks.push_back({Tensor(ctx, nodes, dim), Tensor(ctx, nodes, dim)});
  }
  CHECK_EQ(growth->blocks.size(), blocks_.size());
  for (MultiHeadAttention::Memory &block : growth->blocks) {
    Reserve(ctx, nodes, old, &block.k);
    Reserve(ctx, nodes, old, &block.v);
  }
  const ListOnDevice<int32_t> parent_rows(ctx, all_parents);
  const Tensor x =
      TreeStates(ctx, all_tokens, depths, memory,
                 [&](size_t i, ConstView in, const LayerOutput &out, BlockTape *) {
                   blocks_[i].self_attn.ExtendTree(ctx, parent_rows, in, &growth->blocks[i], out);
                 });
  Tensor logp(ctx, static_cast<int64_t>(added), output_layer_.OutDim());
  output_layer_.Forward(ctx, x.View().RowRange(0, logp.Rows()), logp);
  LogSoftmaxForward(ctx, logp, logp);
  return logp;
}

std::vector<double> Decoder::SequenceScores(const TokenTree &tree, const TreeScores &scores) {
  std::vector<double> sums;
  for (const int32_t end : tree.ends) {
    double sum = scores.end[static_cast<size_t>(end)];
    for (int32_t n = end; n > 0; n = tree.parents[static_cast<size_t>(n)]) {
      sum += scores.label[static_cast<size_t>(n)];
    }
    sums.push_back(sum);
  }
  return sums;
}

void Decoder::Backward(const Context &ctx, const DecoderInput &input, ConstView encoder_out,
                       const RaggedShape &encoder_shape, const Tape &tape, ConstView dlogits,
                       Decoder *grad, View dencoder_out) const {
  const int64_t rows = input.shape.TotalRows(), dim = embed_.Cols();
  const std::vector<int> own = OwnIndex(input.shape);
  Tensor dx(ctx, rows, dim);
  output_layer_.Backward(ctx, tape.after, dlogits, &grad->output_layer_, dx);
  after_norm_.Backward(ctx, tape.after_x, tape.after_stats, dx, &grad->after_norm_, dx);
  RoutingGradients routing;
  if (tape.routing != nullptr && tape.routing->collect) routing.state = tape.routing;
  for (size_t i = blocks_.size(); i-- > 0;) {
    const Block &block = blocks_[i];
    const BlockTape &t = tape.blocks[i];
    Block *g = &grad->blocks_[i];
    SublayerBackward(ctx, block.norm3, 1, t.ffn, &g->norm3, &dx, [&](ConstView dy, View dn) {
      block.feed_forward->Backward(ctx, t.ffn.normed, *t.ffn_inner, dy, g->feed_forward.get(), dn,
                                   &routing);
    });
    SublayerBackward(ctx, block.norm2, 1, t.source, &g->norm2, &dx, [&](ConstView dy, View dn) {
      Tensor dmemory(ctx, encoder_out.Rows(), dim);
      block.src_attn.Backward(ctx, t.source.normed, input.shape, encoder_out, encoder_shape,
                              input.memory, t.source_inner, dy, &g->src_attn, dn, dmemory);
      AddTo(ctx, 1, dmemory, dencoder_out);
    });
    SublayerBackward(ctx, block.norm1, 1, t.self, &g->norm1, &dx, [&](ConstView dy, View dn) {
      Tensor dmemory(ctx, rows, dim);  // keys and values come from the same rows as the queries
      block.self_attn.Backward(ctx, t.self.normed, input.shape, t.self.normed, input.shape, own,
                               t.self_inner, dy, &g->self_attn, dn, dmemory);
      AddTo(ctx, 1, dmemory, dn);
    });
  }
  tape.input_mask.Apply(ctx, dx);
  EmbeddingBackward(ctx, ListOnDevice<int32_t>(ctx, input.tokens),
                    std::sqrt(static_cast<float>(dim)), dx, grad->embed_);
}

void Decoder::Block::VisitParams(ParamVisitor *v) {
  v->Scope("self_attn", ParamRole::kAttention, &self_attn);
  v->Scope("src_attn", ParamRole::kAttention, &src_attn);
  v->Scope("feed_forward", ParamRole::kFeedForward, feed_forward.get());
  v->Scope("norm1", &norm1);
  v->Scope("norm2", &norm2);
  v->Scope("norm3", &norm3);
}

void Decoder::VisitParams(ParamVisitor *v) {
  v->In(ParamRole::kEmbedding, [&] { v->Param("embed.0.weight", &embed_, ParamInit::Normal(1)); });
  v->Scope("after_norm", &after_norm_);
  v->Scope("output_layer", ParamRole::kOutput, &output_layer_);
  for (size_t i = 0; i < blocks_.size(); ++i)
    v->Scope("decoders." + std::to_string(i), &blocks_[i]);
  v->Scope("shared", &shared_);
}

void Decoder::AfterStep(const Context &ctx, const std::vector<std::vector<int64_t>> &counts,
                        size_t *next) {
  for (Block &block : blocks_) {
    if (block.mixture && *next < counts.size())
      block.feed_forward->AfterStep(ctx, counts[(*next)++]);
  }
}

void Decoder::SetPolicies(const std::vector<float> &gates, int row_experts) {
  size_t mixture = 0;
  for (Block &block : blocks_) {
    MixturePolicy policy;
    policy.row_experts = row_experts;
    if (!gates.empty() && block.mixture) policy.skip_gate = gates.at(mixture++);
    block.feed_forward->SetPolicy(policy);
  }
  CHECK_EQ(mixture, gates.size());
}

}  // namespace u2moe
