#include "modelfile/model-file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "layer/param-visitor.h"
#include "modelfile/model-average.h"
#include "modelfile/param-count.h"
#include "modelfile/safetensors.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

const std::vector<std::string> kUnits = {"<blank>", "<unk>", "<sos/eos>", "ä", "\"", "▁"};

ModelOptions SmallOptions() {
  ModelOptions o;
  o.feature_dim = 10, o.model_dim = 8, o.num_blocks = 2, o.num_heads = 2, o.conv_kernel = 3,
  o.hidden_dim = 6;
  o.decoder_blocks = 1, o.reverse_decoder_blocks = 2;
  o.SetUnits(kUnits);
  return o;
}

ModelInfo SmallInfo(const ModelOptions &o = SmallOptions()) {
  ModelInfo info;
  info.config = o.Config();
  info.units = kUnits;
  info.features = {{"num-mel-bins", "10"}, {"sample-frequency", "8000"}};
  AddHistory(R"({"tool":"test","n":1})", &info);
  return info;
}

std::string PathOf(const std::string &name) { return TempDir() + "/" + name + ".safetensors"; }

std::string WriteSmall(const std::string &name, const ModelInfo &info = SmallInfo(),
                       uint64_t seed = 1) {
  AsrModel model(info.config);
  InitModel(&model, seed);
  WriteModel(PathOf(name), &model, info);
  return PathOf(name);
}

using Tensors = std::vector<std::pair<std::string, Tensor>>;

Tensors TensorsOf(AsrModel *model) {
  Tensors tensors;
  ForEachParam(model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    tensors.emplace_back(name, *t);
  });
  return tensors;
}

// The message of the DataError that reading gives; "" if there is none.
std::string ReadError(const std::string &path) {
  try {
    ReadModel(path, nullptr);
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    return e.what();
  }
  return "";
}

TEST(ModelFile, RoundTrip) {
  for (int experts : {0, 3}) {
    ModelOptions o = SmallOptions();
    o.num_experts = experts;
    const ModelInfo info = SmallInfo(o);
    AsrModel model(info.config);
    InitModel(&model, 5);
    WriteModel(PathOf("round"), &model, info);
    ModelInfo read_info;
    std::unique_ptr<AsrModel> read = ReadModel(PathOf("round"), &read_info);
    const Tensors before = TensorsOf(&model), after = TensorsOf(read.get());
    ASSERT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(before[i].first, after[i].first);
      EXPECT_TRUE(SameBits(before[i].second, after[i].second)) << before[i].first;
    }
    EXPECT_EQ(ModelOptions(read_info.config).ToString(), ModelOptions(info.config).ToString());
    EXPECT_EQ(read_info.units, kUnits);
    EXPECT_EQ(read_info.features, info.features);
    EXPECT_EQ(read_info.history, info.history);
    EXPECT_EQ(ReadModelInfo(PathOf("round")).units, kUnits);
    WriteModel(PathOf("again"), read.get(), read_info);
    EXPECT_EQ(ReadFile(PathOf("again")), ReadFile(PathOf("round")))
        << "equal models must give equal bytes";
  }
}

TEST(ModelFile, TrainingAReadModelLeavesTheFileAlone) {
  const std::string path = WriteSmall("mapped"), before = ReadFile(path);
  std::unique_ptr<AsrModel> model = ReadModel(path, nullptr);
  SetZero(model.get());
  EXPECT_EQ(ReadFile(path), before);
  ModelInfo info = ReadModelInfo(path);
  WriteModel(path, model.get(), info);  // over the file it is mapped from
  EXPECT_NE(ReadFile(path), before);
  EXPECT_EQ(ReadError(path), "");
}

