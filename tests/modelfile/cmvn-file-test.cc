#include "modelfile/cmvn-file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(GlobalCmvn, ReadsKaldiAndWenet) {
  // Three frames of two dimensions: (1, 2), (3, 2), (5, 2): means 3, 2; variances 8/3, 0 (floored).
  const std::string json = TempDir() + "/cmvn.json", text = TempDir() + "/cmvn.txt",
                    table = TempDir() + "/cmvn.ark";
  WriteFile(json, R"({"mean_stat": [9, 6], "var_stat": [35, 12], "frame_num": 3})");
  WriteFile(text, " [\n  9 6 3\n  35 12 0 ]\n");
  WriteFile(table, "s1  [\n  4 4 2\n  10 8 0 ]\ns2  [\n  5 2 1\n  25 4 0 ]\n");
  for (const std::string &name : {json, text, "ark:" + table}) {
    const GlobalCmvn cmvn = ReadGlobalCmvn(name);
    ASSERT_EQ(cmvn.mean.size(), 2u) << name;
    EXPECT_DOUBLE_EQ(cmvn.mean[0], 3) << name;
    EXPECT_DOUBLE_EQ(cmvn.istd[0], 1 / std::sqrt(8.0 / 3)) << name;
    EXPECT_DOUBLE_EQ(cmvn.mean[1], 2) << name;
    EXPECT_DOUBLE_EQ(cmvn.istd[1], 1e10) << name;
  }
  auto refused = [&](const std::string &contents) {
    WriteFile(text, contents);
    EXPECT_THROW(ReadGlobalCmvn(text), DataError) << contents;
  };
  refused("");
  refused("nonsense");
  refused("{}");
  refused(R"({"mean_stat": [9, 6], "var_stat": [35], "frame_num": 3})");
  refused(R"({"mean_stat": [9, 6], "var_stat": [35, 12], "frame_num": 0})");
  refused(" [\n  9 6 3 ]\n");
  refused(" [\n  9 6 0\n  35 12 0 ]\n");
  refused(" [\n  nan 6 3\n  35 12 0 ]\n");
  ModelOptions options;
  options.feature_dim = 10, options.model_dim = 8, options.num_blocks = 1, options.num_heads = 2;
  options.hidden_dim = 6, options.decoder_blocks = 1, options.reverse_decoder_blocks = 1;
  options.SetUnits({"<blank>", "<unk>", "<sos/eos>", "a"});
  AsrModel model(options.Config());
  EXPECT_THROW(SetGlobalCmvn(ReadGlobalCmvn(json), json, &model), DataError)
      << "2 dimensions for 10";
}

}  // namespace
}  // namespace u2moe
