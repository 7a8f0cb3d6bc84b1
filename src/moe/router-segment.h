#ifndef U2MOE_MOE_ROUTER_SEGMENT_H_
#define U2MOE_MOE_ROUTER_SEGMENT_H_

#include <memory>

#include "layer/linear.h"
#include "moe/router.h"

namespace u2moe {

// Routers whose rows are routed together, by means of rows: logits = W mean without bias, gates =
// softmax over all experts, by which the mixture averages their parameters (RouterTraits::merges).
//
// Lory (arXiv 2405.03133): a sequence is cut into segments of config.segment rows. Those of a
// segment take the mean of the segment before, so that no row sees a later one; those of the first
// take its own mean, through which no gradient goes. Under a mask of chunks the first segment's own
// mean is that of its rows in the first chunk: all that is there when the first rows go out (ours;
// the paper has no chunks). So any size of chunks streams, and streams are what the mask says.
class SegmentRouter : public Router {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.learns_with_one = true;
    t.rows_independent = false;
    t.memory_over_time = true;
    t.merges = true;
    t.encoder_only = true;
    t.elastic = false;
    t.max_choices = 1;  // one averaged expert works on a row
    return t;
  }();

  explicit SegmentRouter(const RouterConfig &config) : SegmentRouter(kTraits, config) {}
  void VisitParams(ParamVisitor *v) override { v->Scope("gate", &gate_); }

 protected:
  // A row of means [N, D] for each row, and how each mean is made.
  struct Means {
    CachedVector<int32_t> source;  // [T] the mean that a row is routed by
    // Rows that are added up, one after another: mean[of[i]] += x[rows[i]], of which factors [N]
    // then make means.
    CachedVector<int32_t> rows, of;
    CachedVector<float> factors;
    CachedVector<float> learns;  // [N] whether gradients go through it, 1 or 0
  };

  SegmentRouter(const RouterTraits &traits, const RouterConfig &config);
  // Lays out the means of a call; `shape` of its sequences, which begin at the row `first` of
  // theirs. Carried means are the streams'.
  virtual Means Plan(const RouteCall &call, const RaggedShape &shape) const;
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;
  void Group(const RouteInput &input, Routes *routes) const override;
  void LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape, ConstView dlogits,
                      Router *grad, View dx, RoutingGradients *routing) const override;

 private:
  int64_t First(const RouteCall &call, int b) const;

  int64_t segment_;
  Linear gate_;
};

// SMEAR (arXiv 2306.03745): each sequence is one segment, routed by its own mean, through which
// gradients go. It sees the future, so it neither streams nor goes with a mask of chunks.
class SmearRouter : public SegmentRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t = SegmentRouter::kTraits;
    t.memory_over_time = false;
    t.may_stream = false;
    return t;
  }();

  explicit SmearRouter(const RouterConfig &config) : SegmentRouter(kTraits, config) {}

 protected:
  Means Plan(const RouteCall &call, const RaggedShape &shape) const override;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_SEGMENT_H_
