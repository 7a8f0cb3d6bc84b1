#include "modelfile/model-file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/error.h"
#include "base/rng.h"
#include "layer/param-visitor.h"
#include "modelfile/config-json.h"
#include "modelfile/safetensors.h"
#include "modelfile/utterance-tags.h"
#include "util/json.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::json;

constexpr char kFormat[] = "u2moe";
// 1: a flat configuration, no weights are packed; 2: never released; 3: they may be packed;
// 4: a nested configuration; 5: the same with a model of word pieces, and written only with one, so
// that older programs read all others and tell what they lack for these.
constexpr int32_t kVersion = 5;
constexpr char kBpeModel[] = "tokenizer.bpe_model";

const std::string &GetMetadata(const SafetensorsFile &file, const char *key) {
  auto it = file.Metadata().find(key);
  if (it == file.Metadata().end()) {
    throw DataError(file.Name(), ": the header's metadata lacks \"", key,
                    "\"; the model file is damaged");
  }
  return it->second;
}

// An entry that may be absent; nothing that is computed depends on it.
std::string GetMetadata(const SafetensorsFile &file, const char *key, const char *otherwise) {
  auto it = file.Metadata().find(key);
  return it == file.Metadata().end() ? otherwise : it->second;
}

json ParseMetadata(const SafetensorsFile &file, const char *key, const char *otherwise) {
  return ParseJson(GetMetadata(file, key, otherwise), file.Name() + ": metadata " + key);
}

// What a file of a newer version asks for that is unknown here; "" where that cannot be told.
std::string UnknownIn(const SafetensorsFile &file) {
  std::vector<std::string> unknown;
  for (const auto &item : file.Metadata()) {
    static const std::set<std::string> kKnown = {"format",    "version", "config",  "units",
                                                 "features",  "history", "experts", "packed",
                                                 "tokenizer", "tags"};
    if (kKnown.count(item.first) == 0) unknown.push_back("metadata " + Printable(item.first, 80));
  }
  const std::string config = UnknownInConfig(GetMetadata(file, "config", "{}"), "metadata config");
  if (!config.empty()) unknown.push_back(config);
  return Join(unknown, ", ");
}

// The model of word pieces that a file of version 5 holds: {"type": "bpe", "case": "auto"} in the
// metadata, its bytes as a tensor, which any library of safetensors can save again.
void ParseTokenizer(const SafetensorsFile &file, ModelInfo *info) {
  const std::string where = file.Name() + ": metadata tokenizer";
  const json object = ParseMetadata(file, "tokenizer", "{}");
  const auto text = [&](const char *key) {
    if (!object.is_object() || !object.contains(key) || !object.at(key).is_string())
      throw DataError(where, ": expected an object with the texts type and case");
    return object.at(key).get<std::string>();
  };
  const std::string type = text("type");
  if (type != "bpe") {
    throw DataError(where, ": the type ", Printable(type),
                    " is unknown here, which knows bpe; update this program");
  }
  info->bpe_case = text("case");
  const auto entry = file.Entries().find(kBpeModel);
  if (entry == file.Entries().end() || entry->second.dtype != "U8" ||
      entry->second.shape.size() != 1) {
    throw DataError(file.Name(), ": the tensor ", kBpeModel, " is missing or not of type U8 with ",
                    "one dimension; the model file is damaged");
  }
  const auto size = static_cast<size_t>(entry->second.end - entry->second.begin);
  info->bpe_model.assign(reinterpret_cast<const char *>(file.Bytes(kBpeModel).get()), size);
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
  const bool number = ParseNumber(GetMetadata(file, "version"), &version);
  if (number && version == 2) {
    throw DataError(name,
                    ": model file version 2 has other scales of packed weights; make it again "
                    "with nnet-quantize from the model in floats");
  }
  if (number && version > kVersion) {
    const std::string unknown = UnknownIn(file);
    throw DataError(
        name, ": model file version ", version, "; this program reads 1 to ", kVersion,
        ", so update it",
        unknown.empty() ? "" : "; what the file asks for and is unknown here: ", unknown);
  }
  if (!number || version < 1) {
    throw DataError(name, ": '", Printable(GetMetadata(file, "version")),
                    "' is no version of a model file; it is damaged");
  }
  ModelInfo info;
  try {
    for (const json &unit : ParseMetadata(file, "units", "[]"))
      info.units.push_back(unit.get<std::string>());
    info.config = ConfigFromJson(GetMetadata(file, "config"), version, name + ": metadata config",
                                 info.units);
    const json features = ParseMetadata(file, "features", "{}");
    for (const auto &item : features.items())
      info.features[item.key()] = item.value().get<std::string>();
    for (const json &tag : ParseMetadata(file, "tags", "[]"))
      info.tags.push_back(tag.get<std::string>());
    info.history = GetMetadata(file, "history", "[]");
    if (version >= 5 && file.Metadata().count("tokenizer") > 0) ParseTokenizer(file, &info);
    CheckModelInfo(info);
  } catch (const UsageError &e) {
    throw DataError(name, ": metadata: ", e.what());
  } catch (const json::exception &e) {
    throw DataError(name,
                    ": units, features or tags in the metadata have a wrong type: ", e.what());
  }
  return info;
}

