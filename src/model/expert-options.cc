#include "model/expert-options.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.h"
#include "moe/router-registry.h"
#include "util/json.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::ordered_json;

constexpr float kNever = 2;

bool AnySkip(const std::vector<float> &gates) {
  return std::any_of(gates.begin(), gates.end(), [](float g) { return g <= 1; });
}

// "0.7", or "0.6 to 0.9" where they differ.
std::string Range(const std::vector<float> &gates) {
  if (!AnySkip(gates)) return "none";
  const auto [low, high] = std::minmax_element(gates.begin(), gates.end());
  return *low == *high ? NumberToString(*low)
                       : Cat(NumberToString(*low), " to ", NumberToString(*high));
}

// The one list of what a policy holds and a file stores.
template <class Policy, class Fn>
void VisitPolicy(Policy *p, Fn fn) {
  fn("encoder_skip", &p->encoder_skip);
  fn("left_skip", &p->left_skip);
  fn("right_skip", &p->right_skip);
  fn("chunk_experts", &p->chunk_experts);
  fn("expert_budget", &p->expert_budget);
  fn("exit_blank", &p->exit_blank);
  fn("exit_block", &p->exit_block);
  fn("experts_per_frame", &p->experts_per_frame);
}

void CheckPolicy(const ExpertPolicy &p, const std::string &source, const ModelConfig &c) {
  const auto check_gates = [&](const char *name, const std::vector<float> &gates,
                               int32_t expected) {
    if (!gates.empty() && gates.size() != static_cast<size_t>(expected)) {
      throw DataError(source, ": ", name, " holds ", gates.size(), " thresholds for ", expected,
                      " mixtures");
    }
    for (float g : gates) {
      if (!std::isfinite(g) || g < 0)
        throw DataError(source, ": the threshold ", g, " in ", name, " is not 0 or more");
    }
  };
  check_gates("encoder_skip", p.encoder_skip, c.encoder.NumMixtures());
  check_gates("left_skip", p.left_skip, c.decoder.NumMixtures(false));
  check_gates("right_skip", p.right_skip, c.decoder.NumMixtures(true));
  if (p.chunk_experts < 0 || p.expert_budget < 0 || p.experts_per_frame < 0)
    throw DataError(source, ": a number of experts is negative");
  if (!std::isfinite(p.exit_blank) || p.exit_blank < 0)
    throw DataError(source, ": exit_blank ", p.exit_blank, " is not 0 or more");
  if (p.Exits() && (p.exit_block < 1 || p.exit_block >= c.encoder.num_blocks)) {
    throw DataError(source, ": exit_block ", p.exit_block, " is not one of 1 to ",
                    c.encoder.num_blocks - 1, ", with a block behind it");
  }
}

}  // namespace

bool ExpertPolicy::Skips() const {
  return AnySkip(encoder_skip) || AnySkip(left_skip) || AnySkip(right_skip);
}

std::string ExpertPolicy::ToString() const {
  if (IsPlain()) return "plain";
  std::vector<std::string> parts;
  if (Skips()) {
    parts.push_back(Cat("second experts skipped from first gates of: encoder ", Range(encoder_skip),
                        ", decoders ", Range(left_skip), " / ", Range(right_skip)));
  }
  if (experts_per_frame > 0) parts.push_back(Cat(experts_per_frame, " experts per frame"));
  if (chunk_experts > 0) parts.push_back(Cat(chunk_experts, " experts per chunk"));
  if (expert_budget > 0) parts.push_back(Cat("a budget of ", expert_budget, " experts per chunk"));
  if (Exits()) {
    parts.push_back(Cat("exit from blank probabilities of ", NumberToString(exit_blank), " after ",
                        exit_block, " blocks"));
  }
  return Join(parts, "; ");
}

std::string ExpertPolicy::ToJson() const {
  ordered_json object = ordered_json::object();
  VisitPolicy(this, [&](const char *name, const auto *value) { object[name] = *value; });
  // Younger than the others: programs that do not know it read all policies that do not use it.
  if (experts_per_frame == 0) object.erase("experts_per_frame");
  return object.dump();
}

ExpertPolicy ExpertPolicy::FromJson(const std::string &text, const std::string &source,
                                    const ModelConfig &config) {
  nlohmann::json object = ParseJson(text, source, 3);
  if (!object.is_object()) throw DataError(source, ": no JSON object");
  ExpertPolicy policy;
  VisitPolicy(&policy, [&](const char *name, auto *value) {
    const auto it = object.find(name);
    if (it == object.end()) return;  // what is not there does not limit
    try {
      it->get_to(*value);
    } catch (const nlohmann::json::exception &e) {
      throw DataError(source, ": ", name, " has a wrong type: ", e.what());
    }
    object.erase(it);
  });
  CheckUnknown(object, source);
  CheckPolicy(policy, source, config);
  return policy;
}

bool operator==(const ExpertPolicy &a, const ExpertPolicy &b) {
  const auto all = [](const ExpertPolicy &p) {
    return std::tie(p.encoder_skip, p.left_skip, p.right_skip, p.chunk_experts, p.expert_budget,
                    p.exit_blank, p.exit_block, p.experts_per_frame);
  };
  return all(a) == all(b);
}

void ExpertOptions::RegisterSkip(OptionParser *po) {
  po->Register("skip-second-gate", &skip_second_gate,
               "mixtures: a first gate from here on works alone, the other experts of the row are "
               "skipped; above 1: none is; -1: as moe-calibrate stored in the model, else none");
  po->Register(
      "experts-per-frame", &experts_per_frame,
      "mixtures: experts that work on a frame or token, the first that the router chooses, "
      "from 1 to as many as the model was made with (trained with nnet-train --elastic, it "
      "does well with any); 0: all; -1: as the model says, else all");
}

