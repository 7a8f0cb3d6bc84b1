#include "model/encoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "base/stage-clock.h"
#include "model/whole-only.h"
#include "ops/embedding.h"
#include "ops/softmax.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

// Rows that see one another whole; 0: all of a sequence.
int64_t ChunkOf(const ForwardMode &mode) {
  if (!mode.streams.empty() || mode.mask.kind == AttentionMask::Kind::kFull) return 0;
  return mode.mask.kind == AttentionMask::Kind::kChunk ? mode.mask.chunk : 1;
}

}  // namespace

Encoder::Encoder(const EncoderConfig &c)
    : config_(c),
      whole_only_(WhyWholeOnly(c)),
      cmvn_mean_({c.feature_dim}),
      cmvn_istd_({c.feature_dim}),
      embed_(c.feature_dim, c.model_dim, c.subsampling),
      after_norm_(c.model_dim) {
  for (int i = 0; i < c.num_blocks; ++i) blocks_.emplace_back(c, i, &shared_);
  const int32_t embedding_blocks = EmbeddingNetwork::NumBlocks(c);
  if (embedding_blocks > 0) embedding_ = std::make_unique<EmbeddingNetwork>(c);
  if (RouteNetwork::ShapeOf(c).num_blocks > 0)
    route_network_ = std::make_unique<RouteNetwork>(c, c.num_blocks + embedding_blocks);
}

PositionRows Encoder::Positions(const Context &ctx, const ForwardMode &mode,
                                const RaggedShape &shape, bool as_rows) const {
  PositionRows positions;
  if (mode.streams.empty()) {
    positions.runs.push_back({0, shape.MaxLength()});
    positions.begin.assign(static_cast<size_t>(shape.NumSequences()), 0);
  }
  for (size_t b = 0; b < mode.streams.size(); ++b) {
    positions.runs.push_back({mode.streams[b]->offset, shape.Length(static_cast<int>(b))});
    positions.begin.push_back(shape.Begin(static_cast<int>(b)));
  }
  if (!as_rows) return positions;
  int64_t rows = 0;
  for (const PositionRows::Run &run : positions.runs) rows += run.count;
  positions.table = Tensor(ctx, rows, config_.model_dim);
  rows = 0;
  for (const PositionRows::Run &run : positions.runs) {
    PositionTable(ctx, run.first, positions.table.View().RowRange(rows, run.count));
    rows += run.count;
  }
  return positions;
}

void Encoder::CheckFeatureDim(ConstView feats) const {
  if (feats.Cols() != config_.feature_dim) {
    throw DataError("features have ", feats.Cols(), " dimensions, the model wants ",
                    config_.feature_dim, "; extract them with the model's options (nnet-info)");
  }
}

