#include "model/model-file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/error.h"
#include "base/rng.h"
#include "layer/param-visitor.h"
#include "model/safetensors.h"
#include "util/json.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::json;

constexpr char kFormat[] = "u2moe";
constexpr int32_t kVersion = 1;

const std::string &GetMetadata(const SafetensorsFile &file, const char *key) {
  auto it = file.Metadata().find(key);
  if (it == file.Metadata().end()) {
    throw DataError(file.Name(), ": the header's metadata lacks \"", key,
                    "\"; the model file is damaged");
  }
  return it->second;
}

json ParseMetadata(const SafetensorsFile &file, const char *key) {
  return ParseJson(GetMetadata(file, key), file.Name() + ": metadata " + key);
}

ModelInfo ParseInfo(const SafetensorsFile &file) {
  const std::string &name = file.Name();
  auto format = file.Metadata().find("format");
  if (format == file.Metadata().end() || format->second != kFormat) {
    throw DataError(
        name,
        ": is a safetensors file but no u2moe model; nnet-import makes a model of WeNet's weights");
  }
  int32_t version;
  if (!ParseNumber(GetMetadata(file, "version"), &version) || version < 1 || version > kVersion) {
    throw DataError(name, ": model file version ", Printable(GetMetadata(file, "version")),
                    "; this program reads 1 to ", kVersion, ", so update it");
  }
  ModelInfo info;
  try {
    info.config =
        ModelOptions::FromJson(GetMetadata(file, "config"), name + ": metadata config").Config();
    for (const json &unit : ParseMetadata(file, "units"))
      info.units.push_back(unit.get<std::string>());
    const json features = ParseMetadata(file, "features");
    for (const auto &item : features.items())
      info.features[item.key()] = item.value().get<std::string>();
    info.history = GetMetadata(file, "history");
    CheckModelInfo(info);
  } catch (const UsageError &e) {
    throw DataError(name, ": metadata: ", e.what());
  } catch (const json::exception &e) {
    throw DataError(name, ": units or features in the metadata have a wrong type: ", e.what());
  }
  return info;
}

double FeatureOption(const ModelInfo &info, const std::string &name, double otherwise) {
  auto it = info.features.find(name);
  if (it == info.features.end()) return otherwise;
  double value;
  if (!ParseNumber(it->second, &value))
    throw UsageError("feature option ", name, "=", it->second, " is no number");
  return value;
}

}  // namespace

void CheckModelInfo(const ModelInfo &info) {
  if (!info.units.empty() && info.units.size() != static_cast<size_t>(info.config.vocab_size)) {
    throw UsageError("there are ", info.units.size(),
                     " units, but vocab-size=", info.config.vocab_size);
  }
  std::set<std::string> seen;
  for (const std::string &unit : info.units) {
    if (unit.empty() || std::any_of(unit.begin(), unit.end(), IsSpace)) {
      throw UsageError("the unit '", Printable(unit), "' is empty or holds a space");
    }
    if (!IsValidUtf8(unit)) throw UsageError("the unit '", Printable(unit), "' is not valid UTF-8");
    if (!seen.insert(unit).second) throw UsageError("the unit '", unit, "' stands twice");
  }
  if (!info.features.empty()) {
    // 23 and false are the defaults of compute-fbank-feats.
    auto energy = info.features.find("use-energy");
    const double dim =
        FeatureOption(info, "num-mel-bins", 23) +
        (energy != info.features.end() && (energy->second == "true" || energy->second == "1") ? 1
                                                                                              : 0);
    if (dim != info.config.encoder.feature_dim) {
      throw UsageError("the feature options give ", dim,
                       " dimensions (num-mel-bins, and use-energy), but feature-dim=",
                       info.config.encoder.feature_dim);
    }
    if (!(FeatureOption(info, "sample-frequency", 16000) > 0))
      throw UsageError("sample-frequency is not positive");
  }
  try {
    if (ParseJson(info.history, "history").is_array()) return;
  } catch (const DataError &e) {
    throw UsageError(e.what());
  }
  throw UsageError("the history is no JSON array");
}