TEST(ModelFile, WrongTensorsAreNamed) {
  const std::string path = WriteSmall("good");
  SafetensorsFile file(path);
  std::map<std::string, Tensor> all;
  for (const auto &item : file.Entries()) all[item.first] = file.Floats(item.first);
  auto write = [&](const std::map<std::string, Tensor> &tensors) {
    std::vector<std::pair<std::string, const Tensor *>> list;
    for (const auto &item : tensors) list.emplace_back(item.first, &item.second);
    WriteSafetensors(PathOf("changed"), list, file.Metadata());
    return ReadError(PathOf("changed"));
  };
  EXPECT_EQ(write(all), "");
  const std::string name = "encoder.encoders.1.conv_module.norm.bias";
  ASSERT_EQ(all.count(name), 1u);
  auto changed = all;
  changed.erase(name);
  changed["filler"] = Tensor::Zeros({1000});  // else the size alone tells
  std::string error = write(changed);
  EXPECT_NE(error.find(name), std::string::npos) << error;
  EXPECT_NE(error.find("missing"), std::string::npos) << error;
  changed = all;
  changed["encoder.extra.weight"] = Tensor::Zeros({2});
  EXPECT_NE(write(changed).find("encoder.extra.weight"), std::string::npos);
  changed = all;
  changed[name] = Tensor::Zeros({2, 4});  // as many floats
  error = write(changed);
  EXPECT_NE(error.find(name), std::string::npos) << error;
  EXPECT_NE(error.find("[2, 4]"), std::string::npos) << error;
}

// What people do to halve a model.
TEST(ModelFile, OtherTypesOfNumbers) {
  const std::string path = WriteSmall("good");
  const SafetensorsFile file(path);
  const auto write = [&](const std::string &dtype, size_t bytes) {
    std::vector<SafetensorsItem> items;
    for (const auto &[name, entry] : file.Entries()) {
      const Tensor t = file.Floats(name);
      const auto held = std::make_shared<std::string>();
      for (int64_t i = 0; i < t.Size(); ++i) {  // little-endian: the upper bytes come last
        held->append(reinterpret_cast<const char *>(t.Data() + i) + 4 - bytes, bytes);
      }
      items.push_back({name, dtype, entry.shape,
                       [held] { return std::shared_ptr<const void>(held, held->data()); }});
    }
    WriteSafetensors(PathOf("other"), items, file.Metadata());
    return PathOf("other");
  };
  ForEachParam(ReadModel(write("BF16", 2), nullptr).get(), [&](const std::string &name, Tensor *t,
                                                               const ParamInit &, bool) {
    const Tensor whole = file.Floats(name);
    for (int64_t i = 0; i < t->Size(); ++i) {
      EXPECT_NEAR(t->Data()[i], whole.Data()[i], std::abs(whole.Data()[i]) / 128) << name;
    }
  });
  for (const char *dtype : {"I8", "F8_E5M2"}) {
    write(dtype, 1);
    const std::string error = ReadError(PathOf("other"));
    EXPECT_NE(error.find(std::string("has type ") + dtype + "; save it as float32"),
              std::string::npos)
        << error;
  }
}

