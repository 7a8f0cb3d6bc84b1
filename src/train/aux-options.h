// How the losses on routers' decisions are trained with: by epoch, and on a simulated network.
#ifndef U2MOE_TRAIN_AUX_OPTIONS_H_
#define U2MOE_TRAIN_AUX_OPTIONS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/model-config.h"
#include "moe/topology.h"
#include "util/options.h"

namespace u2moe {

// Straight lines between points (epoch, factor), level before the first and after the last.
class EpochSchedule {
 public:
  // "1:0,5:1", epochs rising; "": 1 always. Throws UsageError that begins with option.
  EpochSchedule(const std::string &option, const std::string &text);
  double At(int32_t epoch) const;

 private:
  std::vector<std::pair<int32_t, double>> points_;
};

struct AuxOptions {
  std::string aux_schedule;
  std::string topology;
  bool verbose_losses = false;
  std::shared_ptr<const Topology> network;  // what Load read; null: none

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // Reads the topology. Throws UsageError where it, or a schedule, does not go with the model or
  // the number of shards. has_losses: there are losses on routers beside the model's.
  void Load(const ModelConfig &config, int32_t shards, bool has_losses);
  // " name=value" for each that is not the default and that results depend on, after Load.
  std::string Identity() const;
  double Factor(int32_t epoch) const;  // of all weights
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_AUX_OPTIONS_H_