// Its weights are stored as floats and packed, in the format given under this name, when a model
// is made ready.
constexpr char kSubsampling[] = "encoder.embed";
constexpr char kPacked[] = ".packed", kScales[] = ".scales";

// The metadata "packed": formats by name of the weight.
std::map<std::string, PackFormat> ParsePacked(const SafetensorsFile &file) {
  std::map<std::string, PackFormat> formats;
  if (file.Metadata().count("packed") == 0) return formats;
  const std::string where = file.Name() + ": metadata packed";
  const json object = ParseMetadata(file, "packed", "{}");
  if (!object.is_object()) throw DataError(where, ": no object");
  for (const auto &item : object.items()) {
    const json &value = item.value();
    if (!value.is_array() || value.size() != 2 || !value[0].is_string() ||
        !value[1].is_number_integer()) {
      throw DataError(where, ": ", Printable(item.key(), 200), ": expected [format, group size]");
    }
    PackFormat format;
    try {
      format.format = ParseWeightFormat(value[0].get<std::string>());
    } catch (const UsageError &e) {
      throw DataError(where, ": ", Printable(item.key(), 200), ": ", e.what());
    }
    format.group_size = value[1].get<int64_t>();
    if (format.group_size < 0 || format.group_size > INT32_MAX || format.group_size % 8 != 0) {
      throw DataError(where, ": ", Printable(item.key(), 200), ": group size ", value[1].dump(),
                      "; expected a multiple of 8, or 0");
    }
    formats[item.key()] = format;
  }
  return formats;
}

// What a file holds of a packed weight, without the bytes.
std::vector<SafetensorsItem> PackedItems(const std::string &name, const PackFormat &format,
                                         int64_t rows, int64_t cols) {
  constexpr int64_t kPanel = PackedMatrix::kPanel;
  const int64_t panels = (rows + kPanel - 1) / kPanel;
  const bool codes = format.format == WeightFormat::kInt8 || format.format == WeightFormat::kInt4;
  SafetensorsItem packed;
  packed.name = name + kPacked;
  switch (format.format) {
    case WeightFormat::kFloat32:
      packed.dtype = "F32";
      packed.shape = {panels, cols, kPanel};
      break;
    case WeightFormat::kBfloat16:
      packed.dtype = "BF16";
      packed.shape = {panels, (cols + 1) / 2, kPanel, 2};
      break;
    case WeightFormat::kInt8:
      packed.dtype = "U8";
      packed.shape = {panels, (cols + 3) / 4, kPanel, 4};
      break;
    case WeightFormat::kInt4:
      packed.dtype = "U8";
      packed.shape = {panels, (cols + 7) / 8, kPanel, 4};
      break;
  }
  std::vector<SafetensorsItem> items = {packed};
  if (codes) {
    SafetensorsItem scales;
    scales.name = name + kScales;
    scales.dtype = "F32";
    scales.shape = {PackedMatrix::ScaleRows(format.format, rows, cols, format.group_size), kPanel};
    items.push_back(scales);
  }
  return items;
}

