#include "modelfile/quantize.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "modelfile/safetensors.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

const std::vector<std::string> kUnits = {"<blank>", "<unk>", "<sos/eos>", "a"};

// 20 inputs and 24 hidden ones: panels, blocks and groups with rests.
std::string WriteSmall(const std::string &name) {
  ModelOptions o;
  o.feature_dim = 10, o.model_dim = 20, o.num_blocks = 2, o.num_heads = 2, o.conv_kernel = 3;
  o.hidden_dim = 24, o.num_experts = 3;
  o.decoder_blocks = 1, o.reverse_decoder_blocks = 1;
  o.SetUnits(kUnits);
  ModelInfo info;
  info.config = o.Config();
  info.units = kUnits;
  AsrModel model(info.config);
  InitModel(&model, 1);
  WriteModel(File(name), &model, info);
  return File(name);
}

std::string Quantized(const std::string &from, const std::string &weights, int32_t group_size) {
  QuantizeOptions opts;
  opts.weights = weights;
  opts.group_size = group_size;
  opts.Check();
  QuantizeModel(from, File(weights), opts);
  return File(weights);
}

std::string Bytes(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

// The packed weights of a model by name.
std::map<std::string, PackedMatrix> PackedOf(AsrModel *model) {
  std::map<std::string, PackedMatrix> all;
  ForEachParamOrPacked(
      model, [](const std::string &, Tensor *, bool) {},
      [&](const std::string &name, Tensor *, PackedMatrix *packed) {
        if (!packed->Empty()) all[name] = *packed;
      });
  return all;
}

TEST(Quantize, FileHoldsWhatPackingAtLoadGives) {
  const Context ctx;
  const std::string path = WriteSmall("float");
  for (const char *weights : {"float32", "bfloat16", "int8", "int4"}) {
    for (const int32_t group_size : {-1, 0, 8}) {
      SCOPED_TRACE(Cat(weights, " ", group_size));
      const std::string packed_path = Quantized(path, weights, group_size);
      PrecisionOptions opts;
      opts.group_size = group_size;
      std::string held, asked;
      const auto from_file = ReadModelForInference(ctx, packed_path, opts, nullptr, &held);
      opts.precision = weights;
      const auto at_load = ReadModelForInference(ctx, path, opts, nullptr, &asked);
      EXPECT_EQ(held, weights);
      EXPECT_EQ(asked, weights);
      const auto a = PackedOf(from_file.get()), b = PackedOf(at_load.get());
      ASSERT_EQ(a.size(), b.size());
      EXPECT_GT(a.size(), 20u);
      for (const auto &[name, packed] : a) {
        const PackedMatrix &other = b.at(name);
        EXPECT_EQ(packed.Format(), other.Format()) << name;
        EXPECT_EQ(packed.Format(), WeightKind(name) == "router" ? WeightFormat::kFloat32
                                                                : ParseWeightFormat(weights));
        EXPECT_EQ(packed.GroupSize(), other.GroupSize()) << name;
        ASSERT_EQ(packed.Bytes(), other.Bytes()) << name;
        EXPECT_EQ(std::memcmp(packed.Panel(0), other.Panel(0),
                              static_cast<size_t>(packed.NumPanels() * packed.PanelBytes())),
                  0)
            << name;
        EXPECT_EQ(MaxAbsDiff(packed.Scales(), other.Scales()), 0) << name;
        EXPECT_EQ(reinterpret_cast<uintptr_t>(packed.Panel(0)) % 64, 0u) << name;
      }
    }
  }
}

TEST(Quantize, PackedWeightsAreUsedWhereTheFileIsMapped) {
  const std::string path = Quantized(WriteSmall("float"), "int8", -1);
  const auto model = ReadModel(path, nullptr, PackedWeights::kAllow);
  std::ifstream maps("/proc/self/maps");
  if (!maps) GTEST_SKIP() << "no /proc/self/maps";
  uintptr_t begin = 0, end = 0;
  for (std::string line; std::getline(maps, line);) {
    unsigned long long from, to;
    if (line.find(path) != line.npos && std::sscanf(line.c_str(), "%llx-%llx", &from, &to) == 2) {
      begin = begin == 0 ? from : begin;
      end = to;
    }
  }
  for (const auto &[name, packed] : PackedOf(model.get())) {
    const auto at = reinterpret_cast<uintptr_t>(packed.Panel(0));
    EXPECT_TRUE(begin <= at && at < end) << name;
  }
}

TEST(Quantize, CopiesAreEqualAndOldVersionsStay) {
  const std::string path = WriteSmall("float");
  EXPECT_EQ(SafetensorsFile(path).Metadata().at("version"), "1");
  const std::string packed = Quantized(path, "int4", 16);
  EXPECT_EQ(SafetensorsFile(packed).Metadata().at("version"), "3");
  ModelInfo info;
  const auto model = ReadModel(packed, &info, PackedWeights::kAllow);
  WriteModel(File("copy"), model.get(), info);
  EXPECT_EQ(Bytes(File("copy")), Bytes(packed));
  EXPECT_HAS(ErrorOf([&] { ReadModel(packed, nullptr); }), "packed for inference (");
}

TEST(Quantize, ErrorsAreThoseOfTheFormat) {
  const std::string path = WriteSmall("float");
  const std::map<std::string, std::pair<double, double>> bounds = {{"float32", {0, 0}},
                                                                   {"bfloat16", {1e-3, 3e-3}},
                                                                   {"int8", {1e-3, 1e-2}},
                                                                   {"int4", {3e-2, 0.15}}};
  for (const auto &[weights, bound] : bounds) {
    QuantizeOptions opts;
    opts.weights = weights;
    for (const auto &[name, kind] : QuantizeModel(path, File("q"), opts)) {
      SCOPED_TRACE(Cat(weights, " ", name));
      EXPECT_TRUE(kind.packed);
      if (name == "router") {
        EXPECT_EQ(kind.RelativeError(), 0);
        continue;
      }
      EXPECT_GE(kind.RelativeError(), bound.first);
      EXPECT_LE(kind.RelativeError(), bound.second);
    }
  }
}

// A file of the same tensors with other metadata, or without some of them.
std::string Altered(const std::string &path, const std::string &packed,
                    const std::string &without = "") {
  const SafetensorsFile file(path);
  std::vector<SafetensorsItem> items;
  for (const auto &[name, entry] : file.Entries()) {
    if (name == without) continue;
    const std::shared_ptr<const void> bytes = file.Bytes(name);
    items.push_back({name, entry.dtype, entry.shape, [bytes] { return bytes; }});
  }
  auto metadata = file.Metadata();
  metadata["packed"] = packed;
  WriteSafetensors(File("altered"), items, metadata);
  return File("altered");
}

TEST(Quantize, DamagedFilesAreRefused) {
  using nlohmann::json;
  const std::string path = Quantized(WriteSmall("float"), "int8", 8);
  const json good = json::parse(SafetensorsFile(path).Metadata().at("packed"));
  const std::string weight = "ctc.ctc_lo.weight";
  ASSERT_TRUE(good.contains(weight));
  const auto message = [&](const json &packed, const std::string &without = "") {
    const std::string altered = Altered(path, packed.dump(), without);
    return ErrorOf([&] { ReadModel(altered, nullptr, PackedWeights::kAllow); });
  };
  EXPECT_EQ(message(good), "(no error)");
  EXPECT_HAS(message(good, weight + ".scales"), weight + ".scales is missing");
  EXPECT_HAS(message(good, weight + ".packed"), weight + ".packed is missing");
  for (const json &value : {json(3), json::array({"int8"}), json::array({8, 8}),
                            json::array({"int8", "8"}), json::array({"int8", 1.5})}) {
    json packed = good;
    packed[weight] = value;
    EXPECT_HAS(message(packed), "expected [format, group size]") << value;
  }
  for (const json &size : {json(-8), json(12), json(int64_t{1} << 40)}) {
    json packed = good;
    packed[weight] = {"int8", size};
    EXPECT_HAS(message(packed), "expected a multiple of 8, or 0") << size;
  }
  json packed = good;
  packed[weight] = {"int3", 8};
  EXPECT_HAS(message(packed), "unknown format of weights 'int3'");
  packed[weight] = {"int4", 8};
  EXPECT_HAS(message(packed), "but its config and format ask for U8");
  packed[weight] = {"float32", 0};
  EXPECT_HAS(message(packed), "but its config and format ask for F32");
  packed[weight] = {"int8", 16};
  EXPECT_HAS(message(packed), weight + ".scales is F32");
  packed = good;
  packed["no.weight"] = {"int8", 8};
  EXPECT_HAS(message(packed), "no.weight is no weight of the model");
  packed = good;
  packed.erase(weight);
  EXPECT_HAS(message(packed), weight + " is missing");
  EXPECT_HAS(message(json::array()), "no object");
}

TEST(Quantize, WeightsThatAreNotFiniteAreNamed) {
  const std::string path = WriteSmall("float");
  ModelInfo info;
  const auto model = ReadModel(path, &info);
  model->MutableCtc()->MutableWeight()->Data()[5] = std::numeric_limits<float>::quiet_NaN();
  WriteModel(File("nan"), model.get(), info);
  EXPECT_HAS(ErrorOf([&] { Quantized(File("nan"), "int8", -1); }),
             "nan: the tensor ctc.ctc_lo.weight: the weight of output 0, input 5 is nan");
}

TEST(Quantize, KindsOfLayers) {
  EXPECT_EQ(WeightKind("encoder.embed.out.0.weight"), "subsampling");
  EXPECT_EQ(WeightKind("encoder.encoders.3.feed_forward.gate.weight"), "router");
  EXPECT_EQ(WeightKind("encoder.encoders.3.feed_forward.experts.1.w_1.weight"), "experts");
  EXPECT_EQ(WeightKind("encoder.encoders.3.feed_forward_macaron.w_2.weight"), "feed-forward");
  EXPECT_EQ(WeightKind("encoder.encoders.3.self_attn.linear_pos.weight"), "attention");
  EXPECT_EQ(WeightKind("decoder.left_decoder.decoders.0.src_attn.linear_q.weight"), "attention");
  EXPECT_EQ(WeightKind("encoder.encoders.3.conv_module.pointwise_conv1.weight"), "convolution");
  EXPECT_EQ(WeightKind("ctc.ctc_lo.weight"), "output");
  EXPECT_EQ(WeightKind("decoder.left_decoder.output_layer.weight"), "output");
}

}  // namespace
}  // namespace u2moe
