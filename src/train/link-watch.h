// What a simulated network (moe/topology.h) would take to carry the rows of a training to experts.
#ifndef U2MOE_TRAIN_LINK_WATCH_H_
#define U2MOE_TRAIN_LINK_WATCH_H_

#include <memory>

#include "moe/topology.h"
#include "train/load-watch.h"

namespace u2moe {

class LinkWatch {
 public:
  // network: null to watch nothing. bytes_per_row: of what travels for a row and expert, one way.
  LinkWatch(std::shared_ptr<const Topology> network, double bytes_per_row)
      : network_(std::move(network)), bytes_per_row_(bytes_per_row) {}

  void BeginEpoch() { *this = LinkWatch(network_, bytes_per_row_); }
  // What a shard's mixtures counted, in the step under way.
  void Add(int rank, const ExpertCounts &counts);
  void EndStep();

  // Means over the steps of the epoch and the mixtures.
  struct Report {
    bool watched = false;
    double slowest = 0;       // seconds of the slowest link for the rows of one mixture, one way
    double slowest_even = 0;  // the same if each rank sent its rows to all experts evenly
    double local_share = 0;   // of the rows, to experts of their own rank
  };
  Report Get() const;

 private:
  std::shared_ptr<const Topology> network_;
  double bytes_per_row_;
  std::vector<std::vector<std::vector<double>>> step_;  // [mixture][rank][expert]
  double slowest_ = 0, slowest_even_ = 0, local_ = 0, rows_ = 0;
  int64_t count_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_LINK_WATCH_H_