void Encoder::Forward(const Context &ctx, const ForwardMode &mode, ConstView feats,
                      const RaggedShape &shape, Tensor *out, RaggedShape *out_shape, Tape *tape,
                      Encoder *running) const {
  CheckFeatureDim(feats);
  if (!whole_only_.empty() && mode.mask.kind != AttentionMask::Kind::kFull)
    throw DataError("this model takes no chunks: ", whole_only_, "; encode whole utterances");
  const RaggedShape sub_shape = embed_.OutShape(shape);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    if (sub_shape.Length(b) == 0) {
      throw DataError(shape.Length(b), " feature frames are too few; the model needs at least ",
                      embed_.RightContext() + 1);
    }
  }
  Tensor normalized(ctx, feats.Rows(), feats.Cols());
  Normalize(ctx, feats, cmvn_mean_, cmvn_istd_, normalized);
  Subsampling::Packed packed;
  if (packed_ == nullptr || tape != nullptr) packed = embed_.Pack(ctx);
  Tensor x(ctx, sub_shape.TotalRows(), config_.model_dim);
  {
    const StageScope stage(Stage::kSubsampling);
    embed_.Forward(ctx, packed_ != nullptr && tape == nullptr ? *packed_ : packed, normalized,
                   shape, x, tape != nullptr ? &tape->subsampling : nullptr);
  }
  ScaleBy(ctx, std::sqrt(static_cast<float>(config_.model_dim)), x);
  const bool as_rows = packed_ == nullptr || tape != nullptr || mode.dropout != nullptr;
  PositionRows positions = Positions(ctx, mode, sub_shape, as_rows);
  if (mode.dropout != nullptr) mode.dropout->SetShape(sub_shape);
  const DropoutMask input_mask = DropoutMask::Draw(mode.dropout, config_.positional_dropout);
  input_mask.Apply(ctx, x);
  DropoutMask::DrawShared(mode.dropout, config_.positional_dropout).Apply(ctx, positions.table);
  if (tape != nullptr) tape->blocks.resize(blocks_.size());
  RouteCall routes(mode.routes);
  CachedVector<int64_t> chunk_ends;
  const bool chunked =
      mode.streams.empty() ? mode.mask.kind == AttentionMask::Kind::kChunk : mode.window_is_chunk;
  if (chunked && (policy_.chunk_experts > 0 || policy_.expert_budget > 0)) {
    chunk_ends = ChunkEnds(mode, sub_shape);
    routes.chunk_ends = chunk_ends;
  }
  const CachedVector<SequenceFacts> sequences = Sequences(mode);
  RoutingState own_routing;
  routes.part = "encoder";
  routes.capacity = mode.capacity;
  routes.shape = &sub_shape;
  routes.sequences = sequences;
  routes.state = mode.routing != nullptr ? mode.routing : &own_routing;
  routes.state->depth = Tensor();
  routes.state->embedding = routes.state->decided = nullptr;
  routes.chunk = ChunkOf(mode);
  if (embedding_ != nullptr) {
    routes.state->embedding = std::allocate_shared<const Tensor>(
        CachingAllocator<Tensor>(),
        embedding_->Forward(ctx, mode, sub_shape, positions, x,
                            tape != nullptr ? &tape->embedding : nullptr,
                            running != nullptr ? running->embedding_.get() : nullptr));
  }
  if (route_network_ != nullptr) {
    routes.state->decided = std::allocate_shared<const Tensor>(
        CachingAllocator<Tensor>(),
        route_network_->Forward(ctx, mode, sub_shape, x,
                                tape != nullptr ? &tape->route_network : nullptr));
  }
  CachedVector<bool> exited;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (policy_.Exits() && i == static_cast<size_t>(policy_.exit_block)) {
      Tensor normed(ctx, x.Rows(), x.Cols());
      after_norm_.Forward(ctx, x, normed, tape != nullptr ? &tape->exit_stats : nullptr);
      exited = FindBlanks(ctx, normed);
      if (tape != nullptr) tape->exit_x = Tensor::Copy(ctx, x);
      if (mode.exit_out != nullptr) *mode.exit_out = std::move(normed);
      routes.exited = &exited;
    }
    blocks_[i].Forward(ctx, mode, routes, static_cast<int>(i), sub_shape, positions, &x,
                       tape != nullptr ? &tape->blocks[i] : nullptr,
                       running != nullptr ? &running->blocks_[i] : nullptr);
  }
  *out = Tensor(ctx, x.Rows(), x.Cols());
  after_norm_.Forward(ctx, x, *out, tape != nullptr ? &tape->after_stats : nullptr);
  for (int b = 0; b < static_cast<int>(mode.streams.size()); ++b) {
    mode.streams[static_cast<size_t>(b)]->Commit(sub_shape.Length(b), mode.max_cache);
  }
  *out_shape = sub_shape;
  if (tape != nullptr) {
    tape->subsampling.packed = std::move(packed);
    tape->shape = sub_shape;
    tape->positions = std::move(positions);
    tape->input_mask = input_mask;
    tape->routing = mode.routing;
    tape->after_x = std::move(x);
  }
}

CachedVector<int64_t> Encoder::ChunkEnds(const ForwardMode &mode, const RaggedShape &shape) {
  CachedVector<int64_t> ends;
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const int64_t step =
        mode.streams.empty() ? mode.mask.chunk : std::max<int64_t>(1, shape.Length(b));
    for (int64_t t = step; t < shape.Length(b); t += step) ends.push_back(shape.Begin(b) + t);
    ends.push_back(shape.End(b));
  }
  return ends;
}

CachedVector<SequenceFacts> Encoder::Sequences(const ForwardMode &mode) {
  CachedVector<SequenceFacts> sequences(mode.sequences.begin(), mode.sequences.end());
  if (sequences.empty()) sequences.resize(mode.streams.size());
  for (size_t b = 0; b < mode.streams.size(); ++b) {
    sequences[b].first = mode.streams[b]->offset;
    sequences[b].tag = mode.streams[b]->tag;
  }
  return sequences;
}

CachedVector<bool> Encoder::FindBlanks(const Context &ctx, ConstView normed) const {
  Tensor logits(ctx, normed.Rows(), ctc_head_->OutDim()), stats(ctx, normed.Rows(), 2),
      entries(ctx, 1, normed.Rows());
  ctc_head_->Forward(ctx, normed, logits);
  LogSumExp(ctx, logits, stats);
  CachedVector<int32_t> rows(static_cast<size_t>(normed.Rows())), cols(rows.size(), blank_);
  std::iota(rows.begin(), rows.end(), 0);
  LogSoftmaxEntries(ctx, logits, stats, ListOnDevice<int32_t>(ctx, rows),
                    ListOnDevice<int32_t>(ctx, cols), entries);
  const MatrixOnHost logp(ctx, entries);
  CachedVector<bool> blank;
  blank.reserve(rows.size());
  for (int64_t t = 0; t < normed.Rows(); ++t) {
    blank.push_back(std::exp(logp(0, t)) >= policy_.exit_blank);
  }
  return blank;
}

