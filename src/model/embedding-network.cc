#include "model/embedding-network.h"

#include <string>
#include <utility>

#include "moe/router-registry.h"

namespace u2moe {

int32_t EmbeddingNetwork::NumBlocks(const EncoderConfig &config) {
  int32_t blocks = 0;
  config.ForEachMixture([&](int32_t, bool, const FeedForwardConfig &c) {
    if (!RouterTraitsOf(c.router).needs_embedding) return;
    if (blocks != 0 && blocks != c.router_layers) {
      throw UsageError("mixtures whose embedding network has ", blocks, " and ", c.router_layers,
                       " blocks cannot share it; give them the same router-layers");
    }
    blocks = c.router_layers;
  });
  return blocks;
}

EmbeddingNetwork::EmbeddingNetwork(const EncoderConfig &config)
    : first_cache_(config.num_blocks), after_norm_(config.model_dim) {
  EncoderConfig own = config;
  own.num_blocks = NumBlocks(config);
  own.ffn.num_experts = 0;
  own.layers.clear();
  for (int32_t i = 0; i < own.num_blocks; ++i) blocks_.emplace_back(own, i, &shared_);
}

Tensor EmbeddingNetwork::Forward(const Context &ctx, const ForwardMode &mode,
                                 const RaggedShape &shape, const PositionRows &positions,
                                 ConstView x, Tape *tape, EmbeddingNetwork *running) const {
  if (tape != nullptr) tape->blocks.resize(blocks_.size());
  Tensor y = Tensor::Copy(ctx, x);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].Forward(ctx, mode, RouteCall(), first_cache_ + static_cast<int>(i), shape, positions,
                       &y, tape != nullptr ? &tape->blocks[i] : nullptr,
                       running != nullptr ? &running->blocks_[i] : nullptr);
  }
  Tensor embedding(ctx, y.Rows(), y.Cols());
  after_norm_.Forward(ctx, y, embedding, tape != nullptr ? &tape->after_stats : nullptr);
  if (tape != nullptr) tape->after_x = std::move(y);
  return embedding;
}

void EmbeddingNetwork::Backward(const Context &ctx, const RaggedShape &shape,
                                const PositionRows &positions, const Tape &tape,
                                EmbeddingNetwork *grad, Tensor *dx) const {
  after_norm_.Backward(ctx, tape.after_x, tape.after_stats, *dx, &grad->after_norm_, *dx);
  for (size_t i = blocks_.size(); i-- > 0;) {
    blocks_[i].Backward(ctx, shape, positions, tape.blocks[i], &grad->blocks_[i], dx, nullptr);
  }
}

void EmbeddingNetwork::PrepareForInference() {
  for (ConformerBlock &block : blocks_) block.PrepareForInference();
}

void EmbeddingNetwork::VisitParams(ParamVisitor *v) {
  v->Scope("after_norm", &after_norm_);
  for (size_t i = 0; i < blocks_.size(); ++i)
    v->Scope("encoders." + std::to_string(i), &blocks_[i]);
}

}  // namespace u2moe
