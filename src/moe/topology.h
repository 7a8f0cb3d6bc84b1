// A network that is simulated: ranks that rows come from, each of which owns a part of the experts,
// and what the links between them take (TA-MoE, arXiv 2302.09915).
#ifndef U2MOE_MOE_TOPOLOGY_H_
#define U2MOE_MOE_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace u2moe {

struct Topology {
  int num_ranks = 0;
  // Of the link from rank i to rank j, in place i * num_ranks + j: seconds to begin, and seconds
  // for each byte. The link of a rank to itself counts as well.
  std::vector<double> alpha, beta;

  double Beta(int from, int to) const {
    return beta[static_cast<size_t>(from) * static_cast<size_t>(num_ranks) +
                static_cast<size_t>(to)];
  }
  // Experts lie on the ranks one part after another; num_experts is a multiple of num_ranks.
  int RankOf(int64_t expert, int64_t num_experts) const {
    return static_cast<int>(expert * num_ranks / num_experts);
  }
  // How many of `total` rows rank i sends to each expert so that its slowest link is done soonest,
  // beginnings (alpha) apart: in proportion to 1 / beta.
  std::vector<double> Targets(int rank, int64_t num_experts, double total) const;
  // 1 / Targets, scaled to a mean of 1: the more, the farther. 1 to the bit where beta is the same
  // everywhere; a factor of all beta changes rounding only.
  std::vector<double> Penalties(int rank, int64_t num_experts) const;
  // Seconds of the slowest link where rank i sends rows[i][e] rows of so many bytes to expert e.
  // Links that carry nothing take no time.
  double SlowestLink(const std::vector<std::vector<double>> &rows, double bytes_per_row) const;
};

// Text: a line "alpha" with as many lines of as many numbers as there are ranks below it (left out:
// all are 0), and the same for "beta". "#" begins a comment. Throws DataError that names source and
// line for other text, for more than 256 ranks, and for numbers that no network has: alpha below 0,
// beta not above 0.
Topology ParseTopology(std::string_view text, const std::string &source);
Topology ReadTopology(const std::string &rxfilename);

}  // namespace u2moe

#endif  // U2MOE_MOE_TOPOLOGY_H_