void ExpertOptions::Register(OptionParser *po) {
  RegisterSkip(po);
  RegisterEncoder(po);
}

void ExpertOptions::RegisterEncoder(OptionParser *po) {
  po->Register(
      "chunk-experts", &chunk_experts,
      "experts of each encoder mixture that are open to the frames of a chunk: those with "
      "the largest sums of gates; without chunks no limit; 0: all; -1: as the model says, else "
      "all");
  po->Register(
      "expert-budget", &expert_budget,
      "distinct experts of each encoder mixture that a chunk may use, loaded in falling "
      "order of gate; without chunks no limit; 0: any number; -1: as the model says, else any");
  po->Register("exit-blank", &exit_blank,
               "frames whose blank is at least that probable after --exit-block skip all experts "
               "of the blocks behind it; above 1: none; -1: as the model says, else none");
  po->Register("exit-block", &exit_block,
               "encoder blocks after which --exit-blank decides; -1: as the model says, else half");
}

void ExpertOptions::Check() const {
  const auto check = [](const char *name, float value) {
    if (value != -1 && !(value >= 0 && std::isfinite(value)))
      throw UsageError("--", name, "=", value, ": must be 0 or more, or -1 for the model's own");
  };
  check("skip-second-gate", skip_second_gate);
  if (experts_per_frame < -1) {
    throw UsageError("--experts-per-frame=", experts_per_frame,
                     ": must be 0 or more, or -1 for the model's own");
  }
  check("chunk-experts", static_cast<float>(chunk_experts));
  check("expert-budget", static_cast<float>(expert_budget));
  check("exit-blank", exit_blank);
  if (exit_block != -1 && exit_block < 1)
    throw UsageError("--exit-block=", exit_block, ": must be at least 1, or -1");
}

int32_t MostExpertsPerFrame(const ModelConfig &config, const std::string &option) {
  if (!config.HasMixtures()) throw UsageError(option, ": the model is dense");
  int32_t most = 0;
  config.ForEachMixture([&](const FeedForwardConfig &c) {
    const RouterTraits &traits = RouterTraitsOf(c.router);
    if (!traits.elastic) {
      throw UsageError(option, ": the router '", c.router, "' ",
                       traits.merges           ? "averages its experts"
                       : traits.decided_before ? "takes the one expert decided before all mixtures"
                       : traits.experts_choose ? "lets experts choose frames"
                                               : "does not choose experts frame by frame",
                       ", so that there is no first of several to keep");
    }
    most = std::max(most, c.experts_per_frame);
  });
  if (most == 1)
    throw UsageError(option, ": one expert of the model works on a frame, there are no others");
  return most;
}

ExpertPolicy ExpertOptions::Apply(const ModelConfig &c, ExpertPolicy p) const {
  Check();
  const bool encoder = c.encoder.NumMixtures() > 0;
  if (!encoder && (chunk_experts > 0 || expert_budget > 0 || (exit_blank >= 0 && exit_blank <= 1)))
    throw UsageError("the options of experts need mixtures: the model's encoder is dense");
  if (!c.HasMixtures() && skip_second_gate >= 0 && skip_second_gate <= 1)
    throw UsageError("--skip-second-gate=", skip_second_gate, ": the model is dense");
  bool has_second = false;
  c.ForEachMixture([&](const FeedForwardConfig &ffn) { has_second |= ffn.experts_per_frame > 1; });
  if (skip_second_gate >= 0 && skip_second_gate <= 1 && !has_second) {
    throw UsageError("--skip-second-gate=", skip_second_gate,
                     ": one expert of the model works on a frame, so there is no second to skip");
  }
  if (skip_second_gate >= 0) {
    const auto fill = [&](std::vector<float> *gates, int32_t count) {
      gates->assign(skip_second_gate <= 1 ? static_cast<size_t>(count) : 0, skip_second_gate);
    };
    fill(&p.encoder_skip, c.encoder.NumMixtures());
    fill(&p.left_skip, c.decoder.NumMixtures(false));
    fill(&p.right_skip, c.decoder.NumMixtures(true));
  }
  if (experts_per_frame > 0) {
    const std::string option = Cat("--experts-per-frame=", experts_per_frame);
    const int32_t most = MostExpertsPerFrame(c, option);
    if (experts_per_frame > most) {
      throw UsageError(option, ": the model was made with ", most,
                       " experts for a frame, and trained with no more");
    }
    p.experts_per_frame = experts_per_frame == most ? 0 : experts_per_frame;
  }
  if (experts_per_frame == 0) p.experts_per_frame = 0;
  if (chunk_experts >= 0) p.chunk_experts = chunk_experts;
  if (expert_budget >= 0) p.expert_budget = expert_budget;
  if (exit_blank >= 0) p.exit_blank = std::min(exit_blank, kNever);
  if (exit_block >= 0) p.exit_block = exit_block;
  if (p.Exits() && p.exit_block == 0) p.exit_block = std::max(1, c.encoder.num_blocks / 2);
  if (p.Exits() && p.exit_block >= c.encoder.num_blocks) {
    throw UsageError("--exit-block=", p.exit_block, ": the encoder has ", c.encoder.num_blocks,
                     " blocks, and one must be left to skip");
  }
  return p;
}

}  // namespace u2moe