TEST(ModelFile, WrongMetadataIsRefused) {
  const std::string path = WriteSmall("good");
  SafetensorsFile file(path);
  std::vector<Tensor> tensors;
  std::vector<std::pair<std::string, const Tensor *>> list;
  tensors.reserve(file.Entries().size());
  for (const auto &item : file.Entries()) {
    tensors.push_back(file.Floats(item.first));
    list.emplace_back(item.first, &tensors.back());
  }
  auto error = [&](const std::string &key, const std::string &value) {
    auto metadata = file.Metadata();
    metadata[key] = value;
    if (value == "(none)") metadata.erase(key);
    WriteSafetensors(PathOf("meta"), list, metadata);
    return ReadError(PathOf("meta"));
  };
  EXPECT_EQ(error("note", "more metadata is fine"), "");
  EXPECT_NE(error("format", "(none)").find("nnet-import"), std::string::npos);
  EXPECT_NE(error("format", "pt").find("nnet-import"), std::string::npos);
  for (const char *key : {"version", "config", "units", "features", "history"}) {
    const bool needed = key == std::string("version") || key == std::string("config");
    EXPECT_EQ(error(key, "(none)").find(key) != std::string::npos, needed) << key;
    EXPECT_EQ(error(key, "(none)") == "", !needed) << key;
    EXPECT_NE(error(key, "{"), "") << key;
  }
  EXPECT_NE(error("version", "6").find("reads 1 to 5, so update it"), std::string::npos);
  EXPECT_EQ(error("version", "6").find("unknown here"), std::string::npos);
  EXPECT_NE(error("version", "3"), "") << "it had a flat configuration";
  EXPECT_NE(error("version", "2").find("nnet-quantize"), std::string::npos);
  EXPECT_NE(error("version", "0"), "");
  EXPECT_NE(error("units", R"(["<blank>", "a"])").find("2 units"), std::string::npos);
  EXPECT_NE(error("units", R"(["<blank>", "a", "a", "b", "c", "d"])").find("twice"),
            std::string::npos);
  EXPECT_NE(error("units", R"(["<blank>", "a b", "a", "b", "c", "d"])").find("space"),
            std::string::npos);
  EXPECT_NE(error("units", "[1, 2, 3, 4, 5, 6]"), "");
  EXPECT_EQ(error("units", "[]"), "");
  EXPECT_NE(error("features", R"({"num-mel-bins": 10})"), "");
  EXPECT_NE(error("features", R"({"num-mel-bins": "80"})").find("80 dimensions"),
            std::string::npos);
  EXPECT_NE(
      error("features", R"({"num-mel-bins": "10", "use-energy": "true"})").find("11 dimensions"),
      std::string::npos);
  EXPECT_NE(error("features", R"({"num-mel-bins": "10", "use-energy": "1"})").find("11 dimensions"),
            std::string::npos);
  EXPECT_NE(error("features", R"({"num-mel-bins": "ten"})"), "");
  EXPECT_NE(error("history", "{}"), "");
  auto config = nlohmann::json::parse(file.Metadata().at("config"));
  auto with = [&](const char *path, auto value) {
    auto changed = config;
    changed[nlohmann::json::json_pointer(path)] = value;
    return changed.dump();
  };
  EXPECT_NE(error("config", with("/encoder/num-heads", 3)).find("num-heads"), std::string::npos);
  EXPECT_NE(error("config", with("/encoder/num-blocks", 1)), "");
  EXPECT_NE(error("config", with("/encoder/num-blocks", 3)), "");
  // Shapes that would need terabytes must be refused before anything is allocated.
  const auto too_large = [&](const char *path, int32_t value) {
    EXPECT_NE(error("config", with(path, value)).find("parameters"), std::string::npos) << path;
  };
  too_large("/encoder/feed-forward/hidden-dim", 1 << 20);
  too_large("/encoder/feed-forward/num-experts", 1 << 14);
  too_large("/decoder/feed-forward/num-experts", 1 << 14);
  too_large("/encoder/model-dim", 1 << 16);
  too_large("/encoder/num-blocks", 1000);
  nlohmann::json layers = {nlohmann::json::object(), {{"last", {{"num-experts", 1 << 14}}}}};
  EXPECT_NE(error("config", with("/encoder/layers", layers)).find("parameters"), std::string::npos);
  // What a newer program may have written.
  EXPECT_NE(error("config", with("/encoder/depth-router", 3)).find("encoder.depth-router=3; the"),
            std::string::npos);
  EXPECT_EQ(error("config", with("/encoder/depth-router", false)), "");
  EXPECT_EQ(error("config", with("/encoder/training/topology-weight", 0.5)), "");
  auto newer = file.Metadata();
  newer["version"] = "6";
  newer["config"] = with("/encoder/feed-forward/merge", "segments");
  newer["adapters"] = "[]";
  WriteSafetensors(PathOf("newer"), list, newer);
  const std::string asks = ReadError(PathOf("newer"));
  EXPECT_NE(asks.find("metadata adapters, encoder.feed-forward.merge=\"segments\""),
            std::string::npos)
      << asks;
}

