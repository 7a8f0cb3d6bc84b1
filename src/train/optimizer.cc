#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "modelfile/safetensors.h"
#include "ops/elementwise.h"

namespace u2moe {

double WarmupLearningRate(double lr, int64_t warmup_steps, int64_t step) {
  CHECK_GE(step, 1);
  if (warmup_steps == 0) return lr;
  const double n = static_cast<double>(std::max<int64_t>(1, step - 1)),
               w = static_cast<double>(warmup_steps);
  return lr * std::sqrt(w) * std::min(1 / std::sqrt(n), n * std::pow(w, -1.5));
}

Optimizer::Optimizer(const AdamOptions &opts, double grad_clip, AsrModel *model,
                     const RoleOptions &roles)
    : opts_(opts), grad_clip_(grad_clip) {
  const std::vector<ParamUse> uses = TrainableUses(model);
  size_t place = 0;
  ForEachParam(model, [&](const std::string &name, Tensor *t, const ParamInit &, bool trainable) {
    if (!trainable) return;
    const size_t at = place++;
    const ParamRole role = uses.at(at).role;
    if (roles.IsFrozen(role) || uses[at].steps == 0) return;
    places_.push_back(at);
    rates_.push_back(roles.Rate(role));
    decays_.push_back(roles.Decay(role));
    names_.push_back(name);
    params_.push_back(t);
    m_.push_back(Tensor::ZerosLike(*t));
    v_.push_back(Tensor::ZerosLike(*t));
  });
}

double Optimizer::Step(const Context &ctx, double learning_rate, AsrModel *grad) {
  const std::vector<Tensor *> all = TrainableTensors(grad);
  std::vector<Tensor *> grads;
  for (const size_t place : places_) grads.push_back(all.at(place));
  double squares = 0;
  for (const Tensor *g : grads) squares += SumOfSquares(ctx, *g);
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    ++num_skipped_;
    return norm;
  }
  ++num_steps_;
  const double scale = grad_clip_ > 0 ? std::min(1.0, grad_clip_ / (norm + 1e-6)) : 1.0;
  for (size_t i = 0; i < params_.size(); ++i) {
    const double rate = learning_rate * rates_[i];
    if (decays_[i] > 0) ScaleBy(ctx, static_cast<float>(1 - rate * decays_[i]), *params_[i]);
    AdamUpdate(ctx, opts_, num_steps_, static_cast<float>(rate), static_cast<float>(scale),
               *grads[i], *params_[i], m_[i], v_[i]);
  }
  return norm;
}

void Optimizer::Save(const std::string &path) const {
  std::vector<std::pair<std::string, const Tensor *>> tensors;
  for (size_t i = 0; i < names_.size(); ++i) {
    tensors.emplace_back("m." + names_[i], &m_[i]);
    tensors.emplace_back("v." + names_[i], &v_[i]);
  }
  WriteSafetensors(
      path, tensors,
      {{"optimizer", "adam"}, {"steps", Cat(num_steps_)}, {"skipped", Cat(num_skipped_)}});
}

void Optimizer::Load(const Context &ctx, const std::string &path) {
  const SafetensorsFile file(path);
  const auto &metadata = file.Metadata();
  if (metadata.count("optimizer") == 0 || metadata.count("steps") == 0 ||
      metadata.count("skipped") == 0) {
    throw DataError(path, ": not an optimizer state of nnet-train; remove it to begin anew");
  }
  if (file.Entries().size() > 2 * names_.size()) {
    throw DataError(path, ": has ", file.Entries().size(), " tensors for ", names_.size(),
                    " parameters; it belongs to another model");
  }
  for (size_t i = 0; i < names_.size(); ++i) {
    for (const auto &[prefix, moments] : {std::make_pair("m.", &m_), std::make_pair("v.", &v_)}) {
      Tensor read = file.Floats(prefix + names_[i]);
      if (read.Shape() != params_[i]->Shape()) {
        throw DataError(path, ": ", prefix, names_[i], " has shape ", read.ShapeString(),
                        ", the model ", params_[i]->ShapeString(), "; it belongs to another model");
      }
      (*moments)[i] = read.ToDevice(ctx);  // a copy, so that the mapping can go
    }
  }
  num_steps_ = std::strtoll(metadata.at("steps").c_str(), nullptr, 10);
  num_skipped_ = std::strtoll(metadata.at("skipped").c_str(), nullptr, 10);
}

}  // namespace u2moe
