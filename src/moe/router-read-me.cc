#include "moe/router-read-me.h"

#include "ops/elementwise.h"

namespace u2moe {

void ReadMeRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                          std::unique_ptr<RouterTape> *) const {
  const RoutingState *state = input.call.state;
  CHECK(state != nullptr && state->decided != nullptr) << "read-me needs routes";
  CopyTo(ctx, *state->decided, logits);
}

void ReadMeRouter::LogitsBackward(const Context &ctx, ConstView, const RouterTape *,
                                  ConstView dlogits, Router *, View,
                                  RoutingGradients *routing) const {
  if (routing == nullptr || routing->state == nullptr) return;  // no loss on routes
  if (routing->ddecided.Cols() == 0) {
    routing->ddecided = Tensor::Copy(ctx, dlogits);
  } else {
    AddTo(ctx, 1, dlogits, routing->ddecided);
  }
}

}  // namespace u2moe