// The paths of all values of an object that are no objects.
void ListPaths(const nlohmann::json &object, const std::string &path,
               std::vector<std::string> *paths) {
  for (const auto &item : object.items()) {
    const std::string own = path + "/" + item.key();
    if (item.value().is_object()) ListPaths(item.value(), own, paths);
    if (!item.value().is_object()) paths->push_back(own);
  }
}

// Without any one key of its config a file gives the same outputs; or a warning names the key, and
// what was taken for it, and the file gives other outputs or does not fit its config.
TEST(ModelFile, WithoutAnyOneKey) {
  ModelOptions o = SmallOptions();
  o.num_experts = 3, o.layers = "0:num-experts=0", o.dropout = 0.2f;
  const std::string path = WriteSmall("whole", SmallInfo(o));
  const SafetensorsFile file(path);
  std::vector<Tensor> tensors;
  std::vector<std::pair<std::string, const Tensor *>> list;
  tensors.reserve(file.Entries().size());
  for (const auto &item : file.Entries()) {
    tensors.push_back(file.Floats(item.first));
    list.emplace_back(item.first, &tensors.back());
  }
  const auto output = [](const std::string &name) {
    const auto model = ReadModel(name, nullptr);
    Tensor feats = Tensor::Zeros(40, 10), out;
    for (int64_t i = 0; i < feats.Size(); ++i) feats.Data()[i] = static_cast<float>(i % 7) - 3;
    RaggedShape shape;
    const Context ctx;
    model->Encoder().Forward(ctx, ForwardMode(), feats, RaggedShape::Single(40), &out, &shape,
                             nullptr, nullptr);
    return model->CtcLogProbs(ctx, out);
  };
  const Tensor want = output(path);
  const nlohmann::json config = nlohmann::json::parse(file.Metadata().at("config"));
  std::vector<std::string> paths;
  ListPaths(config, "", &paths);
  ASSERT_GT(paths.size(), 30u);
  int same = 0;
  for (const std::string &key : paths) {
    SCOPED_TRACE(key);
    nlohmann::json less = config;
    const nlohmann::json::json_pointer pointer(key);
    less[pointer.parent_pointer()].erase(pointer.back());
    auto metadata = file.Metadata();
    metadata["config"] = less.dump();
    WriteSafetensors(PathOf("less"), list, metadata);
    std::string error, warned, dotted = key.substr(1);
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    bool equal = false;
    testing::internal::CaptureStderr();
    try {
      const Tensor got = output(PathOf("less"));
      equal = got.Rows() == want.Rows() && MaxAbsDiff(got, want) == 0;
    } catch (const DataError &e) {
      error = e.what();
      EXPECT_NE(error.find(PathOf("less")), std::string::npos) << error;
    }
    warned = testing::internal::GetCapturedStderr();
    if (key == "/encoder/layers") {  // younger; the tensors tell
      EXPECT_NE(error.find("the tensor "), std::string::npos) << error;
      EXPECT_EQ(warned, "");
      continue;
    }
    EXPECT_NE(warned.find("not given, and taken as " + dotted + "="), std::string::npos) << warned;
    same += equal;
  }
  EXPECT_GT(same, 15);
}

TEST(ModelFile, ForeignAndDamagedFiles) {
  const std::string path = WriteSmall("whole"), whole = ReadFile(path);
  for (double part : {0.0, 0.001, 0.1, 0.5, 0.9, 0.9999}) {
    WriteFile(PathOf("cut"),
              whole.substr(0, static_cast<size_t>(part * static_cast<double>(whole.size()))));
    EXPECT_NE(ReadError(PathOf("cut")), "") << part;
  }
  const Tensor t = Tensor::Zeros({3});
  WriteSafetensors(PathOf("foreign"), {{"a", &t}}, {});
  EXPECT_NE(ReadError(PathOf("foreign")).find("nnet-import"), std::string::npos);
}