void Encoder::SetPolicy(const ExpertPolicy &policy, const Linear *ctc_head, int32_t blank) {
  policy_ = policy;
  ctc_head_ = ctc_head;
  blank_ = blank;
  const std::vector<float> &skip = policy.encoder_skip;
  CHECK(skip.empty() || skip.size() == static_cast<size_t>(config_.NumMixtures()));
  std::vector<std::array<MixturePolicy, 2>> both(blocks_.size());  // macaron, last
  size_t mixture = 0;
  config_.ForEachMixture([&](int32_t block, bool macaron, const FeedForwardConfig &) {
    MixturePolicy *one = &both[static_cast<size_t>(block)][macaron ? 0 : 1];
    if (!skip.empty()) one->skip_gate = skip[mixture++];
    one->chunk_experts = policy.chunk_experts;
    one->expert_budget = policy.expert_budget;
    one->row_experts = policy.experts_per_frame;
  });
  for (size_t i = 0; i < blocks_.size(); ++i) blocks_[i].SetPolicies(both[i][0], both[i][1]);
}

void Encoder::Backward(const Context &ctx, const Tape &tape, Tensor *dout, Tensor *dexit,
                       Encoder *grad, Tensor *dembedding) const {
  after_norm_.Backward(ctx, tape.after_x, tape.after_stats, *dout, &grad->after_norm_, *dout);
  RoutingGradients routing;
  if (tape.routing != nullptr && tape.routing->collect) routing.state = tape.routing;
  for (size_t i = blocks_.size(); i-- > 0;) {
    blocks_[i].Backward(ctx, tape.shape, tape.positions, tape.blocks[i], &grad->blocks_[i], dout,
                        &routing);
    if (dexit != nullptr && i == static_cast<size_t>(policy_.exit_block)) {
      after_norm_.Backward(ctx, tape.exit_x, tape.exit_stats, *dexit, &grad->after_norm_, *dexit);
      AddTo(ctx, 1, *dexit, *dout);
    }
  }
  if (routing.ddecided.Cols() > 0) {
    route_network_->Backward(ctx, tape.shape, tape.route_network, routing.ddecided,
                             grad->route_network_.get());
  }
  if (dembedding != nullptr) {
    embedding_->Backward(ctx, tape.shape, tape.positions, tape.embedding, grad->embedding_.get(),
                         dembedding);
    AddTo(ctx, 1, *dembedding, *dout);
  }
  tape.input_mask.Apply(ctx, *dout);
  ScaleBy(ctx, std::sqrt(static_cast<float>(config_.model_dim)), *dout);
  embed_.Backward(ctx, tape.subsampling, *dout, &grad->embed_);
}

void Encoder::PrepareForInference(const Context &ctx) {
  packed_ = std::make_shared<const Subsampling::Packed>(
      embed_.PackForInference(ctx, subsampling_format_, subsampling_group_size_));
  for (ConformerBlock &block : blocks_) block.PrepareForInference();
  if (embedding_ != nullptr) embedding_->PrepareForInference();
}

void Encoder::AfterStep(const Context &ctx, const std::vector<std::vector<int64_t>> &counts,
                        size_t *next) {
  config_.ForEachMixture([&](int32_t block, bool macaron, const FeedForwardConfig &) {
    if (*next >= counts.size()) return;
    blocks_[static_cast<size_t>(block)].MutableFeedForward(macaron)->AfterStep(ctx,
                                                                               counts[(*next)++]);
  });
}

StreamState Encoder::NewStream() const {
  if (!config_.causal) {
    throw DataError(
        "this model's convolution looks ahead (causal=false): it cannot stream; decode whole "
        "utterances");
  }
  if (!whole_only_.empty())
    throw DataError("this model cannot stream: ", whole_only_, "; decode whole utterances");
  StreamState state;
  state.blocks.resize(blocks_.size() +
                      static_cast<size_t>(EmbeddingNetwork::NumBlocks(config_) +
                                          RouteNetwork::ShapeOf(config_).num_blocks));
  return state;
}

void Encoder::VisitParams(ParamVisitor *v) {
  v->Buffer("global_cmvn.mean", &cmvn_mean_, ParamInit::Constant(0));
  v->Buffer("global_cmvn.istd", &cmvn_istd_, ParamInit::Constant(1));
  v->Scope("embed", ParamRole::kSubsampling, &embed_);
  v->Scope("after_norm", &after_norm_);
  for (size_t i = 0; i < blocks_.size(); ++i)
    v->Scope("encoders." + std::to_string(i), &blocks_[i]);
  v->Scope("shared", &shared_);
  if (embedding_ != nullptr) v->Scope("embedding_network", embedding_.get());
  if (route_network_ != nullptr) v->Scope("gate", ParamRole::kRouter, route_network_.get());
}

}  // namespace u2moe
