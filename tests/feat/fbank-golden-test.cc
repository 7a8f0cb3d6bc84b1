// Filter banks and cepstra against kaldi-native-fbank, for every option set of the golden vectors.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "audio/wave.h"
#include "feat/fbank.h"
#include "feat/mfcc.h"
#include "support/golden-report.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"

namespace u2moe {
namespace {

struct Set {
  const char *name;
  double atol;  // three times the distance of two independent implementations, from tolerances.json
};

class Golden : public testing::TestWithParam<Set> {};

// What FbankOptions and MfccOptions have in common.
template <class Options>
Options OptionsFromJson(const nlohmann::json &j) {
  Options opts;
  opts.frame.sample_frequency = j.at("sample_frequency");
  opts.frame.frame_length = j.at("frame_length_ms");
  opts.frame.frame_shift = j.at("frame_shift_ms");
  opts.frame.dither = j.at("dither");
  opts.frame.preemphasis_coefficient = j.at("preemphasis_coefficient");
  opts.frame.remove_dc_offset = j.at("remove_dc_offset");
  opts.frame.window_type = j.at("window_type");
  opts.frame.round_to_power_of_two = j.at("round_to_power_of_two");
  opts.frame.snip_edges = j.at("snip_edges");
  opts.mel.num_bins = j.at("num_mel_bins");
  opts.mel.low_freq = j.at("low_freq");
  opts.mel.high_freq = j.at("high_freq");
  opts.use_energy = j.at("use_energy");
  opts.energy_floor = j.at("energy_floor");
  opts.raw_energy = j.at("raw_energy");
  opts.htk_compat = j.at("htk_compat");
  return opts;
}

std::function<Tensor(ConstView)> ExtractorFromJson(const nlohmann::json &j) {
  if (j.at("kind") == "mfcc") {
    MfccOptions opts = OptionsFromJson<MfccOptions>(j);
    opts.num_ceps = j.at("num_ceps");
    opts.cepstral_lifter = j.at("cepstral_lifter");
    return [mfcc = std::make_shared<Mfcc>(opts)](ConstView x) { return mfcc->Compute(x); };
  }
  FbankOptions opts = OptionsFromJson<FbankOptions>(j);
  opts.use_log_fbank = j.at("use_log_fbank");
  opts.use_power = j.at("use_power");
  return [fbank = std::make_shared<Fbank>(opts)](ConstView x) { return fbank->Compute(x); };
}

TEST_P(Golden, Agrees) {
  const std::string name = GetParam().name, options = GoldenPath("fbank/options.json");
  // The source tree keeps only one utterance of the largest archives, under names of their own.
  std::string archive = GoldenPath("fbank/" + name + ".knf.ark");
  if (archive.empty()) archive = GoldenPath("fbank/" + name + "_aishell.knf.ark");
  if (options.empty() || archive.empty()) GTEST_SKIP() << "no golden fbank/" << name << ".knf.ark";

  const nlohmann::json all = nlohmann::json::parse(ReadFile(options));
  const auto compute = ExtractorFromJson(all.at(name));
  double worst = 0;
  int num_utterances = 0;
  SequentialMatrixReader reader("ark:" + archive);
  for (; !reader.Done(); reader.Next(), ++num_utterances) {
    const std::string path = GoldenPath("fbank/wav/" + reader.Key() + ".wav");
    if (path.empty()) GTEST_SKIP() << "no audio of " << reader.Key() << ": it is in ../shared only";
    std::ifstream audio(path, std::ios::binary);
    const WaveData wave = ReadAudio(audio);
    CheckSampleRate(wave, all.at(name).at("sample_frequency"));
    const Tensor feats = compute(SelectChannel(wave, -1));
    ASSERT_EQ(feats.ShapeString(), reader.Value().ShapeString()) << reader.Key();
    worst = std::max(worst, MaxAbsDiff(feats, reader.Value()));
  }
  EXPECT_GT(num_utterances, 0);
  ReportGolden("fbank", "fbank/" + name + ".knf.ark", worst, GetParam().atol);
}

const std::vector<Set> kSets = {{"fbank80_16k", 3e-3},
                                {"fbank23_16k_energy", 2e-4},
                                {"fbank80_16k_no_snip", 7e-4},
                                {"fbank80_16k_hamming", 9e-4},
                                {"fbank80_16k_hanning", 9e-4},
                                {"fbank80_16k_band", 5e-4},
                                {"fbank80_16k_band_from_top", 5e-4},
                                {"fbank40_16k_rectangular_plain", 7e-5},
                                {"fbank40_16k_linear_magnitude", 2},
                                {"fbank40_8k", 3e-4},
                                {"fbank23_8k_energy", 5e-5},
                                {"fbank40_8k_no_snip", 5e-4},
                                {"fbank40_8k_band", 4e-5},
                                {"mfcc13_16k", 2e-3},
                                {"mfcc13_8k_no_energy", 2e-3}};

INSTANTIATE_TEST_SUITE_P(Sets, Golden, testing::ValuesIn(kSets),
                         [](const testing::TestParamInfo<Set> &info) {
                           return std::string(info.param.name);
                         });

TEST(Golden, NoSetIsLeftOut) {
  const std::string options = GoldenPath("fbank/options.json");
  if (options.empty()) GTEST_SKIP() << "no golden fbank/options.json";
  const nlohmann::json all = nlohmann::json::parse(ReadFile(options));
  for (const auto &[name, set] : all.items()) {
    const std::string wanted = name;
    EXPECT_EQ(
        std::count_if(kSets.begin(), kSets.end(), [&](const Set &s) { return s.name == wanted; }),
        1)
        << name;
  }
}

}  // namespace
}  // namespace u2moe
