#include "modelfile/quantize.h"

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "layer/param-visitor.h"
#include "util/text.h"

namespace u2moe {
namespace {

void CheckGroupSize(int32_t group_size) {
  if (group_size >= -1 && (group_size <= 0 || group_size % 8 == 0)) return;
  throw UsageError(
      "--group-size=", group_size,
      ": must be a multiple of 8, 0 for one group, or -1 for what the format suggests");
}

constexpr char kGroupSizeHelp[] =
    "inputs that share a scale, a multiple of 8; 0: all; -1: 64 for int4, all for int8";

bool HasCodes(WeightFormat format) {
  return format == WeightFormat::kInt8 || format == WeightFormat::kInt4;
}

}  // namespace

int64_t GroupSize(int32_t option, WeightFormat format) {
  if (!HasCodes(format)) return 0;
  return option >= 0 ? option : format == WeightFormat::kInt4 ? 64 : 0;
}

void QuantizeOptions::Register(OptionParser *po) {
  po->Register("weights", &weights,
               "float32 (packed only: the model is ready at once), bfloat16, int8 or int4");
  po->Register("group-size", &group_size, kGroupSizeHelp);
  po->Register(
      "what", &what,
      "experts; ffn: all feed-forward layers; linear: all linear maps; all: subsampling too. "
      "Routers stay float32");
}

void QuantizeOptions::Check() const {
  ParseWeightFormat(weights);
  CheckGroupSize(group_size);
  if (what != "experts" && what != "ffn" && what != "linear" && what != "all")
    throw UsageError("--what=", what, ": expected experts, ffn, linear or all");
}

std::string QuantizeOptions::ToString() const {
  return Cat("weights=", weights, " group-size=", GroupSize(group_size, Format()), " what=", what);
}

std::optional<PackFormat> QuantizeOptions::PackingOf(ParamRole role) const {
  const PackFormat asked{Format(), GroupSize(group_size, Format())};
  if (role == ParamRole::kSubsampling)
    return what == "all" ? std::optional<PackFormat>(asked) : std::nullopt;
  const bool chosen =
      MayBeQuantized(role) && (what == "linear" || what == "all" || role == ParamRole::kExpert ||
                               (what == "ffn" && role == ParamRole::kFeedForward));
  return chosen ? asked : PackFormat();
}

double PackedKind::RelativeError() const { return norm > 0 ? std::sqrt(error / norm) : 0; }

std::map<std::string, PackedKind> QuantizeModel(const std::string &rxfilename,
                                                const std::string &wxfilename,
                                                const QuantizeOptions &opts) {
  ModelInfo info;
  std::unique_ptr<AsrModel> model = ReadModel(rxfilename, &info);
  if (opts.what == "experts" && !info.config.HasMixtures()) {
    throw UsageError("--what=experts: ", rxfilename, " is a dense model; try --what=ffn");
  }
  AddHistory("nnet-quantize", {{"model", rxfilename}, {"options", opts.ToString()}}, &info);
  std::map<std::string, PackedKind> kinds;
  PackOnWrite pack;
  pack.will_pack = [&](ParamRole role) { return opts.PackingOf(role); };
  pack.pack = [&](const ParamInfo &param, const Tensor &weight) {
    const PackFormat format = *opts.PackingOf(param.use.role);
    PackedMatrix packed;
    try {
      packed = PackedMatrix::Pack(weight, format.format, format.group_size);
    } catch (const DataError &e) {
      throw DataError(rxfilename, ": the tensor ", param.name, ": ", e.what());
    }
    PackedKind &kind = kinds[ToString(param.use.role)];
    kind.format = format.format;
    kind.packed = true;
    kind.parameters += weight.Size();
    kind.bytes += packed.Bytes();
    if (format.format != WeightFormat::kFloat32) {
      const Tensor values = packed.Unpack();
      for (int64_t i = 0; i < weight.Size(); ++i) {
        const double w = weight.Data()[i], difference = w - values.Data()[i];
        kind.error += difference * difference;
        kind.norm += w * w;
      }
    }
    return packed;
  };
  WriteModel(wxfilename, std::move(model), info, pack);
  return kinds;
}

std::map<std::string, PackedKind> WeightsByKind(AsrModel *model) {
  std::map<std::string, PackedKind> kinds;
  ForEachParamOrPacked(
      model, [](const ParamInfo &, Tensor *) {},
      [&](const ParamInfo &info, Tensor *weight, PackedMatrix *packed) {
        PackedKind &kind = kinds[ToString(info.use.role)];
        kind.packed = !packed->Empty();
        if (kind.packed) {
          kind.format = packed->Format();
          kind.parameters += packed->Rows() * packed->Cols();
          kind.bytes += packed->Bytes();
        } else {
          kind.parameters += weight->Size();
          kind.bytes += weight->Size() * static_cast<int64_t>(sizeof(float));
        }
      });
  return kinds;
}

void PrecisionOptions::Register(OptionParser *po) {
  po->Register(
      "precision", &precision,
      "numbers to compute with: float32, bfloat16, int8 or int4; weights are packed so when "
      "the model is read. By default what nnet-quantize has put into the file, or float32");
  po->Register("group-size", &group_size, kGroupSizeHelp);
}

void PrecisionOptions::Check() const {
  if (!precision.empty()) ParseWeightFormat(precision);
  CheckGroupSize(group_size);
}

std::unique_ptr<AsrModel> ReadModelForInference(const Context &ctx, const std::string &rxfilename,
                                                const PrecisionOptions &opts, ModelInfo *info,
                                                std::string *precision, ModelPart part) {
  std::unique_ptr<AsrModel> model = ReadModel(rxfilename, info, PackedWeights::kAllow);
  const auto formats = [&] {
    std::set<std::string> names;
    for (const auto &[kind, weights] : WeightsByKind(model.get())) {
      if (weights.packed && kind != ToString(ParamRole::kRouter))
        names.insert(ToString(weights.format));
    }
    std::string joined;
    for (const std::string &name : names) joined += (joined.empty() ? "" : "+") + name;
    return joined;
  };
  const std::string held = formats();
  if (!held.empty() && !opts.precision.empty() && opts.precision != held) {
    throw UsageError("--precision=", opts.precision, ": ", rxfilename, " holds weights of ", held,
                     "; leave the option out, or give the float32 model that it was made from");
  }
  const WeightFormat format =
      opts.precision.empty() ? WeightFormat::kFloat32 : ParseWeightFormat(opts.precision);
  if (!ctx.OnHost()) MoveToDevice(ctx, model.get());
  model->PrepareForInference(ctx, format, GroupSize(opts.group_size, format), part);
  *precision = formats();
  return model;
}

}  // namespace u2moe