TEST(ModelFile, MinModelFloatsIsALowerBound) {
  for (int experts : {0, 8}) {
    for (int subsampling : {4, 6, 8}) {
      for (bool causal : {true, false}) {
        ModelOptions o = SmallOptions();
        o.num_experts = experts, o.subsampling = subsampling, o.causal = causal, o.feature_dim = 15;
        o.reverse_decoder_blocks = causal ? 2 : 0, o.reverse_weight = 0;
        AsrModel model(o.Config());
        const ParamCounts counts = CountParams(&model);
        const double bound = MinModelFloats(o.Config()),
                     true_count = static_cast<double>(counts.total + counts.buffers);
        EXPECT_LE(bound, true_count);
        EXPECT_GE(bound, 0.5 * true_count);
      }
    }
  }
}

TEST(ModelFile, InfoMustFitTheModel) {
  ModelInfo info = SmallInfo();
  AsrModel model(info.config);
  InitModel(&model, 1);
  info.units.pop_back();
  EXPECT_THROW(WriteModel(PathOf("unfit"), &model, info), UsageError);
  EXPECT_THROW(ReadFile(PathOf("unfit")), Error) << "nothing may appear";
  EXPECT_THROW(WriteModel(TempDir() + "/no/such/folder.safetensors", &model, SmallInfo()), Error);
}

TEST(InitModel, SharedTensorsHaveTheSameValues) {
  ModelOptions o = SmallOptions();
  AsrModel dense(o.Config()), same(o.Config()), other(o.Config());
  o.num_experts = 4;
  AsrModel moe(o.Config());
  InitModel(&dense, 7), InitModel(&same, 7), InitModel(&other, 8), InitModel(&moe, 7);
  std::map<std::string, Tensor> moe_tensors;
  for (auto &[name, t] : TensorsOf(&moe)) moe_tensors[name] = t;
  const Tensors a = TensorsOf(&dense), b = TensorsOf(&same), c = TensorsOf(&other);
  int shared = 0, changed = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(SameBits(a[i].second, b[i].second)) << a[i].first;
    changed += !SameBits(a[i].second, c[i].second);
    auto it = moe_tensors.find(a[i].first);
    if (it == moe_tensors.end()) continue;
    ++shared;
    EXPECT_TRUE(SameBits(a[i].second, it->second)) << a[i].first;
  }
  EXPECT_GT(shared, 100);
  EXPECT_GT(changed, 50);
  const std::string prefix = "encoder.encoders.0.feed_forward.experts.";
  EXPECT_FALSE(
      SameBits(moe_tensors.at(prefix + "0.w_1.weight"), moe_tensors.at(prefix + "1.w_1.weight")))
      << "equal experts would stay equal";
}

TEST(InitModel, WrittenWithoutBeingHeldItIsTheSame) {
  ModelInfo info = SmallInfo();
  AsrModel whole(info.config), shape(info.config);
  InitModel(&whole, 9);
  InitBuffers(&shape, 9);
  const auto set_mean = [](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name == "encoder.global_cmvn.mean") t->Data()[3] = 4.5;
  };
  ForEachParam(&whole, set_mean);
  ForEachParam(&shape, set_mean);
  WriteModel(PathOf("whole"), &whole, info);
  WriteInitialModel(PathOf("streamed"), &shape, info, 9);
  EXPECT_EQ(ReadFile(PathOf("streamed")), ReadFile(PathOf("whole")));
  info.units.pop_back();
  EXPECT_THROW(WriteInitialModel(PathOf("unfit"), &shape, info, 9), UsageError);
}

