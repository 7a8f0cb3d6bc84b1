#include "model/route-network.h"

#include <algorithm>
#include <string>
#include <utility>

#include "moe/router-registry.h"
#include "ops/activation.h"
#include "ops/rms-norm.h"
#include "ops/rotary.h"

namespace u2moe {
namespace {

constexpr float kEps = 1e-5f;
constexpr int64_t kWider = 4;  // hidden units of a block, times its width

int64_t FirstPosition(const ForwardMode &mode, int b) {
  return mode.streams.empty() ? 0 : mode.streams[static_cast<size_t>(b)]->offset;
}

}  // namespace

RouteNetwork::Shape RouteNetwork::ShapeOf(const EncoderConfig &config) {
  Shape shape;
  config.ForEachMixture([&](int32_t, bool, const FeedForwardConfig &c) {
    if (!RouterTraitsOf(c.router).decided_before) return;
    Shape own;
    own.num_blocks = c.router_layers;
    own.num_heads = c.router_heads;
    own.width = c.router_dim > 0 ? c.router_dim : std::max(1, config.model_dim / 4);
    own.num_experts = c.num_experts;
    if (own.num_heads < 1 || own.width % (2 * own.num_heads) != 0) {
      throw UsageError("the width ", own.width, " of the router ", c.router, " (router-dim) is no ",
                       "multiple of twice its ", own.num_heads, " heads (router-heads)");
    }
    if (shape.num_blocks > 0 &&
        (shape.num_blocks != own.num_blocks || shape.num_heads != own.num_heads ||
         shape.width != own.width || shape.num_experts != own.num_experts)) {
      throw UsageError("mixtures whose routes ", c.router, " decides at once need the same ",
                       "num-experts, router-layers, router-heads and router-dim");
    }
    shape = own;
  });
  return shape;
}

RouteNetwork::Block::Block(int64_t width)
    : norm_attention(width),
      norm_ff(width),
      q(width, width),
      k(width, width),
      v(width, width),
      out(width, width),
      w_1(width, kWider * width),
      w_2(kWider * width, width) {}

RouteNetwork::RouteNetwork(const EncoderConfig &config, int32_t first_cache)
    : shape_(ShapeOf(config)),
      first_cache_(first_cache),
      in_(config.model_dim, shape_.width),
      out_(shape_.width, shape_.num_experts, false),
      norm_(shape_.width) {
  for (int32_t i = 0; i < shape_.num_blocks; ++i) blocks_.emplace_back(shape_.width);
}

void RouteNetwork::Attend(const Context &ctx, const ForwardMode &mode, const RaggedShape &shape,
                          size_t block, bool keep, BlockTape *b) const {
  const int64_t width = shape_.width;
  CachedVector<AttentionSequence> sequences;
  if (keep) b->probs.resize(static_cast<size_t>(shape.NumSequences()));
  for (int s = 0; s < shape.NumSequences(); ++s) {
    const View q = shape.Rows(b->q.View(), s), k = shape.Rows(b->k.View(), s);
    const ConstView v = shape.Rows<const float>(b->v.View(), s);
    const View context = shape.Rows(b->context.View(), s);
    Rotate(ctx, shape_.num_heads, FirstPosition(mode, s), false, q);
    Rotate(ctx, shape_.num_heads, FirstPosition(mode, s), false, k);
    if (mode.streams.empty()) {
      sequences.push_back(
          {q, k, v, ConstView(), context, keep ? &b->probs[static_cast<size_t>(s)] : nullptr});
      continue;
    }
    AttentionCache *cache = &mode.streams[static_cast<size_t>(s)]
                                 ->blocks[static_cast<size_t>(first_cache_) + block]
                                 .attention;
    const int64_t past = cache->Rows();
    const auto all = cache->Extend(ctx, shape.Length(s), width, shape_.num_heads);
    const auto added = all.RowRange(past, shape.Length(s));
    CopyTo(ctx, k, added.keys);
    CopyTo(ctx, v, added.values);
    SetZero(ctx, added.key_biases);
    sequences.push_back({q, all.keys, all.values, ConstView(), context});
  }
  AttentionForward(ctx, shape_.num_heads, mode.streams.empty() ? mode.mask : AttentionMask::Full(),
                   sequences);
}

Tensor RouteNetwork::Forward(const Context &ctx, const ForwardMode &mode, const RaggedShape &shape,
                             ConstView x, Tape *tape) const {
  const int64_t rows = x.Rows(), width = shape_.width;
  Tensor h(ctx, rows, width);
  in_.Forward(ctx, x, h);
  if (tape != nullptr) {
    tape->x = Tensor::Copy(ctx, x);
    tape->blocks.resize(blocks_.size());
  }
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block &block = blocks_[i];
    BlockTape local;
    BlockTape &b = tape != nullptr ? tape->blocks[i] : local;
    b.normed = Tensor(ctx, rows, width);
    RmsNormForward(ctx, h, block.norm_attention.gain, kEps, b.normed);
    for (Tensor *t : {&b.q, &b.k, &b.v, &b.context}) *t = Tensor(ctx, rows, width);
    ForwardAll(ctx, b.normed, {{&block.q, b.q}, {&block.k, b.k}, {&block.v, b.v}});
    Attend(ctx, mode, shape, i, tape != nullptr, &b);
    Tensor mid(ctx, rows, width);
    block.out.Forward(ctx, b.context, mid);
    AddTo(ctx, 1, h, mid);
    b.x = std::move(h);
    b.mid_normed = Tensor(ctx, rows, width);
    RmsNormForward(ctx, mid, block.norm_ff.gain, kEps, b.mid_normed);
    b.before = Tensor(ctx, rows, kWider * width);
    b.after = Tensor(ctx, rows, kWider * width);
    block.w_1.Forward(ctx, b.mid_normed, b.before);
    ActivationForward(ctx, Activation::kSwish, b.before, b.after);
    h = Tensor(ctx, rows, width);
    block.w_2.Forward(ctx, b.after, h);
    AddTo(ctx, 1, mid, h);
    b.mid = std::move(mid);
  }
  Tensor normed(ctx, rows, width), logits(ctx, rows, shape_.num_experts);
  RmsNormForward(ctx, h, norm_.gain, kEps, normed);
  out_.Forward(ctx, normed, logits);
  if (tape != nullptr) {
    tape->last = std::move(h);
    tape->last_normed = std::move(normed);
  }
  return logits;
}

