// What of a model is trained, and how, by what its parameters are for.
#ifndef U2MOE_TRAIN_ROLE_OPTIONS_H_
#define U2MOE_TRAIN_ROLE_OPTIONS_H_

#include <string>
#include <vector>

#include "model/asr-model.h"
#include "util/options.h"

namespace u2moe {

struct RoleOptions {
  std::string freeze;       // "router,experts": roles that stay as they are
  std::string role_rates;   // "router=0.1": what the learning rate of a role is multiplied by
  double weight_decay = 0;  // of AdamW, of all roles but
  std::string role_decays;  // "norm=0": those that have their own

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // " name=value" for each that is not the default: results depend on all.
  std::string Identity() const;

  bool IsFrozen(ParamRole role) const;
  double Rate(ParamRole role) const;
  double Decay(ParamRole role) const;
  // Which roles of the model are trained, with how many parameters and how, and which are not: one
  // line. Throws UsageError for a role that the model does not have, and where nothing is trained.
  std::string Describe(AsrModel *model) const;
};

// The trainable tensors of a model, in the order of VisitParams, and what each is for.
std::vector<Tensor *> TrainableTensors(AsrModel *model);
std::vector<ParamUse> TrainableUses(AsrModel *model);

// Takes away the gradients of what is trained in a share of the steps only (ParamUse::steps), but
// where the share is larger than `draw`, a uniform number from [0, 1) for each step.
void DropGradients(double draw, AsrModel *grad);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_ROLE_OPTIONS_H_
