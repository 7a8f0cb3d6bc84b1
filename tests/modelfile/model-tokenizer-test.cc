#include "modelfile/model-tokenizer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "modelfile/model-file.h"
#include "modelfile/safetensors.h"
#include "support/test-util.h"
#include "support/tiny-word-pieces.h"
#include "text/word-piece-model.h"

namespace u2moe {
namespace {

const std::vector<std::string> kUnits = {"<blank>", "<unk>", "A", "\u2581A", "<sos/eos>"};

ModelInfo SmallInfo() {
  ModelOptions o;
  o.feature_dim = 10, o.model_dim = 4, o.num_blocks = 1, o.num_heads = 2, o.conv_kernel = 3;
  o.hidden_dim = 4, o.decoder_blocks = 1;
  o.SetUnits(kUnits);
  ModelInfo info;
  info.config = o.Config();
  info.units = kUnits;
  return info;
}

std::string PathOf(const std::string &name) { return TempDir() + "/" + name + ".safetensors"; }

std::string WriteSmall(const std::string &name, const ModelInfo &info) {
  AsrModel model(info.config);
  InitModel(&model, 1);
  WriteModel(PathOf(name), &model, info);
  return PathOf(name);
}

std::string ReadError(const std::string &path) {
  try {
    ReadModel(path, nullptr);
  } catch (const DataError &e) {
    return e.what();
  }
  return "";
}

// A model of word pieces is a tensor of bytes, of files of version 5 only.
TEST(ModelTokenizer, ModelFiles) {
  ModelInfo info = SmallInfo();
  info.bpe_model = std::string("any bytes \0\xff", 12);
  info.bpe_case = "upper";
  WriteSmall("pieces", info);
  const SafetensorsFile file(PathOf("pieces"));
  EXPECT_EQ(file.Metadata().at("version"), "5");
  EXPECT_EQ(file.Entries().at("tokenizer.bpe_model").dtype, "U8");
  ModelInfo read;
  const auto model = ReadModel(PathOf("pieces"), &read);
  EXPECT_EQ(read.bpe_model, info.bpe_model);
  EXPECT_EQ(read.bpe_case, "upper");
  EXPECT_EQ(ReadModelInfo(PathOf("pieces")).bpe_model, info.bpe_model);
  EXPECT_EQ(model->NumParams(),
            ReadModel(WriteSmall("letters", SmallInfo()), nullptr)->NumParams());
  WriteModel(PathOf("pieces-again"), model.get(), read);
  EXPECT_EQ(ReadFile(PathOf("pieces-again")), ReadFile(PathOf("pieces")));
  AsrModel shape(info.config);
  InitBuffers(&shape, 1);
  WriteInitialModel(PathOf("pieces-initial"), &shape, info, 1);
  EXPECT_EQ(ReadFile(PathOf("pieces-initial")), ReadFile(PathOf("pieces")));

  std::vector<std::pair<std::string, Tensor>> tensors;
  std::vector<std::pair<std::string, const Tensor *>> list;
  for (const auto &[name, entry] : file.Entries()) {
    if (entry.dtype == "F32") tensors.emplace_back(name, file.Floats(name));
  }
  for (const auto &[name, tensor] : tensors) list.emplace_back(name, &tensor);
  const auto error = [&](const char *key, const std::string &value) {
    auto metadata = file.Metadata();
    metadata[key] = value;
    WriteSafetensors(PathOf("pieces-bad"), list, metadata);
    return ReadError(PathOf("pieces-bad"));
  };
  EXPECT_NE(error("x", "").find("tokenizer.bpe_model is missing"), std::string::npos);
  EXPECT_NE(
      error("tokenizer", R"({"type": "words", "case": "x"})").find("the type words is unknown"),
      std::string::npos);
  EXPECT_NE(error("tokenizer", "[]").find("expected an object"), std::string::npos);
  EXPECT_NE(error("tokenizer", R"({"type": "bpe"})").find("expected an object"), std::string::npos);
  EXPECT_EQ(error("version", "4"), "") << "where it says nothing";
  const Tensor stray(1, 3);
  list.emplace_back("tokenizer.bpe_model", &stray);
  EXPECT_NE(error("version", "4").find("belongs to no part"), std::string::npos);
  EXPECT_NE(error("version", "5").find("not of type U8"), std::string::npos);
  info.units.clear();
  EXPECT_THROW(WriteSmall("pieces-bad", info), UsageError);
  info = SmallInfo();
  info.bpe_case = "lower";
  EXPECT_THROW(WriteSmall("pieces-bad", info), UsageError);
}

// A file as it was written when there were such files first.
TEST(ModelTokenizer, Version5) {
  const std::string path = GoldenPath("model-files/version-5.safetensors");
  if (path.empty()) GTEST_SKIP() << "no model-files/version-5.safetensors";
  ModelInfo info;
  const auto model = ReadModel(path, &info);
  EXPECT_EQ(info.bpe_case, "auto");
  EXPECT_EQ(ParseWordPieceModel(info.bpe_model, "x").pieces.size(), 7u);
  WriteModel(PathOf("anew"), model.get(), info);
  EXPECT_EQ(ReadFile(PathOf("anew")), ReadFile(path));
#ifdef U2MOE_SENTENCEPIECE
  const auto tokenizer = OpenTokenizer(path, TokenizerOptions(), true);
  EXPECT_EQ(tokenizer->Encode({"ab", "ba", "x"}, 1), (std::vector<int32_t>{5, 2, 4, 3, 2, 1}));
#endif
}

TEST(ModelTokenizer, UnitsAndModelFiles) {
  const std::string units = TempDir() + "/units.txt", pieces = TempDir() + "/bpe.model";
  WriteFile(units, "<blank> 0\n<unk> 1\nA 2\n\u2581A 3\n<sos/eos> 4\n");
  WriteFile(pieces, TinyWordPieces().Bytes());
  TokenizerOptions options;
  const std::vector<std::string> words = {"AA"};
  EXPECT_EQ(OpenTokenizer(units, options, false)->Decode({3, 2}), words);
  EXPECT_THROW(OpenTokenizer(units, options, true), Error);
  ModelInfo info = SmallInfo();
  info.bpe_model = ReadFittingWordPieces(pieces, kUnits, units);
  EXPECT_EQ(info.bpe_model, TinyWordPieces().Bytes());
  EXPECT_THROW(ReadFittingWordPieces(pieces, {}, units), UsageError);
  EXPECT_THROW(ReadFittingWordPieces(pieces, {"x"}, units), DataError);
  info.bpe_case = "keep";
  const std::string model = WriteSmall("with", info);
  info.units.clear();
  info.bpe_model.clear();
  const std::string without = WriteSmall("without", info);
  EXPECT_THROW(OpenTokenizer(without, options, false), DataError);
  EXPECT_THROW(OpenTokenizer(TempDir() + "/absent", options, false), Error);
  EXPECT_EQ(OpenUnits(model).Units(), kUnits);
  EXPECT_EQ(OpenUnits(units).Units(), kUnits);
  EXPECT_THROW(OpenUnits(without), DataError);
  EXPECT_EQ(OpenTokenizer(model, options, false)->Decode({3, 2}), words);
#ifdef U2MOE_SENTENCEPIECE
  const auto ids = [&](const std::string &file) {
    return OpenTokenizer(file, options, true)->Encode({"Aa"}, 1);
  };
  EXPECT_EQ(ids(model), (std::vector<int32_t>{3, 1})) << "its own case";
  options.bpe_case = "upper";
  EXPECT_EQ(ids(model), (std::vector<int32_t>{3, 2}));
  options.bpe_case = "";
  options.bpe_model = pieces;
  EXPECT_EQ(ids(units), (std::vector<int32_t>{3, 2}));
  EXPECT_EQ(ids(model), (std::vector<int32_t>{3, 2})) << "another model's case is its own";
#endif
}

}  // namespace
}  // namespace u2moe
