#include "train/route-teacher.h"

#include <cmath>
#include <utility>

#include "base/error.h"
#include "layer/dense-tape.h"
#include "model/mixture-names.h"
#include "model/whole-only.h"
#include "moe/read-me-target.h"
#include "tensor/transfer.h"
#include "train/teacher.h"

namespace u2moe {
namespace {

// neurons [E, h], ids below width -> for each expert those that are not in all of them; empty where
// all experts have the same. Throws UsageError that begins with where.
std::vector<std::vector<bool>> Exclusive(const Tensor &neurons, int64_t width,
                                         const std::string &where) {
  std::vector<std::vector<bool>> has(static_cast<size_t>(neurons.Rows()),
                                     std::vector<bool>(static_cast<size_t>(width), false));
  for (int64_t e = 0; e < neurons.Rows(); ++e) {
    for (int64_t i = 0; i < neurons.Cols(); ++i) {
      const double id = static_cast<double>(neurons(e, i));
      if (!(id >= 0 && id < static_cast<double>(width)) || id != std::floor(id)) {
        throw UsageError(where, " was cut out of neuron ", id, ", and the teacher's layer has ",
                         width, "; give the model that moe-convert read");
      }
      has[static_cast<size_t>(e)][static_cast<size_t>(id)] = true;
    }
  }
  size_t shared = 0;
  for (size_t c = 0; c < static_cast<size_t>(width); ++c) {
    bool all = true;
    for (const std::vector<bool> &expert : has) all &= expert[c];
    if (!all) continue;
    ++shared;
    for (std::vector<bool> &expert : has) expert[c] = false;
  }
  if (static_cast<int64_t>(shared) >= neurons.Cols()) has.clear();
  return has;
}

}  // namespace

RouteTeacher::RouteTeacher(std::unique_ptr<AsrModel> model, const ModelConfig &student_config,
                           AsrModel *student, const std::string &source)
    : model_(std::move(model)) {
  const EncoderConfig &a = model_->Config().encoder, &b = student_config.encoder;
  const auto check = [&](const char *what, int64_t theirs, int64_t ours) {
    if (theirs == ours) return;
    throw UsageError(source, ": its ", what, " is ", theirs, ", the trained model's ", ours,
                     "; give the model that moe-convert read");
  };
  check("feature-dim", a.feature_dim, b.feature_dim);
  check("subsampling", a.subsampling, b.subsampling);
  check("num-blocks", a.num_blocks, b.num_blocks);
  const std::string whole_only = WhyWholeOnly(a);
  if (b.dynamic_chunk && !whole_only.empty()) {
    throw UsageError(source, ": ", whole_only,
                     ", but the trained model hears chunks (dynamic-chunk=true), and its teacher "
                     "the same");
  }
  std::map<std::string, Tensor *> neurons;
  ForEachParam(student, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    neurons[name] = t;
  });
  bool was_cut = false;
  b.ForEachMixture([&](int32_t block, bool macaron, const FeedForwardConfig &ffn) {
    const int mixture = 2 * block + (macaron ? 0 : 1);
    const std::string name = EncoderLayerName(mixture);
    const auto found = neurons.find(name + ".neurons");
    if (ffn.bank != "neuron-groups" || found == neurons.end()) return;
    const Tensor &ids = *found->second;
    if (ids(0, 0) < 0) return;  // it was not cut out of a dense layer
    const FeedForwardConfig &dense = a.FeedForwardOf(block, macaron);
    if (dense.num_experts > 0) {
      throw UsageError(source, ": ", name,
                       " is a mixture, so it is not the dense model that the trained one was cut "
                       "out of");
    }
    was_cut = true;
    auto exclusive = Exclusive(ids, dense.hidden_dim, Cat(source, ": ", name));
    if (!exclusive.empty()) exclusive_[mixture] = std::move(exclusive);
  });
  if (was_cut && exclusive_.empty()) {
    throw UsageError(source,
                     ": all experts of a mixture have the same neurons of it, in all mixtures, so "
                     "that nothing tells which is wanted; convert with a smaller --keep-share");
  }
  if (exclusive_.empty()) {
    throw UsageError(source,
                     ": no mixture of the trained model's encoder says which neurons of a dense "
                     "layer its experts were; make it with moe-convert --method=read-me or "
                     "moefication");
  }
}

void RouteTeacher::ForEachDemand(const Context &ctx, const AttentionMask &mask, ConstView feats,
                                 const RaggedShape &shape, const Use &use) const {
  ForwardMode mode;
  mode.mask = mask;
  Encoder::Tape tape;
  Tensor out;
  RaggedShape out_shape;
  try {
    model_->Encoder().Forward(ctx, mode, feats, shape, &out, &out_shape, &tape, nullptr);
  } catch (const DataError &e) {
    throw DataError("the teacher of the routes: ", e.what());
  }
  for (const auto &[mixture, exclusive] : exclusive_) {
    const ConformerBlock::Tape &block = tape.blocks[static_cast<size_t>(mixture / 2)];
    const auto &layer =
        dynamic_cast<const DenseTape &>(mixture % 2 == 0 ? *block.macaron_ffn : *block.final_ffn);
    use(mixture, ReadMeDemand(MatrixOnHost(ctx, layer.after).View(), exclusive));
  }
}

void RouteTeacherOptions::Register(OptionParser *po) {
  po->RegisterInput("route-teacher", &route_teacher,
                    "the dense model that moe-convert --method=read-me or moefication cut the "
                    "encoder's experts out of: routers learn which expert has the neurons that it "
                    "uses most at a frame");
  po->Register("route-teacher-weight", &route_teacher_weight,
               "what the mean over frames of the cross entropy from the teacher's choice, summed "
               "over the mixtures, counts; --aux-schedule schedules it, too");
}

void RouteTeacherOptions::Check() const {
  if (!(route_teacher_weight > 0 && std::isfinite(route_teacher_weight))) {
    throw UsageError("--route-teacher-weight=", route_teacher_weight,
                     ": expected a positive number");
  }
}

void RouteTeacherOptions::Load(const Context &ctx, const ModelInfo &info, AsrModel *student) {
  if (route_teacher.empty()) return;
  std::unique_ptr<AsrModel> read = ReadModel(route_teacher, nullptr);
  CheckFiniteWeights(read.get(), route_teacher);
  fingerprint_ = DescribeModel(read.get());
  if (!ctx.OnHost()) MoveToDevice(ctx, read.get());
  model = std::make_shared<const RouteTeacher>(std::move(read), info.config, student,
                                               Cat("--route-teacher=", route_teacher));
}

std::string RouteTeacherOptions::Identity() const {
  if (model == nullptr) return "";
  return Cat(" route-teacher=", fingerprint_, " route-teacher-weight=", route_teacher_weight);
}

}  // namespace u2moe