TEST(InitModel, HasTheDeclaredSpread) {
  ModelOptions o = SmallOptions();
  o.model_dim = 64, o.hidden_dim = 128;
  AsrModel model(o.Config());
  InitModel(&model, 1);
  ForEachParam(&model, [](const std::string &name, Tensor *t, const ParamInit &init, bool) {
    double sum = 0, squares = 0, largest = 0;
    for (int64_t i = 0; i < t->Size(); ++i) {
      const double v = t->Data()[i];
      sum += v, squares += v * v, largest = std::max(largest, std::fabs(v));
    }
    const double n = static_cast<double>(t->Size()), deviation = std::sqrt(squares / n);
    if (init.kind == ParamInit::Kind::kConstant) {
      EXPECT_EQ(largest, std::fabs(static_cast<float>(init.value))) << name;
      return;
    }
    const double expected =
        init.kind == ParamInit::Kind::kUniform ? init.value / std::sqrt(3) : init.value;
    if (init.kind == ParamInit::Kind::kUniform) {
      EXPECT_LE(largest, static_cast<float>(init.value)) << name;
    }
    if (n < 50) return;
    EXPECT_NEAR(deviation / expected, 1, 5 / std::sqrt(n)) << name;
    EXPECT_NEAR(sum / n / expected, 0, 5 / std::sqrt(n)) << name;
  });
}

TEST(AverageModels, IsTheMean) {
  ModelInfo info = SmallInfo();
  std::vector<std::string> paths;
  std::vector<Tensors> tensors;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    ModelInfo own = info;
    AddHistory(R"({"epoch":)" + std::to_string(seed) + "}", &own);
    paths.push_back(WriteSmall("part-" + std::to_string(seed), own, seed));
    tensors.push_back(TensorsOf(ReadModel(paths.back(), nullptr).get()));
  }
  ModelInfo averaged_info;
  std::unique_ptr<AsrModel> averaged = AverageModels(paths, &averaged_info);
  // The steps that all share, then the averaging.
  ModelInfo expected = info;
  AddHistory(nlohmann::json{{"tool", "nnet-average"}, {"models", paths}}.dump(), &expected);
  EXPECT_EQ(averaged_info.history, expected.history);
  const Tensors mean = TensorsOf(averaged.get());
  for (size_t i = 0; i < mean.size(); ++i) {
    for (int64_t j = 0; j < mean[i].second.Size(); ++j) {
      double sum = 0;
      for (const Tensors &t : tensors) sum += t[i].second.Data()[j];
      ASSERT_EQ(mean[i].second.Data()[j], static_cast<float>(sum / 3)) << mean[i].first;
    }
  }
  averaged = AverageModels({paths[1]}, &averaged_info);
  EXPECT_TRUE(SameBits(TensorsOf(averaged.get())[3].second, tensors[1][3].second));
}

TEST(AverageModels, NeverOverAModel) {
  const std::string a = WriteSmall("over-a"), b = WriteSmall("over-b", SmallInfo(), 2),
                    mean = PathOf("over-mean"), other = PathOf("over-other");
  const auto average = [](const std::vector<std::string> &inputs, const std::string &result) {
    ModelInfo info;
    auto model = AverageModels(inputs, &info);
    WriteModel(result, model.get(), info);
  };
  const auto refused = [](const std::vector<std::string> &inputs, const std::string &result) {
    const std::string before = ReadFile(result);
    try {
      CheckAverageResult(inputs, result);
    } catch (const UsageError &e) {
      EXPECT_NE(std::string(e.what()).find("models come first and the result last"),
                std::string::npos)
          << e.what();
      EXPECT_NE(std::string(e.what()).find(result), std::string::npos) << e.what();
      return true;
    }
    return false;
  };
  std::remove(mean.c_str());
  CheckAverageResult({a, b}, mean);
  average({a, b}, mean);
  average({a, a}, other);
  EXPECT_FALSE(refused({a, b}, mean));  // its own result of before
  EXPECT_FALSE(refused({a, other}, mean));
  EXPECT_TRUE(refused({mean, a}, b));  // the order of before
  EXPECT_TRUE(refused({a, mean}, mean));
  EXPECT_TRUE(refused({a, b}, TempDir() + "/./over-b.safetensors"));
  const std::string link = PathOf("over-link");
  std::remove(link.c_str());
  ASSERT_EQ(symlink(mean.c_str(), link.c_str()), 0);
  EXPECT_TRUE(refused({a, mean}, link));
  // Averages of averages, in the order of before.
  average({mean, other}, PathOf("over-all"));
  EXPECT_TRUE(refused({PathOf("over-all"), mean}, other));
  // What was trained on from an average is not this tool's.
  ModelInfo info;
  auto trained = ReadModel(mean, &info);
  AddHistory(R"({"tool":"nnet-train","epoch":3})", &info);
  WriteModel(other, trained.get(), info);
  EXPECT_TRUE(refused({a, b}, other));
  WriteFile(other, "notes");
  EXPECT_TRUE(refused({a, b}, other));
}

