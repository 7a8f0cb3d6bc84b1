// What passes between the mixtures of one forward of an encoder or a decoder, and back.
#ifndef U2MOE_MOE_ROUTING_STATE_H_
#define U2MOE_MOE_ROUTING_STATE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "moe/routes.h"
#include "tensor/tensor.h"

namespace u2moe {

struct Topology;  // moe/topology.h

// Weights of the losses that a mixture asks for, see aux-loss.h; 0: not computed.
struct AuxWeights {
  float balance = 0, z = 0, importance = 0, load = 0, sparsity = 0, mean_importance = 0,
        topology = 0, entropy = 0;
};

// What one mixture decided, kept for losses and counts. Rows that a policy left without experts
// count nowhere.
struct RoutedLayer {
  int mixture = 0;  // RouteCall::mixture
  // After any policy, but before a capacity: losses on loads are of what rows want, as in the
  // papers, or they would be weakest where experts are fullest. RouteSink hears what is computed.
  Routes routes;
  AuxWeights weights;
  Tensor dlogits;  // [T, E] of the host, which backward adds to the gradient of the logits; empty:
                   // nothing
  // Of RoutingState; for losses.
  const Topology *topology = nullptr;
  int rank = 0;

  // Rows of each expert [E].
  std::vector<int64_t> Counts() const;
};

// A caller that wants the decisions makes one, sets collect, passes it to the forward and, if it
// has gradients, keeps it until backward is done. Otherwise encoder and decoder have their own.
struct RoutingState {
  bool collect = false;             // whether the mixtures append to layers
  std::vector<RoutedLayer> layers;  // in the order of the network
  // What a router over depth carries from mixture to mixture, [T, P]; empty before the first.
  Tensor depth;
  // For the topology loss: the simulated network, and where on it these rows are. Null: all experts
  // are equally near.
  const Topology *topology = nullptr;
  int rank = 0;
  // What an embedding network made of the rows [T, D], for routers that look at it too; null: there
  // is none. No gradient comes back through routers. Tapes keep it alive.
  std::shared_ptr<const Tensor> embedding;
  // Logits [T, E] of decisions that were taken before the first layer, for routers that only carry
  // them out; null: there are none.
  std::shared_ptr<const Tensor> decided;
};

// The same on the way back.
struct RoutingGradients {
  const RoutingState *state = nullptr;  // that of the forward if somebody collected; else null
  Tensor ddepth;    // gradient of RoutingState::depth behind the mixture whose turn it is, or empty
  Tensor ddecided;  // of RoutingState::decided, from the mixtures behind; or empty
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTING_STATE_H_
