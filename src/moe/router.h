// A router chooses experts and their weights for each row: logits from the rows, a selection from
// the logits, gates from both. The last two stand alone because policies call them again.
#ifndef U2MOE_MOE_ROUTER_H_
#define U2MOE_MOE_ROUTER_H_

#include <cstdint>
#include <memory>

#include "base/span.h"
#include "layer/param-visitor.h"
#include "layer/route-sink.h"
#include "moe/routes.h"
#include "moe/routing-state.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

// What a router promises; the battery of tests/moe checks each of them.
struct RouterTraits {
  bool gates_sum_to_one = true;     // over the experts of each row that has any
  bool learns_with_one = false;     // gradient reaches it where a row has one expert of several
  bool depth_state = false;         // carries RoutingState::depth from mixture to mixture
  bool shared = false;              // has parameters in the MixtureShared of its mixtures
  bool rows_independent = true;     // no row sees another
  bool memory_over_time = false;    // a row depends on earlier ones, which a stream must remember
  bool may_stream = true;           // chunk by chunk it decides as on the whole under the mask
  bool random_in_training = false;  // needs SequenceFacts there
  bool learns = true;               // has parameters that are trained
  bool reads_rows = true;           // chooses by what is in a row; else by where it stands
  bool fixed_choices = true;        // each row has NumChoices experts, but for policies
  bool experts_choose = false;      // experts choose rows: a row may have up to E of them
  bool counts_steer = false;        // AfterStep changes what it chooses
  bool needs_tags = false;          // of the sequences
  bool needs_embedding = false;     // reads RoutingState::embedding, which encoders only have
  bool merges = false;              // its gates are weights of an average of experts' parameters
  bool decided_before = false;      // copies RoutingState::decided, which encoders only have
  bool encoder_only = false;        // what it needs, decoders do not have
  int max_choices = INT32_MAX;      // experts per row that the registry allows
  // Choose, Prepare and Gate are those of Router: moe/cuda-routes.h can stand in for them.
  bool default_choice = false;
  bool elastic = true;  // a row may keep the first of its experts only (--experts-per-frame)
};

// What a router is made of.
struct RouterConfig {
  int64_t dim = 0;  // D, of the rows
  int num_experts = 0, num_choices = 0;
  int64_t state_dim = 0;  // FeedForwardConfig::router_dim, > 0
  float noise = 0;        // FeedForwardConfig::router_noise
  float threshold = 0;    // FeedForwardConfig::router_threshold
  float bias_rate = 0;    // FeedForwardConfig::router_bias_rate
  int num_pools = 1;      // FeedForwardConfig::router_pools
  int64_t segment = 0;    // FeedForwardConfig::router_segment, > 0
};

struct RouteInput {
  ConstView x;  // [T, D]
  const RouteCall &call;
};

// What a router's backward needs beside the rows and the routes.
struct RouterTape {
  virtual ~RouterTape() = default;
};

// Routers, their softmax and their weights are always float32.
class Router {
 public:
  Router(const RouterTraits &traits, const RouterConfig &config);
  virtual ~Router() = default;

  const RouterTraits &Traits() const { return traits_; }
  int NumExperts() const { return num_experts_; }
  int NumChoices() const { return num_choices_; }
  // Routes::max_slots.
  int MaxSlots() const { return traits_.experts_choose ? num_experts_ : num_choices_; }

  // Logits, Prepare, Choose, Gate. tape: null at inference. Throws DataError, naming mixture and
  // frame, for logits that are not finite.
  void Route(const Context &ctx, const RouteInput &input, Routes *routes,
             std::unique_ptr<RouterTape> *tape) const;
  // The logits [T, E] alone, in the memory of ctx; they may not be finite. For who chooses there.
  Tensor LogitsOf(const Context &ctx, const RouteInput &input) const {
    Tensor logits(ctx, input.x.Rows(), num_experts_);
    Logits(ctx, input, logits, nullptr);
    return logits;
  }
  // dgates: d loss / d gates, in the order of routes.gates. dlogits [T, E] of the host, or empty:
  // what else the logits receive. dx [T, D] is ADDED to, as the experts' share is there already.
  // Adds to *grad, of the same type. The gates are those of the routes, over the experts that are
  // there. routing may be null for routers without a state over depth.
  void Backward(const Context &ctx, ConstView x, const Routes &routes, const RouterTape *tape,
                Span<float> dgates, ConstView dlogits, Router *grad, View dx,
                RoutingGradients *routing) const;

  // Rows [begin, end) choose as many of the open experts (null: all) as they have now; where there
  // are fewer, places become empty. By default those with the largest scores (or logits, see
  // Routes), in falling order, ties to the lower id; never one whose score is -infinity.
  virtual void Select(int64_t begin, int64_t end, const CachedVector<bool> *open,
                      Routes *routes) const;
  // Gates of rows [begin, end), which may have lost experts since Select. By default the softmax
  // over the logits of the experts that are there.
  virtual void Gate(int64_t begin, int64_t end, Routes *routes) const;
  // FeedForward::AfterStep.
  virtual void AfterStep(const Context &, Span<int64_t>) {}
  // This router's own parameters; those that it shares are visited elsewhere, once.
  virtual void VisitParams(ParamVisitor *v) = 0;

 protected:
  // logits [T, E]; moves input.call.state->depth on.
  virtual void Logits(const Context &ctx, const RouteInput &input, View logits,
                      std::unique_ptr<RouterTape> *tape) const = 0;
  // Routes::groups, of routers that merge.
  virtual void Group(const RouteInput &, Routes *) const {}
  // As Backward, from the logits on.
  virtual void LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape,
                              ConstView dlogits, Router *grad, View dx,
                              RoutingGradients *routing) const = 0;
  // Between Logits, which were found to be finite, and Choose: what choosing goes by beside logits,
  // routes->scores, and which experts are closed to a row: their logits become -infinity.
  virtual void Prepare(const Context &, const RouteCall &, Routes *) const {}
  // The choices of all rows, whose experts are empty before. By default each row Selects
  // NumChoices of all experts.
  virtual void Choose(const RouteCall &call, Routes *routes) const;
  // dlogits [T, E], of the host, comes as zeros; of all rows.
  virtual void GateBackward(const Routes &routes, Span<float> dgates, View dlogits) const;

 private:
  RouterTraits traits_;
  int num_experts_, num_choices_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_H_
