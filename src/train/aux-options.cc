#include "train/aux-options.h"

#include <cmath>

#include "model/config-fields.h"
#include "train/data-source.h"
#include "util/text.h"

namespace u2moe {
namespace {

// Whether a mixture has one of the weights of losses on routers.
bool HasLosses(const FeedForwardConfig &c) {
  bool has = false;
  ForEachField(&c, [&](const std::string &name, auto member, FieldKind) {
    if constexpr (std::is_same_v<decltype(member), float FeedForwardConfig::*>)
      has |= EndsWith(name, "-weight") && c.*member != 0;
  });
  return has;
}

}  // namespace

EpochSchedule::EpochSchedule(const std::string &option, const std::string &text) {
  if (text.empty()) return;
  for (const std::string &part : Split(text, ',')) {
    const size_t at = std::min(part.find(':'), part.size());
    std::pair<int32_t, double> point;
    if (at == part.size() || !ParseNumber(part.substr(0, at), &point.first) ||
        !ParseNumber(part.substr(at + 1), &point.second) || point.first < 1 ||
        !std::isfinite(point.second) || point.second < 0) {
      throw UsageError(option, "=", text, ": ", Printable(part),
                       " is not epoch:factor, from epoch 1 on and with a factor of 0 or more");
    }
    if (!points_.empty() && point.first <= points_.back().first)
      throw UsageError(option, "=", text, ": epoch ", point.first, " does not come after ",
                       points_.back().first);
    points_.push_back(point);
  }
}

double EpochSchedule::At(int32_t epoch) const {
  if (points_.empty()) return 1;
  if (epoch <= points_.front().first) return points_.front().second;
  for (size_t i = 1; i < points_.size(); ++i) {
    const auto &[from, a] = points_[i - 1];
    const auto &[to, b] = points_[i];
    if (epoch <= to) return a + (b - a) * (epoch - from) / (to - from);
  }
  return points_.back().second;
}

void AuxOptions::Register(OptionParser *po) {
  po->Register("aux-schedule", &aux_schedule,
               "what the weights of the losses on routers (nnet-init --balance-weight, ...) are "
               "multiplied by: epoch:factor with commas and straight lines between them, such as "
               "1:0,5:1 to let them rise or 10:1,20:0.1 to let them fall; empty: 1");
  po->RegisterInput(
      "topology", &topology,
      "text file of a simulated network for topology-weight: lines alpha (seconds) "
      "and beta (seconds for a byte), each above a matrix from rank to rank. Shard i "
      "of a batch is on rank i modulo their number, experts lie on the ranks one part "
      "after another. The time of the slowest link is reported");
  po->Register("verbose-losses", &verbose_losses,
               "report, and write to log.jsonl, the losses on routers layer by layer, too");
}

void AuxOptions::Check() const { EpochSchedule("--aux-schedule", aux_schedule); }

void AuxOptions::Load(const ModelConfig &config, int32_t shards, bool has_losses) {
  bool wants_topology = false;
  config.ForEachMixture([&](const FeedForwardConfig &c) {
    wants_topology |= c.topology_weight > 0;
    has_losses |= HasLosses(c);
  });
  if (!has_losses && (!aux_schedule.empty() || verbose_losses)) {
    throw UsageError(aux_schedule.empty() ? "--verbose-losses" : "--aux-schedule=" + aux_schedule,
                     ": the model has no losses on its routers; make it with nnet-init "
                     "--balance-weight or another of these weights, or give --route-teacher");
  }
  if (topology.empty()) {
    if (!wants_topology) return;
    throw UsageError(
        "the model has a topology-weight: give --topology=FILE, the network that it is about");
  }
  if (!config.HasMixtures()) throw UsageError("--topology=", topology, ": the model is dense");
  network = std::make_shared<Topology>(ReadTopology(topology));
  config.ForEachMixture([&](const FeedForwardConfig &c) {
    if (c.num_experts % network->num_ranks != 0) {
      throw UsageError("--topology=", topology, " has ", network->num_ranks, " ranks, among which ",
                       c.num_experts, " experts of the model cannot be divided");
    }
  });
  if (network->num_ranks > shards) {
    throw UsageError(
        "--topology=", topology, " has ", network->num_ranks, " ranks, but --shards=", shards,
        ": each rank is a shard of a batch; give at least --shards=", network->num_ranks);
  }
}

std::string AuxOptions::Identity() const {
  std::string text;
  if (!aux_schedule.empty()) text += " aux-schedule=" + aux_schedule;
  if (network != nullptr) {
    Fingerprint print;
    for (const std::vector<double> *m : {&network->alpha, &network->beta})
      print.Add(m->data(), static_cast<int64_t>(m->size() * sizeof(double)));
    text += Cat(" topology=", network->num_ranks, "-ranks-", print.Value());
  }
  return text;
}

double AuxOptions::Factor(int32_t epoch) const {
  return EpochSchedule("--aux-schedule", aux_schedule).At(epoch);
}

}  // namespace u2moe
