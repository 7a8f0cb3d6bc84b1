// Where segments end, against the rules as they are written down, on random silence and by hand.
#include "pipeline/endpointer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

constexpr double kFrame = 0.04;

// The segments' ends when the frames come one after the other, fed again as a segmenter does.
std::vector<int64_t> Cuts(const EndpointOptions &opts, const std::vector<double> &silence) {
  Endpointer endpointer(opts, kFrame);
  std::vector<int64_t> cuts;
  for (size_t t = 0; t < silence.size(); ++t) {
    const auto cut = endpointer.Accept(silence[t]);
    if (!cut) continue;
    EXPECT_EQ(endpointer.Begin(), *cut);
    cuts.push_back(*cut);
    t = static_cast<size_t>(*cut) - 1;
  }
  return cuts;
}

// The same from the definition: for each beginning, the first end at which a rule holds of the
// frames between, each property looked up anew.
std::vector<int64_t> NaiveCuts(const EndpointOptions &opts, const std::vector<double> &silence) {
  const int64_t n = static_cast<int64_t>(silence.size());
  const auto silent = [&](int64_t t) {
    return silence[static_cast<size_t>(t)] > static_cast<double>(opts.blank_threshold);
  };
  std::vector<int64_t> cuts;
  for (int64_t begin = 0, end = 1; end <= n; ++end) {
    int64_t trailing = 0;
    while (trailing < end - begin && silent(end - 1 - trailing)) ++trailing;
    bool sound = false;
    for (int64_t t = begin; t < end; ++t) sound |= !silent(t);
    bool pause = false, length = false;
    for (const EndpointRule &rule : {opts.rule1, opts.rule2, opts.rule3}) {
      const bool holds =
          (sound || !rule.must_contain_nonsilence) &&
          trailing >= static_cast<int64_t>(std::ceil(rule.min_trailing_silence / kFrame - 1e-3)) &&
          end - begin >= static_cast<int64_t>(std::ceil(rule.min_utterance_length / kFrame - 1e-3));
      if (holds) (rule.min_trailing_silence > 0 ? pause : length) = true;
    }
    if (!pause && !length) continue;
    int64_t cut = 0;
    if (pause) {
      cut = end - std::min<int64_t>(trailing / 2, 12);  // half a second
    } else {
      const int64_t half = begin + (end - begin) / 2;
      int64_t best_length = 0;
      for (int64_t b = half; b < end; ++b) {
        for (int64_t e = b + 1; e <= end; ++e) {
          bool all = true;
          for (int64_t t = b; t < e; ++t) all &= silent(t);
          if (all && e - b >= best_length) {
            best_length = e - b;
            cut = e - (e - b) / 2;
          }
        }
      }
      if (best_length == 0) {
        double most = -1;
        for (int64_t t = half; t < end; ++t) {
          if (silence[static_cast<size_t>(t)] < most) continue;
          most = silence[static_cast<size_t>(t)];
          cut = t + 1;
        }
      }
    }
    cuts.push_back(cut);
    begin = end = cut;
  }
  return cuts;
}

TEST(Endpointer, IsItsDefinition) {
  Rng rng(5);
  int64_t num_cuts = 0;
  for (int trial = 0; trial < 300; ++trial) {
    EndpointOptions opts;
    opts.rule1 = {false, static_cast<float>(rng.UniformInt(1, 20)) * 0.04f, 0};
    opts.rule2 = {true, static_cast<float>(rng.UniformInt(1, 10)) * 0.04f,
                  static_cast<float>(rng.UniformInt(0, 10)) * 0.04f};
    opts.rule3 = {false, 0, 1 + static_cast<float>(rng.UniformInt(0, 25)) * 0.04f};
    // Runs of silence and of sound, with frames of chance among them, and ties.
    std::vector<double> silence;
    while (silence.size() < 400) {
      const double level = static_cast<double>(rng.UniformInt(0, 4)) / 4;
      for (int64_t n = rng.UniformInt(1, trial % 3 == 0 ? 60 : 8); n > 0; --n)
        silence.push_back(rng.UniformInt(0, 9) == 0 ? 0.5 : level);
    }
    const std::vector<int64_t> cuts = Cuts(opts, silence);
    EXPECT_EQ(cuts, NaiveCuts(opts, silence)) << trial;
    num_cuts += static_cast<int64_t>(cuts.size());
    // Each frame is in one segment, none of which is empty or longer than the bound.
    int64_t begin = 0;
    for (const int64_t cut : cuts) {
      EXPECT_GT(cut, begin);
      EXPECT_LE(cut - begin, Endpointer(opts, kFrame).MaxFrames());
      begin = cut;
    }
  }
  EXPECT_GT(num_cuts, 3000);
}

std::vector<double> Runs(const std::vector<std::pair<double, double>> &seconds_of) {
  std::vector<double> silence;
  for (const auto &[seconds, level] : seconds_of)
    silence.insert(silence.end(), static_cast<size_t>(std::lround(seconds / kFrame)), level);
  return silence;
}

TEST(Endpointer, ByTheDefaults) {
  const EndpointOptions opts;
  // A pause of a second ends a segment, in its middle; shorter ones do not.
  EXPECT_EQ(Cuts(opts, Runs({{2, 0}, {0.96, 1}, {2, 0}, {1, 1}, {1, 0}})),
            (std::vector<int64_t>{50 + 24 + 50 + 13}));
  // Silence alone: five seconds, of which half a one stays with what follows.
  EXPECT_EQ(Cuts(opts, Runs({{6, 1}, {1, 0}})), (std::vector<int64_t>{125 - 12}));
  // Speech without a pause: at 20 s, in the longest silence of the later half.
  EXPECT_EQ(Cuts(opts, Runs({{8, 0}, {0.8, 1}, {4, 0}, {0.4, 1}, {1, 0}, {0.2, 1}, {9, 0}})),
            (std::vector<int64_t>{320 + 5}));
  // Without any silence: in the frame that is nearest to it.
  std::vector<double> dense(600, 0.1);
  dense[300] = dense[400] = 0.7;
  EXPECT_EQ(Cuts(opts, dense), (std::vector<int64_t>{401}));
  EXPECT_TRUE(Cuts(opts, {}).empty());
}

TEST(Endpointer, Options) {
  EndpointOptions opts;
  EXPECT_NO_THROW(opts.Check());
  const auto error = [](auto change) {
    EndpointOptions changed;
    change(&changed);
    return ErrorOf([&] { changed.Check(); });
  };
  EXPECT_HAS(error([](EndpointOptions *o) { o->rule2.min_trailing_silence = 0; }),
             "--endpoint.rule2 would end every segment at once");
  EXPECT_HAS(error([](EndpointOptions *o) { o->rule3.min_utterance_length = 1000; }),
             "memory would grow");
  EXPECT_HAS(error([](EndpointOptions *o) { o->rule3.must_contain_nonsilence = true; }),
             "memory would grow");
  EXPECT_HAS(error([](EndpointOptions *o) { o->rule1.min_trailing_silence = -1; }),
             "--endpoint.rule1.min-trailing-silence=-1");
  EXPECT_HAS(error([](EndpointOptions *o) { o->blank_threshold = 1; }), "between 0 and 1");
}

}  // namespace
}  // namespace u2moe
