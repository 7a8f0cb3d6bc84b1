#include "train/epoch-report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace u2moe {

std::string EpochReport::ToJson() const {
  nlohmann::ordered_json j{{"epoch", epoch}};
  const auto add = [&j](const std::string &set, const LossTerms &losses) {
    j[set + "_loss"] = losses.MeanTotal();
    for (const auto &[name, term] : losses.Terms()) j[set + "_" + name] = term.Mean();
  };
  add("train", train);
  if (dev.num_utterances > 0) add("dev", dev);
  j["steps"] = steps;
  j["skipped_steps"] = skipped_steps;
  j["learning_rate"] = learning_rate;
  j["grad_norm"] = grad_norm;
  if (!min_load.mixture.empty()) {
    j["min_expert_load"] = min_load.load;
    j["min_expert_load_mixture"] = min_load.mixture;
  }
  if (links.watched) {
    j["slowest_link_seconds"] = links.slowest;
    j["slowest_link_seconds_if_even"] = links.slowest_even;
    j["local_share"] = links.local_share;
  }
  if (drops.Any()) {
    j["dropped"] = drops.Share();
    for (int i = 0; i < CapacityDrops::kParts; ++i) j["dropped_by_tenth"].push_back(drops.Share(i));
  }
  j["frames"] = frames;
  j["wall_seconds"] = wall_seconds;
  j["cpu_seconds"] = cpu_seconds;
  j["frames_per_second"] = static_cast<double>(frames) / std::max(wall_seconds, 1e-9);
  j["frames_per_cpu_second"] = static_cast<double>(frames) / std::max(cpu_seconds, 1e-9);
  j["dev_seconds"] = dev_seconds;
  return j.dump();
}

}  // namespace u2moe