TEST(CheckFiniteWeights, NamesTheTensor) {
  AsrModel model(SmallInfo().config);
  InitModel(&model, 1);
  EXPECT_NO_THROW(CheckFiniteWeights(&model, "m"));
  model.MutableCtc()->MutableWeight()->Data()[3] = std::numeric_limits<float>::infinity();
  try {
    CheckFiniteWeights(&model, "m");
    FAIL();
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find("m: the tensor ctc.ctc_lo.weight"), std::string::npos)
        << e.what();
  }
}

TEST(AverageModels, RefusesDifferentModels) {
  const std::string first = WriteSmall("first");
  auto error = [&](const std::string &path) -> std::string {
    ModelInfo info;
    try {
      AverageModels({first, path}, &info);
    } catch (const DataError &e) {
      EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
      return e.what();
    }
    return "";
  };
  ModelOptions o = SmallOptions();
  o.hidden_dim = 7;
  EXPECT_NE(error(WriteSmall("other-shape", SmallInfo(o))).find("hidden-dim"), std::string::npos);
  ModelInfo info = SmallInfo();
  info.units[3] = "x";
  EXPECT_NE(error(WriteSmall("other-units", info)).find("units"), std::string::npos);
  info = SmallInfo();
  info.features["sample-frequency"] = "16000";
  EXPECT_NE(error(WriteSmall("other-features", info)).find("feature"), std::string::npos);
  std::unique_ptr<AsrModel> model = ReadModel(first, &info);
  ForEachParam(model.get(), [](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name == "ctc.ctc_lo.bias") t->Data()[2] = std::numeric_limits<float>::quiet_NaN();
  });
  WriteModel(PathOf("nan"), model.get(), info);
  EXPECT_NE(error(PathOf("nan")).find("ctc.ctc_lo.bias"), std::string::npos);
}

TEST(ReadUnits, AnyOrderButNoMistakes) {
  const std::string path = TempDir() + "/units.txt";
  auto error = [&](const std::string &text) -> std::string {
    WriteFile(path, text);
    try {
      ReadUnits(path);
    } catch (const Error &e) {
      EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
      return e.what();
    }
    return "";
  };
  WriteFile(path, "b 2\n<blank> 0\nä 1\n");
  EXPECT_EQ(ReadUnits(path), (std::vector<std::string>{"<blank>", "ä", "b"}));
  EXPECT_NE(error(""), "");
  EXPECT_NE(error("a 0\nb 2\n").find(":2:"), std::string::npos);
  EXPECT_NE(error("a 0\nb 0\n").find(":2:"), std::string::npos);
  EXPECT_NE(error("a 0\na 1\n"), "");
  EXPECT_NE(error("a x\n"), "");
  EXPECT_NE(error("a -1\n"), "");
  EXPECT_NE(error("a\n"), "");
  EXPECT_NE(error("a 0 1\n"), "");
}

}  // namespace
}  // namespace u2moe
