#ifndef U2MOE_LAB_EXPERT_MEAN_H_
#define U2MOE_LAB_EXPERT_MEAN_H_

#include <string>
#include <vector>

#include "lab/model-surgery.h"

namespace u2moe {

// Groups of rows that are alike: each row begins as a group of its own, and the two whose rows have
// the largest mean cosine are joined until n are left. For each row the number of its group, groups
// in the order of their first rows; ties to the first.
std::vector<int> GroupAlike(ConstView rows, int n);

// The order of b's hidden neurons that is nearest to a's: neuron i of a matches neuron order[i] of
// b, such that the sum of the products of their rows of w_1, biases included, is largest. Scopes of
// feed-forward blocks of one size.
std::vector<int64_t> MatchNeurons(const Context &ctx, const TensorsByName &tensors,
                                  const std::string &a, const std::string &b);

// Writes the weighted mean of feed-forward blocks of one size to another block. align: with their
// neurons in the order that matches those of the heaviest (of equals, the first). Weights are not
// negative; if all are 0, they count as equal. Equal blocks give themselves to the bit.
void WriteExpertMean(const Context &ctx, const TensorsByName &from,
                     const std::vector<std::string> &scopes, const std::vector<double> &weights,
                     bool align, const TensorsByName &to, const std::string &to_scope);

}  // namespace u2moe

#endif  // U2MOE_LAB_EXPERT_MEAN_H_
