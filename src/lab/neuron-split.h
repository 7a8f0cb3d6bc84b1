// Neurons of a dense layer in groups of one size, and a router that says which groups will fire
// (MoEfication, arXiv 2110.01786).
#ifndef U2MOE_LAB_NEURON_SPLIT_H_
#define U2MOE_LAB_NEURON_SPLIT_H_

#include <cstdint>
#include <vector>

#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

// For each neuron the number of its group; every group has as many. num_groups must divide the
// number of neurons.

// Balanced k-means on the rows [H, D] of w_1, each scaled to length 1: neurons and centres that
// are nearest go together first, until a group is full (ours; the authors solve a flow problem).
// Of the rounds, the one with the least squared distance.
std::vector<int> SplitByKMeans(ConstView rows, int num_groups, uint64_t seed);
// By the graph of neurons that fire together, cut by METIS; activity [N, H], not negative. The
// weight of an edge is the sum over 8 rows each of min(1, sum of a_i a_j); edges below 0.99 times
// the lowest decile that is not 0 are left out. Surplus neurons are moved at random. Throws
// UsageError naming the package where METIS was not there when this was built.
std::vector<int> SplitByCoActivation(const Context &ctx, ConstView activity, int num_groups,
                                     uint64_t seed);
std::vector<int> SplitAtRandom(int64_t num_neurons, int num_groups, uint64_t seed);

// The `count` neurons whose activity [N, H] has the largest mean of magnitudes, rising; of equal
// ones the first.
std::vector<int64_t> MostActive(ConstView activity, int64_t count);

// [N, G]: the sums of the activity [N, H] of each group.
Tensor GroupScores(ConstView activity, const std::vector<int> &group_of, int num_groups);
// The part of all scores that is in the k groups with the largest `guess` of each row; 1 where all
// scores are 0. Both [N, G].
double CapturedShare(ConstView scores, ConstView guess, int k);

// logits = v2 tanh(v1 x / ||x||), as moe/router-group-mlp.h computes them.
struct GroupRouter {
  Tensor v1, v2;  // [G, D], [G, G]
};
// v1 the means of the groups' rows, each scaled to length 1, v2 the identity.
GroupRouter CentreRouter(ConstView rows, const std::vector<int> &group_of, int num_groups);
Tensor UnitRows(ConstView x);
// unit [N, D] -> [N, G].
Tensor GroupLogits(const Context &ctx, const GroupRouter &router, ConstView unit);
// The mean binary cross entropy of the logits against targets [N, G] in [0, 1]; *grad, if not null,
// receives its gradient.
double GroupRouterLoss(const Context &ctx, const GroupRouter &router, ConstView unit,
                       ConstView targets, GroupRouter *grad);

struct GroupRouterOptions {
  int num_epochs = 30, batch_size = 512, num_choices = 1;
  float learning_rate = 0.01f;
  uint64_t seed = 1;
};
// What the router, and others in its place, capture on the rows that were held out.
struct GroupRouterReport {
  double router = 0, centres = 0, random = 0, oracle = 0;
};
// Trains by Adam from CentreRouter on 90 % of the rows x [N, D]; targets are the scores over the
// largest of a batch. Of all epochs, the beginning among them, that which captures most on the
// others.
GroupRouter TrainGroupRouter(const Context &ctx, ConstView x, ConstView scores, GroupRouter router,
                             const GroupRouterOptions &opts, GroupRouterReport *report);

}  // namespace u2moe

#endif  // U2MOE_LAB_NEURON_SPLIT_H_
