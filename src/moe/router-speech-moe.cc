#include "moe/router-speech-moe.h"

#include <utility>

#include "ops/elementwise.h"

namespace u2moe {
namespace {

struct SpeechMoeTape : RouterTape {
  std::shared_ptr<const Tensor> embedding;
};

RouterConfig Joined(RouterConfig c) {
  c.dim *= 2;
  return c;
}

Tensor Join(const Context &ctx, ConstView e, ConstView x) {
  CHECK_SHAPE(e, x.Rows(), x.Cols());
  Tensor joined(ctx, x.Rows(), 2 * x.Cols());
  CopyTo(ctx, e, joined.View().ColRange(0, e.Cols()));
  CopyTo(ctx, x, joined.View().ColRange(e.Cols(), x.Cols()));
  return joined;
}

}  // namespace

SpeechMoeRouter::SpeechMoeRouter(const RouterConfig &c) : SwitchRouter(kTraits, Joined(c)) {}

void SpeechMoeRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                             std::unique_ptr<RouterTape> *tape) const {
  const RoutingState *state = input.call.state;
  CHECK(state != nullptr && state->embedding != nullptr) << "speech-moe needs an embedding";
  const Tensor joined = Join(ctx, *state->embedding, input.x);
  SwitchRouter::Logits(ctx, {joined, input.call}, logits, nullptr);
  if (tape == nullptr) return;
  auto own = std::make_unique<SpeechMoeTape>();
  own->embedding = state->embedding;
  *tape = std::move(own);
}

void SpeechMoeRouter::LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape,
                                     ConstView dlogits, Router *grad, View dx,
                                     RoutingGradients *routing) const {
  const auto &t = dynamic_cast<const SpeechMoeTape &>(*tape);
  const int64_t dim = x.Cols();
  Tensor djoined = Tensor::Zeros(ctx, x.Rows(), 2 * dim);
  SwitchRouter::LogitsBackward(ctx, Join(ctx, *t.embedding, x), nullptr, dlogits, grad, djoined,
                               routing);
  AddTo(ctx, 1, djoined.View().ColRange(dim, dim), dx);
}

}  // namespace u2moe
