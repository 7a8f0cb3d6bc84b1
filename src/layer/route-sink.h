#ifndef U2MOE_LAYER_ROUTE_SINK_H_
#define U2MOE_LAYER_ROUTE_SINK_H_

#include <cstdint>
#include <vector>

#include "base/span.h"
#include "tensor/allocator.h"
#include "tensor/ragged.h"
#include "tensor/view.h"

namespace u2moe {

// Listens to the decisions of the routers during a forward, in the order of the blocks: encoder
// block 0 macaron, encoder block 0, encoder block 1 macaron, ..., then each decoder's blocks.
// What it hears is what is computed, after any MixturePolicy.
class RouteSink {
 public:
  virtual ~RouteSink() = default;
  // logits [R, E]; experts: R*K ids, each row's in its router's order of preference, -1 for a place
  // that the router or the policy left empty (the last ones of a row); gates: R*K weights, 0 for
  // those.
  virtual void OnRoute(ConstView logits, Span<int32_t> experts, Span<float> gates) = 0;
  // Whether OnSkipCost shall be called, which needs weights that are not packed.
  virtual bool WantsSkipCost() const { return false; }
  // After OnRoute, of the same rows: |y - y'|^2 for the mixture's output y of a row and what it
  // would be with the first expert alone. Rows without a second expert: 0.
  virtual void OnSkipCost(const std::vector<double> &) {}
  // Before OnRoute, of the same rows, where experts have a capacity (moe/capacity.h): how many
  // experts each row of these sequences wanted, and how many of them it kept.
  virtual void OnCapacity(const RaggedShape &, Span<int32_t> /*wanted*/, Span<int32_t> /*kept*/) {}
};

// How one mixture departs from its router's choices; the default is not at all. See
// moe/expert-policy.h.
struct MixturePolicy {
  float skip_gate = 2;    // a first gate from here on works alone; above 1: none does
  int chunk_experts = 0;  // experts open to the rows of a chunk; 0: all
  int expert_budget = 0;  // distinct experts that the rows of a chunk may use; 0: any number
  int row_experts = 0;    // experts of a row, the first that its router chose; 0: all of them
};

// What a router may know of a sequence beside its rows.
struct SequenceFacts {
  uint64_t seed = 0;      // of the utterance in this part of the network, for what is random
  int64_t first = 0;      // the position of the first row: of a stream's chunk not 0
  bool training = false;  // whether what is random in training happens
  int32_t tag = -1;       // the number of its tag among the model's (a language, say); -1: none
};

struct RoutingState;   // moe/routing-state.h
struct MixtureStream;  // moe/mixture-stream.h

// What goes with the rows of one call to a mixture. Only those who need them look at the sequences:
// rows of a token tree, for one, belong to none.
struct RouteCall {
  RouteCall(RouteSink *sink = nullptr) : sink(sink) {}  // NOLINT(runtime/explicit)
  RouteSink *sink;                                      // null: nobody listens
  int mixture = 0;  // the number of the feed-forward in its part of the network
  // The rows behind the last row of each chunk, rising, the number of rows last; empty: there
  // are no chunks, and no limits to their experts.
  Span<int64_t> chunk_ends;
  // For each row, whether it is done with experts and gets none; null: no row is.
  const CachedVector<bool> *exited = nullptr;
  // The sequences that the rows belong to, with what is known of each; null and empty: nothing is.
  const RaggedShape *shape = nullptr;
  Span<SequenceFacts> sequences;
  // The rows are nodes of a token tree of this depth each; empty: they are not.
  Span<int32_t> depths;
  // Rows of a chunk, which see one another whole, where the attention mask has chunks; 0: whole
  // sequences do. Of streams it is 0: what they bring is seen whole.
  int64_t chunk = 0;
  // What this mixture remembers of each sequence, where they are streams; else empty.
  Span<MixtureStream *> streams;
  // What passes from mixture to mixture in this forward; null: nothing may.
  RoutingState *state = nullptr;
  bool capacity = false;  // whether the capacity of experts counts outside of training, too
  const char *part = "";  // of the network, for messages: "encoder", "decoder"
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_ROUTE_SINK_H_