// info: with the model's config.
std::map<std::string, std::string> Metadata(const AsrModel &model, const ModelInfo &info,
                                            const json &packed_formats) {
  std::map<std::string, std::string> metadata = {
      {"format", kFormat},
      {"version", std::to_string(info.bpe_model.empty() ? kNestedConfigVersion : kVersion)},
      {"config", ConfigToJson(info.config)},
      {"units", json(info.units).dump()},
      {"features", json(info.features).dump(-1, ' ', false, json::error_handler_t::replace)},
      {"history", info.history}};
  if (!info.tags.empty())
    metadata["tags"] = json(info.tags).dump(-1, ' ', false, json::error_handler_t::replace);
  if (!model.Policy().IsPlain()) metadata["experts"] = model.Policy().ToJson();
  if (!packed_formats.empty()) metadata["packed"] = packed_formats.dump();
  if (!info.bpe_model.empty())
    metadata["tokenizer"] = json{{"type", "bpe"}, {"case", info.bpe_case}}.dump();
  return metadata;
}

// The tensors of what the model brings along.
void AddInfoItems(const ModelInfo &info, std::vector<SafetensorsItem> *items) {
  if (info.bpe_model.empty()) return;
  const auto bytes = std::make_shared<std::string>(info.bpe_model);
  items->push_back({kBpeModel, "U8", {static_cast<int64_t>(bytes->size())}, [bytes] {
                      return std::shared_ptr<const void>(bytes, bytes->data());
                    }});
}

ModelInfo CheckedInfo(const ModelInfo &info, const AsrModel &model) {
  ModelInfo checked = info;
  checked.config = model.Config();
  CheckModelInfo(checked);
  return checked;
}

