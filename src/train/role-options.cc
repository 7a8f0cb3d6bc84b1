#include "train/role-options.h"

#include <cmath>
#include <map>
#include <utility>

#include "util/text.h"

namespace u2moe {
namespace {

// Those that a model has parameters for.
constexpr ParamRole kRoles[] = {
    ParamRole::kRouter,    ParamRole::kExpert,      ParamRole::kFeedForward,
    ParamRole::kAttention, ParamRole::kConvolution, ParamRole::kEmbedding,
    ParamRole::kNorm,      ParamRole::kSubsampling, ParamRole::kOutput};

ParamRole RoleOf(const std::string &option, const std::string &name) {
  std::string known;
  for (const ParamRole role : kRoles) {
    if (name == ToString(role)) return role;
    known += Cat(known.empty() ? "" : ", ", ToString(role));
  }
  throw UsageError("--", option, ": ", Printable(name), " is no role of parameters; there is ",
                   known);
}

// "router=0.1,experts=0.5"
std::map<ParamRole, double> Numbers(const std::string &option, const std::string &text) {
  std::map<ParamRole, double> numbers;
  if (text.empty()) return numbers;
  for (const std::string &part : Split(text, ',')) {
    const size_t at = part.find('=');
    double value = 0;
    if (at == part.npos || !ParseNumber(part.substr(at + 1), &value) || !std::isfinite(value) ||
        value < 0) {
      throw UsageError("--", option, "=", text, ": ", Printable(part),
                       " is not role=number, with a number of 0 or more");
    }
    if (!numbers.emplace(RoleOf(option, part.substr(0, at)), value).second)
      throw UsageError("--", option, "=", text, " names ", part.substr(0, at), " twice");
  }
  return numbers;
}

std::map<ParamRole, double> Frozen(const std::string &text) {
  std::map<ParamRole, double> roles;
  if (text.empty()) return roles;
  for (const std::string &name : Split(text, ',')) roles[RoleOf("freeze", name)] = 0;
  return roles;
}

double Find(const std::map<ParamRole, double> &numbers, ParamRole role, double otherwise) {
  const auto it = numbers.find(role);
  return it == numbers.end() ? otherwise : it->second;
}

}  // namespace

void RoleOptions::Register(OptionParser *po) {
  po->Register(
      "freeze", &freeze,
      "what is not trained: a list, with commas, of router, experts, feed-forward, "
      "attention, convolution, embedding, norm, subsampling, output. With norm, the running "
      "statistics of batch norm stay as well");
  po->Register("role-rates", &role_rates,
               "what the learning rate is multiplied by, by role: router=0.1,experts=0.5; roles as "
               "in --freeze, the others have 1");
  po->Register("weight-decay", &weight_decay,
               "AdamW: in each step a weight loses this share of itself times the learning rate");
  po->Register("role-decays", &role_decays,
               "the same by role, in place of --weight-decay: norm=0,experts=0.1");
}

void RoleOptions::Check() const {
  if (!(weight_decay >= 0 && std::isfinite(weight_decay)))
    throw UsageError("--weight-decay=", weight_decay, ": expected 0 or more");
  const auto frozen = Frozen(freeze);
  for (const auto &[option, numbers] :
       {std::make_pair("role-rates", Numbers("role-rates", role_rates)),
        std::make_pair("role-decays", Numbers("role-decays", role_decays))}) {
    for (const auto &[role, value] : numbers) {
      if (frozen.count(role) > 0) {
        throw UsageError("--", option, " names ", ToString(role), ", which --freeze=", freeze,
                         " leaves as it is");
      }
    }
  }
}

std::string RoleOptions::Identity() const {
  std::string text;
  if (!freeze.empty()) text += " freeze=" + freeze;
  if (!role_rates.empty()) text += " role-rates=" + role_rates;
  if (weight_decay != 0) text += Cat(" weight-decay=", weight_decay);
  if (!role_decays.empty()) text += " role-decays=" + role_decays;
  return text;
}

bool RoleOptions::IsFrozen(ParamRole role) const { return Frozen(freeze).count(role) > 0; }

double RoleOptions::Rate(ParamRole role) const {
  return Find(Numbers("role-rates", role_rates), role, 1);
}

double RoleOptions::Decay(ParamRole role) const {
  return Find(Numbers("role-decays", role_decays), role, weight_decay);
}

std::string RoleOptions::Describe(AsrModel *model) const {
  std::map<ParamRole, int64_t> sizes;
  const std::vector<ParamUse> uses = TrainableUses(model);
  const std::vector<Tensor *> tensors = TrainableTensors(model);
  for (size_t i = 0; i < uses.size(); ++i) sizes[uses[i].role] += tensors[i]->Size();
  std::string has;
  for (const auto &[role, size] : sizes) has += Cat(has.empty() ? "" : ", ", ToString(role));
  for (const auto &[option, named] :
       {std::make_pair("freeze", Frozen(freeze)),
        std::make_pair("role-rates", Numbers("role-rates", role_rates)),
        std::make_pair("role-decays", Numbers("role-decays", role_decays))}) {
    for (const auto &[role, value] : named) {
      if (sizes.count(role) == 0)
        throw UsageError("--", option, ": the model has no ", ToString(role), "; it has ", has);
    }
  }
  std::string trained, frozen;
  for (const auto &[role, size] : sizes) {
    if (IsFrozen(role)) {
      frozen += Cat(frozen.empty() ? "" : ", ", ToString(role), " ", size);
      continue;
    }
    trained += Cat(trained.empty() ? "" : ", ", ToString(role), " ", size);
    if (Rate(role) != 1) trained += Cat(" at ", Rate(role), " of the rate");
    if (Decay(role) != 0) trained += Cat(" with decay ", Decay(role));
  }
  if (trained.empty()) throw UsageError("--freeze=", freeze, ": nothing is left to be trained");
  return Cat("trained parameters: ", trained, frozen.empty() ? "" : "; frozen: " + frozen);
}

std::vector<Tensor *> TrainableTensors(AsrModel *model) {
  std::vector<Tensor *> tensors;
  ForEachParam(model,
               [&tensors](const std::string &, Tensor *t, const ParamInit &, bool trainable) {
                 if (trainable) tensors.push_back(t);
               });
  return tensors;
}

std::vector<ParamUse> TrainableUses(AsrModel *model) {
  std::vector<ParamUse> uses;
  const auto add = [&](const ParamInfo &info) {
    if (info.trainable) uses.push_back(info.use);
  };
  ForEachParamOrPacked(
      model, [&](const ParamInfo &info, Tensor *) { add(info); },
      [&](const ParamInfo &info, Tensor *, PackedMatrix *) { add(info); });
  return uses;
}

void DropGradients(double draw, AsrModel *grad) {
  const std::vector<Tensor *> tensors = TrainableTensors(grad);
  const std::vector<ParamUse> uses = TrainableUses(grad);
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (draw >= uses[i].steps) tensors[i]->SetZero();
  }
}

}  // namespace u2moe