std::unique_ptr<AsrModel> ReadModel(const std::string &rxfilename, ModelInfo *info) {
  const SafetensorsFile file(rxfilename);
  ModelInfo own = ParseInfo(file);
  const double floats = MinModelFloats(own.config);
  if (floats * sizeof(float) > static_cast<double>(file.DataBytes())) {
    throw DataError(
        rxfilename, ": its config asks for ", floats, " parameters or more, but it holds ",
        file.DataBytes() / static_cast<int64_t>(sizeof(float)), "; the model file is damaged");
  }
  auto model = std::make_unique<AsrModel>(own.config);
  size_t used = 0;
  ForEachParam(model.get(), [&](const std::string &name, Tensor *tensor, const ParamInit &, bool) {
    if (file.Entries().count(name) == 0) {
      throw DataError(rxfilename, ": the tensor ", name,
                      " is missing; the file does not fit its own config");
    }
    Tensor floats = file.Floats(name);
    if (floats.Shape() != tensor->Shape()) {
      throw DataError(rxfilename, ": the tensor ", name, " has shape ", floats.ShapeString(),
                      ", but its config asks for ", tensor->ShapeString());
    }
    *tensor = std::move(floats);
    ++used;
  });
  if (used != file.Entries().size()) {
    std::set<std::string> names;
    ForEachParam(model.get(), [&](const std::string &name, Tensor *, const ParamInit &, bool) {
      names.insert(name);
    });
    for (const auto &[name, entry] : file.Entries()) {
      if (names.count(name) == 0) {
        throw DataError(rxfilename, ": the tensor ", Printable(name, 200),
                        " belongs to no part of the model that its "
                        "config describes; ",
                        file.Entries().size(), " tensors, expected ", used);
      }
    }
  }
  if (info != nullptr) *info = std::move(own);
  return model;
}

ModelInfo ReadModelInfo(const std::string &rxfilename) {
  return ParseInfo(SafetensorsFile(rxfilename));
}

void WriteModel(const std::string &wxfilename, AsrModel *model, const ModelInfo &info) {
  ModelInfo checked = info;
  checked.config = model->Config();
  CheckModelInfo(checked);
  const std::map<std::string, std::string> metadata = {
      {"format", kFormat},
      {"version", std::to_string(kVersion)},
      {"config", ModelOptions(checked.config).ToJson()},
      {"units", json(checked.units).dump()},
      {"features", json(checked.features).dump(-1, ' ', false, json::error_handler_t::replace)},
      {"history", checked.history}};
  std::vector<std::pair<std::string, const Tensor *>> tensors;
  ForEachParam(model, [&](const std::string &name, Tensor *tensor, const ParamInit &, bool) {
    tensors.emplace_back(name, tensor);
  });
  WriteSafetensors(wxfilename, tensors, metadata);
}

void InitModel(AsrModel *model, uint64_t seed) {
  ForEachParam(model, [&](const std::string &name, Tensor *tensor, const ParamInit &init, bool) {
    Rng rng(SubSeed(seed, name));
    float *data = tensor->Data();
    for (int64_t i = 0; i < tensor->Size(); ++i) {
      switch (init.kind) {
        case ParamInit::Kind::kConstant:
          data[i] = static_cast<float>(init.value);
          break;
        case ParamInit::Kind::kUniform:
          data[i] = static_cast<float>(rng.Uniform(-init.value, init.value));
          break;
        case ParamInit::Kind::kNormal:
          data[i] = static_cast<float>(init.value * rng.Normal());
          break;
      }
    }
  });
}

void AddHistory(const std::string &json_object, ModelInfo *info) {
  json history = ParseJson(info->history, "history"), step = ParseJson(json_object, "history");
  CHECK(history.is_array() && step.is_object()) << json_object;
  history.push_back(std::move(step));
  info->history = history.dump(-1, ' ', false, json::error_handler_t::replace);
}

void AddHistory(const std::string &tool, const std::map<std::string, std::string> &details,
                ModelInfo *info) {
  json step = details;
  step["tool"] = tool;
  AddHistory(step.dump(-1, ' ', false, json::error_handler_t::replace), info);
}

std::vector<std::string> ReadUnits(const std::string &rxfilename) {
  std::vector<std::string> units;
  std::vector<TableLine> lines = ReadTable(rxfilename, 1, 1);
  units.resize(lines.size());
  for (const TableLine &line : lines) {
    int32_t id;
    if (!ParseNumber(line.values[0], &id) || id < 0 || static_cast<size_t>(id) >= units.size()) {
      throw DataError(rxfilename, ":", line.line, ": the id '", Printable(line.values[0]),
                      "' of unit ", line.key, " is not one of 0 to ", units.size() - 1, ", for ",
                      units.size(), " lines");
    }
    if (!units[static_cast<size_t>(id)].empty()) {
      throw DataError(rxfilename, ":", line.line, ": the id ", id, " is also that of ",
                      units[static_cast<size_t>(id)]);
    }
    units[static_cast<size_t>(id)] = line.key;
  }
  if (units.empty()) throw DataError(rxfilename, ": no units; expected lines of 'unit id'");
  return units;
}

}  // namespace u2moe