void InitTensor(const std::string &name, const ParamInit &init, uint64_t seed, Tensor *tensor) {
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
  const int32_t pools = NumTagPools(info.config);
  if (info.tags.size() > static_cast<size_t>(pools)) {
    throw UsageError("there are ", info.tags.size(), " tags of utterances for ", pools,
                     " pools of experts");
  }
  for (size_t i = 0; i < info.tags.size(); ++i) {
    if (!IsValidUtf8(info.tags[i]) ||
        std::count(info.tags.begin(), info.tags.end(), info.tags[i]) > 1) {
      throw UsageError("the tag of utterances '", Printable(info.tags[i], 80),
                       "' stands twice, or is not valid UTF-8");
    }
  }
  if (!info.bpe_model.empty() && info.units.empty())
    throw UsageError("a model of word pieces needs the units");
  if (info.bpe_case != "auto" && info.bpe_case != "upper" && info.bpe_case != "keep")
    throw UsageError("the case of word pieces is ", Printable(info.bpe_case),
                     "; expected auto, upper or keep");
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

std::unique_ptr<AsrModel> ReadModel(const std::string &rxfilename, ModelInfo *info,
                                    PackedWeights packed_weights) {
  const SafetensorsFile file(rxfilename);
  ModelInfo own = ParseInfo(file);
  std::map<std::string, PackFormat> formats = ParsePacked(file);
  if (!formats.empty() && packed_weights == PackedWeights::kRefuse) {
    throw DataError(rxfilename, ": its weights are packed for inference (",
                    ToString(formats.begin()->second.format),
                    "); this needs the float32 model that nnet-quantize made it from");
  }
  const double least_values =
      MinModelFloats(own.config) * (formats.empty() ? 1 : 0.5);  // of int4, two in a byte
  const double values = file.NumValues() - static_cast<double>(own.bpe_model.size());
  if (least_values > values) {
    throw DataError(rxfilename, ": its config asks for ", MinModelFloats(own.config),
                    " parameters or more, but it holds ", values,
                    " values; the model file is damaged");
  }
  auto model = std::make_unique<AsrModel>(own.config);
  const auto policy = file.Metadata().find("experts");
  if (policy != file.Metadata().end()) {
    model->SetPolicy(
        ExpertPolicy::FromJson(policy->second, rxfilename + ": metadata experts", own.config));
  }
  if (const auto it = formats.find(kSubsampling); it != formats.end()) {
    model->MutableEncoder()->SetSubsamplingFormat(it->second.format, it->second.group_size);
    formats.erase(it);
  }
  std::set<std::string> names;
  if (!own.bpe_model.empty()) names.insert(kBpeModel);
  const auto check = [&](const std::string &name) {
    if (file.Entries().count(name) == 0) {
      throw DataError(rxfilename, ": the tensor ", name,
                      " is missing; the file does not fit its own config");
    }
    names.insert(name);
  };
  const auto read = [&](const ParamInfo &param, Tensor *tensor) {
    const std::string &name = param.name;
    check(name);
    Tensor floats = file.AsFloats(name);
    if (floats.Shape() != tensor->Shape()) {
      throw DataError(rxfilename, ": the tensor ", name, " has shape ", floats.ShapeString(),
                      ", but its config asks for ", tensor->ShapeString());
    }
    *tensor = std::move(floats);
  };
  ForEachParamOrPacked(
      model.get(), read, [&](const ParamInfo &param, Tensor *weight, PackedMatrix *packed) {
        const std::string &name = param.name;
        auto it = formats.find(name);
        if (it == formats.end()) {
          read(param, weight);
          return;
        }
        for (const SafetensorsItem &item :
             PackedItems(name, it->second, weight->Rows(), weight->Cols())) {
          check(item.name);
          const SafetensorsEntry &entry = file.Entries().at(item.name);
          if (entry.dtype != item.dtype || entry.shape != item.shape) {
            throw DataError(rxfilename, ": the tensor ", item.name, " is ", entry.dtype, " ",
                            ShapeString(entry.shape), ", but its config and format ask for ",
                            item.dtype, " ", ShapeString(item.shape));
          }
        }
        const bool codes = names.count(name + kScales) > 0;
        *packed = PackedMatrix::Borrow(it->second.format, weight->Rows(), weight->Cols(),
                                       it->second.group_size, file.Bytes(name + kPacked),
                                       codes ? file.Floats(name + kScales) : Tensor());
        *weight = Tensor();
      });
  for (const auto &[name, entry] : file.Entries()) {
    if (names.count(name) > 0) continue;
    throw DataError(rxfilename, ": the tensor ", Printable(name, 200),
                    " belongs to no part of the model that its config describes; ",
                    file.Entries().size(), " tensors, expected ", names.size());
  }
  for (const auto &[name, format] : formats) {
    if (names.count(name + kPacked) > 0) continue;
    throw DataError(rxfilename, ": metadata packed: ", Printable(name, 200),
                    " is no weight of the model that its config describes");
  }
  if (info != nullptr) *info = std::move(own);
  return model;
}

ModelInfo ReadModelInfo(const std::string &rxfilename) {
  return ParseInfo(SafetensorsFile(rxfilename));
}

namespace {

// take: tensors are let go of once they are written.
void WriteModel(const std::string &wxfilename, AsrModel *model, const ModelInfo &info,
                const PackOnWrite &pack, bool take) {
  const ModelInfo checked = CheckedInfo(info, *model);
  std::vector<SafetensorsItem> items;
  json packed_formats = json::object();
  const Encoder &encoder = model->Encoder();
  const auto will_pack = [&](ParamRole role) {
    return pack.will_pack ? pack.will_pack(role) : std::nullopt;
  };
  std::optional<PackFormat> subsampling = will_pack(ParamRole::kSubsampling);
  if (!subsampling.has_value())
    subsampling = PackFormat{encoder.SubsamplingFormat(), encoder.SubsamplingGroupSize()};
  if (subsampling->format != WeightFormat::kFloat32)
    packed_formats[kSubsampling] = {ToString(subsampling->format), subsampling->group_size};
  ForEachParamOrPacked(
      model,
      [&](const ParamInfo &param, Tensor *tensor) {
        items.push_back(take ? TakenFloatItem(param.name, tensor) : FloatItem(param.name, tensor));
      },
      [&](const ParamInfo &param, Tensor *weight, PackedMatrix *packed) {
        const std::string &name = param.name;
        std::optional<PackFormat> format;
        if (!packed->Empty()) {
          const int64_t group = packed->GroupSize();
          format = {packed->Format(), group == packed->Cols() ? 0 : group};
        } else if (param.use.role != ParamRole::kSubsampling) {
          format = will_pack(param.use.role);
        }
        if (!format.has_value()) {
          items.push_back(take ? TakenFloatItem(name, weight) : FloatItem(name, weight));
          return;
        }
        packed_formats[name] = {ToString(format->format), format->group_size};
        const int64_t rows = packed->Empty() ? weight->Rows() : packed->Rows();
        const int64_t cols = packed->Empty() ? weight->Cols() : packed->Cols();
        // Made when the codes are written, and let go of with the last tensor.
        const auto matrix = take ? std::make_shared<PackedMatrix>(std::move(*packed))
                                 : std::make_shared<PackedMatrix>(*packed);
        std::vector<SafetensorsItem> parts = PackedItems(name, *format, rows, cols);
        for (size_t i = 0; i < parts.size(); ++i) {
          parts[i].bytes = [=, last = i + 1 == parts.size()] {
            if (matrix->Empty()) {
              *matrix = pack.pack(param, *weight);
              if (take) *weight = Tensor();
            }
            const std::shared_ptr<PackedMatrix> own =
                last ? std::make_shared<PackedMatrix>(std::move(*matrix)) : matrix;
            if (last) *matrix = PackedMatrix();
            const void *bytes = i == 0 ? static_cast<const void *>(own->Data().get())
                                       : static_cast<const void *>(own->Scales().Data());
            return std::shared_ptr<const void>(own, bytes);
          };
          items.push_back(parts[i]);
        }
      });
  AddInfoItems(checked, &items);
  WriteSafetensors(wxfilename, std::move(items), Metadata(*model, checked, packed_formats));
}

}  // namespace

void WriteModel(const std::string &wxfilename, AsrModel *model, const ModelInfo &info) {
  WriteModel(wxfilename, model, info, {}, false);
}

void WriteModel(const std::string &wxfilename, std::unique_ptr<AsrModel> model,
                const ModelInfo &info, const PackOnWrite &pack) {
  WriteModel(wxfilename, model.get(), info, pack, true);
}

void InitModel(AsrModel *model, uint64_t seed) {
  ForEachParam(model, [&](const std::string &name, Tensor *tensor, const ParamInit &init, bool) {
    InitTensor(name, init, seed, tensor);
  });
}

void InitBuffers(AsrModel *model, uint64_t seed) {
  ForEachParam(model,
               [&](const std::string &name, Tensor *tensor, const ParamInit &init, bool trainable) {
                 if (!trainable) InitTensor(name, init, seed, tensor);
               });
}

void WriteInitialModel(const std::string &wxfilename, AsrModel *model, const ModelInfo &info,
                       uint64_t seed) {
  const ModelInfo checked = CheckedInfo(info, *model);
  std::vector<SafetensorsItem> items;
  ForEachParam(model,
               [&](const std::string &name, Tensor *tensor, const ParamInit &init, bool trainable) {
                 items.push_back(FloatItem(name, tensor));
                 if (!trainable) return;
                 items.back().bytes = [=, shape = tensor->Shape()] {
                   const auto made = std::make_shared<Tensor>(shape);
                   InitTensor(name, init, seed, made.get());
                   return std::shared_ptr<const void>(made, made->Data());
                 };
               });
  AddInfoItems(checked, &items);
  WriteSafetensors(wxfilename, std::move(items), Metadata(*model, checked, json::object()));
}

void CheckFiniteWeights(AsrModel *model, const std::string &source) {
  ForEachParam(model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (std::all_of(t->Data(), t->Data() + t->Size(), [](float x) { return std::isfinite(x); }))
      return;
    throw DataError(source, ": the tensor ", name,
                    " holds a value that is not finite; the training that made it has diverged");
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
  std::vector<TableLine> lines = ReadTable(rxfilename, 1, 1, TableKeys::kSymbols);
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