void RouteNetwork::Backward(const Context &ctx, const RaggedShape &shape, const Tape &tape,
                            ConstView dlogits, RouteNetwork *grad) const {
  const int64_t rows = dlogits.Rows(), width = shape_.width;
  Tensor dh(ctx, rows, width), dn(ctx, rows, width), part(ctx, rows, width);
  out_.Backward(ctx, tape.last_normed, dlogits, &grad->out_, dn);
  RmsNormBackward(ctx, tape.last, norm_.gain, kEps, dn, dh, grad->norm_.gain);
  for (size_t i = blocks_.size(); i-- > 0;) {
    const Block &block = blocks_[i];
    Block *g = &grad->blocks_[i];
    const BlockTape &b = tape.blocks[i];
    Tensor dhidden(ctx, rows, kWider * width);
    block.w_2.Backward(ctx, b.after, dh, &g->w_2, dhidden);
    ActivationBackward(ctx, Activation::kSwish, b.before, dhidden, dhidden);
    block.w_1.Backward(ctx, b.mid_normed, dhidden, &g->w_1, dn);
    RmsNormBackward(ctx, b.mid, block.norm_ff.gain, kEps, dn, dn, g->norm_ff.gain);
    AddTo(ctx, 1, dn, dh);

    Tensor dcontext(ctx, rows, width), dq(ctx, rows, width), dk(ctx, rows, width),
        dv(ctx, rows, width);
    block.out.Backward(ctx, b.context, dh, &g->out, dcontext);
    CachedVector<AttentionGradient> sequences;
    for (int s = 0; s < shape.NumSequences(); ++s) {
      const auto rows_of = [&](const Tensor &t) { return shape.Rows<const float>(t.View(), s); };
      sequences.push_back({rows_of(b.q), rows_of(b.k), rows_of(b.v),
                           &b.probs[static_cast<size_t>(s)], rows_of(dcontext),
                           shape.Rows(dq.View(), s), shape.Rows(dk.View(), s),
                           shape.Rows(dv.View(), s), View()});
    }
    AttentionBackward(ctx, shape_.num_heads, sequences);
    for (int s = 0; s < shape.NumSequences(); ++s) {
      Rotate(ctx, shape_.num_heads, 0, true, shape.Rows(dq.View(), s));
      Rotate(ctx, shape_.num_heads, 0, true, shape.Rows(dk.View(), s));
    }
    block.q.Backward(ctx, b.normed, dq, &g->q, dn);
    block.k.Backward(ctx, b.normed, dk, &g->k, part);
    AddTo(ctx, 1, part, dn);
    block.v.Backward(ctx, b.normed, dv, &g->v, part);
    AddTo(ctx, 1, part, dn);
    RmsNormBackward(ctx, b.x, block.norm_attention.gain, kEps, dn, dn, g->norm_attention.gain);
    AddTo(ctx, 1, dn, dh);
  }
  in_.Backward(ctx, tape.x, dh, &grad->in_, View());
}

void RouteNetwork::Block::VisitParams(ParamVisitor *visitor) {
  visitor->Scope("norm_attention", &norm_attention);
  visitor->Scope("q", &q);
  visitor->Scope("k", &k);
  visitor->Scope("v", &v);
  visitor->Scope("out", &out);
  visitor->Scope("norm_ff", &norm_ff);
  visitor->Scope("w_1", &w_1);
  visitor->Scope("w_2", &w_2);
}

void RouteNetwork::VisitParams(ParamVisitor *v) {
  v->Scope("in", &in_);
  for (size_t i = 0; i < blocks_.size(); ++i) v->Scope("blocks." + std::to_string(i), &blocks_[i]);
  v->Scope("norm", &norm_);
  v->Scope("out", &out_);
}

}  // namespace u2moe
