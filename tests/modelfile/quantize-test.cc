#include "modelfile/quantize.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "layer/layer-norm-layer.h"
#include "layer/linear.h"
#include "modelfile/safetensors.h"
#include "moe/router-registry.h"
#include "support/error-test.h"
#include "util/text.h"

namespace u2moe {
namespace {

const std::vector<std::string> kUnits = {"<blank>", "<unk>", "<sos/eos>", "a"};

// 20 inputs and 24 hidden ones: panels, blocks and groups with rests.
std::string WriteSmall(const std::string &name, int32_t experts = 3,
                       const std::string &router = "topk-softmax") {
  ModelOptions o;
  o.feature_dim = 10, o.model_dim = 20, o.num_blocks = 2, o.num_heads = 2, o.conv_kernel = 3;
  o.hidden_dim = 24, o.num_experts = experts, o.router = router;
  o.decoder_blocks = 1, o.reverse_decoder_blocks = 1;
  const RouterTraits &traits = RouterTraitsOf(router);
  o.dynamic_chunk = traits.may_stream;
  if (traits.decided_before) o.router_dim = 4;
  if (traits.experts_choose || traits.needs_tags || traits.encoder_only)
    o.decoder_router = "topk-softmax";
  if (traits.needs_tags) {
    o.router = "topk-softmax";
    o.layers = Cat("all:router=", router, ",router-pools=1");
  }
  o.SetUnits(kUnits);
  try {
    o.Check();
  } catch (const UsageError &) {  // a router of one expert per frame
    o.experts_per_frame = 1;
  }
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
      model, [](const ParamInfo &, Tensor *) {},
      [&](const ParamInfo &info, Tensor *, PackedMatrix *packed) {
        if (!packed->Empty()) all[info.name] = *packed;
      });
  return all;
}

// The roles of a whole model's tensors by name.
std::map<std::string, ParamRole> RolesOf(AsrModel *model) {
  std::map<std::string, ParamRole> roles;
  const auto add = [&](const ParamInfo &info) { roles[info.name] = info.use.role; };
  ForEachParamOrPacked(
      model, [&](const ParamInfo &info, Tensor *) { add(info); },
      [&](const ParamInfo &info, Tensor *, PackedMatrix *) { add(info); });
  return roles;
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
      const std::map<std::string, ParamRole> roles = RolesOf(from_file.get());
      const auto a = PackedOf(from_file.get()), b = PackedOf(at_load.get());
      ASSERT_EQ(a.size(), b.size());
      EXPECT_GT(a.size(), 20u);
      for (const auto &[name, packed] : a) {
        const PackedMatrix &other = b.at(name);
        EXPECT_EQ(packed.Format(), other.Format()) << name;
        EXPECT_EQ(packed.Format(), roles.at(name) == ParamRole::kRouter
                                       ? WeightFormat::kFloat32
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

TEST(Quantize, CopiesAreEqual) {
  const std::string path = WriteSmall("float");
  EXPECT_EQ(SafetensorsFile(path).Metadata().at("version"), "4");
  const std::string packed = Quantized(path, "int4", 16);
  EXPECT_EQ(SafetensorsFile(packed).Metadata().at("version"), "4");
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

TEST(Quantize, RolesOfAModel) {
  const auto model = ReadModel(WriteSmall("float"), nullptr);
  const std::map<std::string, ParamRole> roles = RolesOf(model.get());
  const std::pair<const char *, const char *> kExpected[] = {
      {"encoder.global_cmvn.mean", "buffer"},
      {"encoder.embed.conv.0.weight", "subsampling"},
      {"encoder.embed.out.0.weight", "subsampling"},
      {"encoder.encoders.1.feed_forward.gate.weight", "router"},
      {"encoder.encoders.1.feed_forward.experts.1.w_1.weight", "experts"},
      {"encoder.encoders.1.self_attn.linear_pos.weight", "attention"},
      {"encoder.encoders.1.self_attn.pos_bias_u", "attention"},
      {"encoder.encoders.1.conv_module.pointwise_conv1.weight", "convolution"},
      {"encoder.encoders.1.conv_module.norm.weight", "norm"},
      {"encoder.encoders.1.norm_ff.weight", "norm"},
      {"decoder.left_decoder.embed.0.weight", "embedding"},
      {"decoder.left_decoder.decoders.0.src_attn.linear_q.weight", "attention"},
      {"decoder.right_decoder.decoders.0.feed_forward.experts.2.w_2.bias", "experts"},
      {"decoder.left_decoder.output_layer.weight", "output"},
      {"ctc.ctc_lo.weight", "output"}};
  for (const auto &[name, role] : kExpected) {
    ASSERT_EQ(roles.count(name), 1u) << name;
    EXPECT_STREQ(ToString(roles.at(name)), role) << name;
  }
  for (const auto &[name, role] : roles) EXPECT_NE(role, ParamRole::kNone) << name;
}

// Layers under names that speak of anything but what they are.
struct OddRouter {
  Linear experts{16, 16};
  LayerNorm feed_forward{16};
  Tensor load{{16}};
  void VisitParams(ParamVisitor *v) {
    v->Scope("experts.0.w_1", ParamRole::kExpert, &experts);
    v->Scope("feed_forward", ParamRole::kFeedForward, &feed_forward);
    v->Buffer("self_attn", &load, ParamInit::Constant(0));
  }
};
struct OddModel {
  OddRouter router;
  Linear gate{16, 16}, unsaid{16, 16};
  void VisitParams(ParamVisitor *v) {
    v->Scope("feed_forward", ParamRole::kRouter, &router);
    v->Scope("x.gate.y", ParamUse(ParamRole::kExpert, 0.25), &gate);
    v->Scope("conv_module", &unsaid);
  }
};

TEST(Quantize, ARouterMayBeCalledAnything) {
  OddModel model;
  std::map<std::string, ParamInfo> seen;
  ForEachParamOrPacked(
      &model, [&](const ParamInfo &info, Tensor *) { seen[info.name] = info; },
      [&](const ParamInfo &info, Tensor *, PackedMatrix *) { seen[info.name] = info; });
  ASSERT_EQ(seen.size(), 9u);
  for (const char *what : {"experts", "ffn", "linear", "all"}) {
    QuantizeOptions opts;
    opts.what = what;
    for (const auto &[name, info] : seen) {
      const WeightFormat format = opts.PackingOf(info.use.role)->format;
      EXPECT_EQ(format, StartsWith(name, "x.gate") ? WeightFormat::kInt8 : WeightFormat::kFloat32)
          << name;
      EXPECT_EQ(info.use.role == ParamRole::kRouter, StartsWith(name, "feed_forward.")) << name;
    }
  }
  EXPECT_EQ(seen.at("x.gate.y.weight").use.share, 0.25);
  EXPECT_EQ(seen.at("conv_module.weight").use.role, ParamRole::kNone);
}

// Every router of the table: what a mixture has beside the tensors of a dense layer is expert or
// router, and stays in float32 if it is router.
TEST(Quantize, NoRouterOfTheTableIsQuantized) {
  for (const std::string &router : RouterNames()) {
    SCOPED_TRACE(router);
    const auto dense = ReadModel(WriteSmall("dense", 0), nullptr);
    const std::map<std::string, ParamRole> known = RolesOf(dense.get());
    const auto model = ReadModel(WriteSmall("mixture", 3, router), nullptr);
    const RouterTraits &traits = RouterTraitsOf(router);
    std::set<std::string> routers, floats;
    for (const auto &[name, role] : RolesOf(model.get())) {
      if (known.count(name) > 0) continue;
      // An embedding network has all that an encoder has.
      EXPECT_TRUE(role == ParamRole::kRouter || role == ParamRole::kExpert ||
                  traits.needs_embedding)
          << name;
      if (role == ParamRole::kRouter) routers.insert(name);
      // What is averaged anew for each segment stays in floats.
      if (role == ParamRole::kRouter ||
          (traits.merges && role == ParamRole::kExpert && StartsWith(name, "encoder.")))
        floats.insert(name);
    }
    EXPECT_EQ(routers.empty(),
              !traits.reads_rows && !traits.needs_embedding && !traits.decided_before);
    const auto packed =
        ReadModel(Quantized(File("mixture"), "int4", -1), nullptr, PackedWeights::kAllow);
    for (const auto &[name, matrix] : PackedOf(packed.get())) {
      EXPECT_EQ(matrix.Format(),
                floats.count(name) > 0 ? WeightFormat::kFloat32 : WeightFormat::kInt4)
          << name;
    }
  }
}

}  // namespace
}  // namespace u2moe
