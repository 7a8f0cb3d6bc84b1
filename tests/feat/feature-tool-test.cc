#include "feat/feature-tool.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using Features = std::map<std::string, std::string>;

// What a model stores of a configuration is what its features are made with.
TEST(FbankOptionsOf, ThereAndBack) {
  const std::string path = File("fbank.conf");
  for (const char *config :
       {"", "--num-mel-bins=80\nsample-frequency=8000\ndither=1\n",
        "num-mel-bins=40\nframe-length=20\nframe-shift=8\nuse-energy=true\nhtk-compat=true\n"
        "energy-floor=0.5\nraw-energy=false\nwindow-type=hamming\nlow-freq=33.5\nhigh-freq=-100\n"
        "preemphasis-coefficient=0.1234\nsnip-edges=false\nuse-power=false\n"
        "round-to-power-of-two=false\nremove-dc-offset=false\nuse-log-fbank=false\n"
        "blackman-coeff=0.41\nnum-threads=3\nallow-downsample=true\n"}) {
    WriteFile(path, config);
    const FbankOptions got = FbankOptionsOf(ReadFbankConfig(path));
    OptionParser po("");
    FeatureTool<FbankOptions> want(&po);
    po.ReadForeignConfig(path);
    EXPECT_EQ(got.frame.dither, 0);  // decoding adds none
    want.extractor.frame.dither = 0;
    EXPECT_EQ(got.ToString(), want.extractor.ToString());
    EXPECT_EQ(got.frame.preemphasis_coefficient, want.extractor.frame.preemphasis_coefficient);
  }
}

TEST(FbankOptionsOf, AbsentAndBad) {
  const FbankOptions opts = FbankOptionsOf({{"num-mel-bins", "80"}});
  EXPECT_EQ(opts.mel.num_bins, 80);
  EXPECT_EQ(opts.frame.dither, 0);
  EXPECT_EQ(opts.frame.sample_frequency, 16000);
  const auto message = [](const Features &f) { return ErrorOf([&] { FbankOptionsOf(f); }); };
  EXPECT_HAS(message({}), "does not say which features");
  EXPECT_HAS(message({{"num-mel-bins", "x"}}), "--num-mel-bins=x: expected a whole number");
  EXPECT_HAS(message({{"num-mel-bin", "80"}}), "did you mean --num-mel-bins?");
  EXPECT_HAS(message({{"frame-shift", "-1"}}), "frame-shift");
  EXPECT_HAS(message({{"subtract-mean", "true"}}), "needs whole utterances");
  EXPECT_EQ(message({{"subtract-mean", "false"}}), "(no error)");
  EXPECT_HAS(message({{"vtln-warp", "0.9"}}), "vtln-warp");
  EXPECT_THROW(FbankOptionsOf({{"energy-floor", "-1"}}), DataError);
}

}  // namespace
}  // namespace u2moe
