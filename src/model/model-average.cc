#include "model/model-average.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "layer/param-visitor.h"

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
  if (first.units != other.units)
    throw DataError(other_name, ": has other units than ", first_name);
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

}  // namespace u2moe
