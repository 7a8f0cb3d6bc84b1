#include "modelfile/model-average.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "layer/param-visitor.h"
#include "util/io.h"

namespace u2moe {
namespace {

using nlohmann::json;

void CheckAlike(const ModelInfo &first, const ModelInfo &other, const std::string &first_name,
                const std::string &other_name) {
  const json a = json::parse(ModelOptions(first.config).ToJson()),
             b = json::parse(ModelOptions(other.config).ToJson());
  for (const auto &item : a.items()) {
    if (b.at(item.key()) == item.value()) continue;
    throw DataError(other_name, ": ", item.key(), " is ", b.at(item.key()).dump(), ", but in ",
                    first_name, " it is ", item.value().dump(),
                    "; only models of one shape can be averaged");
  }
  if (first.tags != other.tags)
    throw DataError(other_name, ": has other tags of utterances than ", first_name);
  if (first.units != other.units)
    throw DataError(other_name, ": has other units than ", first_name);
  if (first.bpe_model != other.bpe_model || first.bpe_case != other.bpe_case)
    throw DataError(other_name, ": has other word pieces than ", first_name);
  if (first.features != other.features)
    throw DataError(other_name, ": has other feature options than ", first_name);
}

// Leaves the steps that both histories begin with.
void KeepCommonSteps(const std::string &history, ModelInfo *info) {
  const json a = json::parse(info->history), b = json::parse(history);
  json common = json::array();
  for (size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i) common.push_back(a[i]);
  info->history = common.dump();
}

// The models that a file says it is the mean of, if its last step was nnet-average's.
std::optional<std::vector<std::string>> AveragedIn(const std::string &path) {
  const json history = json::parse(ReadModelInfo(path).history);
  if (history.empty() || !history.back().is_object()) return std::nullopt;
  const json &step = history.back();
  if (step.value("tool", json()) != "nnet-average") return std::nullopt;
  std::vector<std::string> models;
  const auto list = step.find("models");
  if (list != step.end() && list->is_array()) {
    for (const json &model : *list) {
      if (model.is_string()) models.push_back(model.get<std::string>());
    }
  }
  return models;
}

bool SameFile(const std::string &a, const std::string &b) {
  std::error_code ignored;
  return std::filesystem::equivalent(a, b, ignored);
}

std::vector<std::pair<std::string, Tensor *>> TensorsOf(AsrModel *model) {
  std::vector<std::pair<std::string, Tensor *>> tensors;
  ForEachParam(model, [&](const std::string &name, Tensor *tensor, const ParamInit &, bool) {
    tensors.emplace_back(name, tensor);
  });
  return tensors;
}

}  // namespace

std::unique_ptr<AsrModel> AverageModels(const std::vector<std::string> &rxfilenames,
                                        ModelInfo *info) {
  CHECK(!rxfilenames.empty());
  std::vector<std::unique_ptr<AsrModel>> models;
  std::vector<std::vector<std::pair<std::string, Tensor *>>> tensors;
  for (const std::string &name : rxfilenames) {
    ModelInfo other;
    models.push_back(ReadModel(name, &other));
    tensors.push_back(TensorsOf(models.back().get()));
    if (models.size() == 1) {
      *info = other;
    } else {
      CheckAlike(*info, other, rxfilenames[0], name);
      KeepCommonSteps(other.history, info);
    }
  }
  std::vector<double> sum;
  for (size_t i = 0; i < tensors[0].size(); ++i) {
    const size_t size = static_cast<size_t>(tensors[0][i].second->Size());
    sum.assign(size, 0);
    for (size_t m = 0; m < models.size(); ++m) {
      const float *data = tensors[m][i].second->Data();
      for (size_t j = 0; j < size; ++j) sum[j] += data[j];
      for (size_t j = 0; j < size; ++j) {
        if (!std::isfinite(data[j])) {
          throw DataError(rxfilenames[m], ": the tensor ", tensors[m][i].first,
                          " holds a value that is not finite; leave this model out");
        }
      }
      if (m > 0) *tensors[m][i].second = Tensor();  // gives its pages back
    }
    float *mean = tensors[0][i].second->Data();
    for (size_t j = 0; j < size; ++j)
      mean[j] = static_cast<float>(sum[j] / static_cast<double>(models.size()));
  }
  const json step = {{"tool", "nnet-average"}, {"models", rxfilenames}};
  AddHistory(step.dump(-1, ' ', false, json::error_handler_t::replace), info);
  return std::move(models[0]);
}

void CheckAverageResult(const std::vector<std::string> &inputs, const std::string &result) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (result == "-" || IsPipe(result) || !fs::is_regular_file(result, ignored)) return;
  const std::string order =
      "; the models come first and the result last now (nnet-average <model> ... <result>)";
  for (const std::string &input : inputs) {
    if (SameFile(input, result))
      throw UsageError(result, " is a model to be averaged and the result too", order);
  }
  std::optional<std::vector<std::string>> models;
  try {
    models = AveragedIn(result);
  } catch (const Error &) {  // no model at all, so nothing that this tool made
  }
  if (!models) {
    throw UsageError(result, " is there and was not made by nnet-average, so it is not overwritten",
                     order, "; if it is in the way, remove it");
  }
  // A command of the old order, run for the second time, on models that are averages themselves.
  for (const std::string &input : inputs) {
    if (IsPipe(input) || input == "-" || !fs::is_regular_file(input, ignored)) continue;
    const auto parts = AveragedIn(input).value_or(std::vector<std::string>());
    if (std::any_of(parts.begin(), parts.end(),
                    [&](const std::string &part) { return SameFile(part, result); })) {
      throw UsageError(input, " is the mean of ", result, " and others, which is not overwritten",
                       order);
    }
  }
}

}  // namespace u2moe
