// The weights of a WeNet model; wenet-import.cc reads its configuration.
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "layer/param-visitor.h"
#include "modelfile/safetensors.h"
#include "modelfile/wenet-import.h"
#include "util/text.h"

namespace u2moe {
namespace {

// A WeNet tensor that this model has no place for and does not need.
bool PassOver(const WenetConfig &config, const std::string &name) {
  return EndsWith(name, ".pe") || EndsWith(name, ".num_batches_tracked") ||
         // WeNet makes a right-to-left decoder without blocks where r_num_blocks is 0.
         (config.info.config.decoder.num_reverse_blocks == 0 &&
          StartsWith(name, "decoder.right_decoder."));
}

// What all names begin with before WeNet's own: "module." as torch's DataParallel writes them,
// "_orig_mod." as torch.compile does, "model." of a trainer around it, several of these; or "".
std::string CommonPrefix(const SafetensorsFile &file) {
  const std::string known = "ctc.ctc_lo.weight";  // which every model has
  std::string prefix;
  const std::string *with = nullptr;
  for (const auto &item : file.Entries()) {
    const std::string &name = item.first;
    if (name == known) return "";
    if (!EndsWith(name, "." + known)) continue;
    with = &name;
    prefix = name.substr(0, name.size() - known.size());
  }
  if (with == nullptr) return "";
  for (const auto &item : file.Entries()) {
    if (StartsWith(item.first, prefix)) continue;
    throw DataError(file.Name(), ": the tensor ", Printable(*with, 200), " has the prefix ",
                    Printable(prefix, 200), ", but ", Printable(item.first, 200),
                    " has not; save the weights of one model, under one kind of names");
  }
  LOG_INFO << file.Name() << ": all names begin with " << Printable(prefix, 200)
           << ", as DataParallel, torch.compile and trainers write them; read without it";
  return prefix;
}

// Which setting of the configuration the shape of a tensor follows from, where it is one that
// stands alone.
std::string SettingOf(const std::string &name) {
  if (StartsWith(name, "encoder.global_cmvn.")) return " (input_dim)";
  if (StartsWith(name, "ctc.") || name.find(".output_layer.") != std::string::npos ||
      EndsWith(name, "decoder.embed.0.weight")) {
    return " (output_dim)";
  }
  return "";
}

// The statistics of the weights are in the model: what the configuration says of them agrees.
void CompareCmvn(const WenetConfig &config, const std::string &weights, AsrModel *model) {
  if (!config.needs_cmvn) {
    LOG_WARN << weights << ": has encoder.global_cmvn tensors, but " << config.source
             << " asks for no CMVN (cmvn); the tensors are used";
  }
  if (!config.cmvn) return;
  ForEachParam(model, [&](const std::string &name, Tensor *tensor, const ParamInit &, bool) {
    if (!StartsWith(name, "encoder.global_cmvn.")) return;
    const bool means = EndsWith(name, ".mean");
    const std::vector<double> &values = means ? config.cmvn->mean : config.cmvn->istd;
    for (size_t i = 0; i < values.size(); ++i) {
      const double theirs = tensor->Data()[i];
      if (std::abs(theirs - values[i]) <= 1e-3 * std::max(1.0, std::abs(values[i]))) continue;
      throw DataError(config.source, ": cmvn.", means ? "mean" : "istd", "[", i, "] is ", values[i],
                      ", but ", theirs, " by ", weights, "; do the two belong together?");
    }
  });
}

}  // namespace

std::unique_ptr<AsrModel> ImportWenet(const WenetConfig &config, const std::string &weights) {
  const SafetensorsFile file(weights);
  if (MinModelFloats(config.info.config) > file.NumValues()) {
    throw DataError(weights, ": too small for the model of ", config.source,
                    "; do the two belong together?");
  }
  const std::string prefix = CommonPrefix(file);
  auto model = std::make_unique<AsrModel>(config.info.config);
  std::set<std::string> used;
  std::map<std::string, int> converted;  // by type
  bool has_cmvn = true;
  ForEachParam(
      model.get(), [&](const std::string &name, Tensor *tensor, const ParamInit &init, bool) {
        std::string theirs = name;
        const std::string left = "decoder.left_decoder.";
        if (!config.bitransformer && StartsWith(name, left))
          theirs = "decoder." + name.substr(left.size());
        theirs = prefix + theirs;
        const auto entry = file.Entries().find(theirs);
        if (entry == file.Entries().end()) {
          if (!StartsWith(name, "encoder.global_cmvn.")) {
            throw DataError(weights, ": the tensor ", theirs, " is missing, which the model of ",
                            config.source, " has");
          }
          has_cmvn = false;
          std::fill_n(tensor->Data(), tensor->Size(), static_cast<float>(init.value));
          return;
        }
        if (entry->second.shape != tensor->Shape()) {
          throw DataError(weights, ": the tensor ", theirs, " has shape ",
                          ShapeString(entry->second.shape), ", but by ", config.source,
                          SettingOf(name), " it should have ", tensor->ShapeString());
        }
        Tensor values = file.AsFloats(theirs);
        if (entry->second.dtype != "F32") ++converted[entry->second.dtype];
        for (int64_t i = 0; i < values.Size(); ++i) {
          if (!std::isfinite(values.Data()[i])) {
            throw DataError(weights, ": the tensor ", theirs,
                            " holds a value that is not finite in float32; the training diverged");
          }
        }
        *tensor = std::move(values);
        used.insert(theirs);
      });
  for (const auto &[name, entry] : file.Entries()) {
    if (used.count(name) > 0 || PassOver(config, name.substr(prefix.size()))) continue;
    throw DataError(weights, ": the tensor ", Printable(name, 200), " ", ShapeString(entry.shape),
                    " belongs to no part of the model of ", config.source,
                    "; do the two belong together?");
  }
  for (const auto &[type, count] : converted) {
    LOG_INFO << weights << ": " << count << " tensors of " << type
             << (type == "F64" ? " rounded to float32" : " read as float32, without any loss");
  }
  if (has_cmvn) {
    CompareCmvn(config, weights, model.get());
  } else {
    if (config.cmvn) {
      SetGlobalCmvn(*config.cmvn, config.source, model.get());
    } else if (config.needs_cmvn) {
      throw DataError(weights, ": has no encoder.global_cmvn tensors, and ", config.source,
                      " does not hold the values either; give them with --cmvn");
    }
  }
  return model;
}

}  // namespace u2moe
