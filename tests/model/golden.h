// The reference models of tests/golden, imported, and archives beside them.
#ifndef U2MOE_TESTS_MODEL_GOLDEN_H_
#define U2MOE_TESTS_MODEL_GOLDEN_H_

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/asr-model.h"
#include "modelfile/wenet-import.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"
#include "util/json.h"

namespace u2moe {

// All entries of a matrix archive in order.
inline std::vector<std::pair<std::string, Tensor>> ReadArchive(const std::string &path) {
  std::vector<std::pair<std::string, Tensor>> items;
  SequentialMatrixReader reader("ark:" + path);
  for (; !reader.Done(); reader.Next()) items.emplace_back(reader.Key(), reader.Value());
  return items;
}

struct GoldenModel {
  std::string name, dir;
  nlohmann::json config;
  std::unique_ptr<AsrModel> model;

  explicit GoldenModel(const std::string &model_name)
      : name(model_name), dir(GoldenPath("models/" + model_name + "/config.json")) {
    CHECK(!dir.empty()) << "tests/golden/models is part of the source tree";
    dir.resize(dir.rfind('/'));
    config = ReadJson(dir + "/config.json");
    const WenetConfig wenet = ReadWenetConfig(dir + "/config.json", {});
    model = ImportWenet(wenet, dir + "/weights.safetensors");
  }
  // The suggested tolerance of a file of this model (golden README, "Tolerances").
  double Atol(const std::string &file) const {
    static const nlohmann::json table = ReadJson(GoldenPath("tolerances.json"));
    for (const auto &row : table) {
      if (row["file"] == "models/" + name + "/" + file && row["suggested_atol"].is_number())
        return row["suggested_atol"];
    }
    throw Error("no tolerance for models/", name, "/", file);
  }
  bool Streams() const { return model->Config().encoder.causal; }
};

inline const std::vector<std::string> &GoldenModelNames() {
  static const std::vector<std::string> names = {"dense", "moe", "dense_offline", "moe_conv2d6"};
  return names;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_MODEL_GOLDEN_H_
