// Model files of before, as they were written then (tests/golden/model-files).
#include <gtest/gtest.h>

#include <cstring>

#include "modelfile/config-json.h"
#include "modelfile/quantize.h"
#include "modelfile/safetensors.h"
#include "pipeline/encode.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"

namespace u2moe {
namespace {

// CTC log-probabilities of each utterance, by a model made ready as tools do.
std::map<std::string, Tensor> Outputs(const std::string &model_path, const std::string &feats) {
  const Context ctx;
  std::string precision;
  const auto model =
      ReadModelForInference(ctx, model_path, PrecisionOptions(), nullptr, &precision);
  std::map<std::string, Tensor> outputs;
  SequentialMatrixReader reader("ark:" + feats);
  for (; !reader.Done(); reader.Next()) {
    const Tensor encoded = EncodeUtterance(ctx, *model, reader.Value(), EncodeOptions());
    outputs[reader.Key()] = model->CtcLogProbs(ctx, encoded);
  }
  return outputs;
}

void ExpectSameTensors(const std::string &a, const std::string &b) {
  const SafetensorsFile first(a), second(b);
  ASSERT_EQ(first.Entries().size(), second.Entries().size());
  for (const auto &[name, entry] : first.Entries()) {
    const SafetensorsEntry &other = second.Entries().at(name);
    ASSERT_EQ(entry.dtype, other.dtype) << name;
    ASSERT_EQ(entry.shape, other.shape) << name;
    const auto size = static_cast<size_t>(entry.end - entry.begin);
    EXPECT_EQ(std::memcmp(first.Bytes(name).get(), second.Bytes(name).get(), size), 0) << name;
  }
}

class OldFilesTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const std::string name = Cat("model-files/version-", GetParam(), ".safetensors");
    old_ = GoldenPath(name);
    if (old_.empty()) GTEST_SKIP() << "no " << name;
    feats_ = GoldenPath("model-files/feats.txt");
    anew_ = TempDir() + "/anew.safetensors";
    again_ = TempDir() + "/again.safetensors";
  }
  void Rewrite(const std::string &from, const std::string &to) {
    ModelInfo info;
    const auto model = ReadModel(from, &info, PackedWeights::kAllow);
    WriteModel(to, model.get(), info);
  }
  std::string old_, feats_, anew_, again_;
};

TEST_P(OldFilesTest, OpensAndIsWrittenAnew) {
  testing::internal::CaptureStderr();
  ModelInfo info;
  const auto model = ReadModel(old_, &info, PackedWeights::kAllow);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "nothing is amiss with an old file";
  EXPECT_EQ(info.config.encoder.ffn.num_experts, 2);
  EXPECT_EQ(info.config.decoder.ffn.num_experts, 3);
  EXPECT_EQ(info.config.ctc_weight, 0.4f);
  EXPECT_EQ(info.units, (std::vector<std::string>{"<blank>", "a", "b", "<sos/eos>"}));
  EXPECT_EQ(info.features.at("sample-frequency"), "8000");
  EXPECT_EQ(model->Policy().encoder_skip.size(), 2u);
  Rewrite(old_, anew_);
  EXPECT_EQ(SafetensorsFile(old_).Metadata().at("version"), Cat(GetParam()));
  const SafetensorsFile anew(anew_);
  EXPECT_EQ(anew.Metadata().at("version"), "4");
  EXPECT_EQ(anew.Metadata().at("config"), ConfigToJson(info.config));
  for (const char *key : {"units", "features", "history", "experts"})
    EXPECT_EQ(anew.Metadata().at(key), SafetensorsFile(old_).Metadata().at(key)) << key;
  ExpectSameTensors(old_, anew_);
  Rewrite(anew_, again_);
  EXPECT_EQ(ReadFile(again_), ReadFile(anew_));
}

TEST_P(OldFilesTest, GivesTheOutputsOfThen) {
  Rewrite(old_, anew_);
  const std::map<std::string, Tensor> got = Outputs(old_, feats_), anew = Outputs(anew_, feats_);
  ASSERT_EQ(got.size(), 2u);
  SequentialMatrixReader want("ark:" +
                              GoldenPath(Cat("model-files/logp-version-", GetParam(), ".txt")));
  for (; !want.Done(); want.Next()) {
    const Tensor &output = got.at(want.Key());
    ASSERT_EQ(output.Rows(), want.Value().Rows());
    // Another processor sums in another order.
    EXPECT_LT(MaxAbsDiff(output, want.Value()), GetParam() == 3 ? 2e-2 : 2e-5) << want.Key();
    EXPECT_EQ(MaxAbsDiff(output, anew.at(want.Key())), 0) << want.Key();
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, OldFilesTest, testing::Values(1, 3));

}  // namespace
}  // namespace u2moe
