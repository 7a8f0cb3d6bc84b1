#include "decode/word-times.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "decode/word-time-fit.h"
#include "support/error-test.h"
#include "util/options.h"

namespace u2moe {
namespace {

// One token in each of the given stretches of frames; every frame has the log-probability -1, the
// peak, in the last frame of the stretch, -0.5.
CtcAlignment AlignmentOf(const std::vector<std::pair<int32_t, int32_t>> &stretches,
                         int32_t num_frames) {
  CtcAlignment a;
  a.frame_log_probs.assign(static_cast<size_t>(num_frames), -1.f);
  for (const auto &[begin, end] : stretches) {
    a.frame_log_probs[static_cast<size_t>(end) - 1] = -0.5f;
    a.tokens.push_back({1, begin, end, end - 1, 0, -0.5});
  }
  return a;
}

std::vector<TimedWord> Named(size_t count) {
  std::vector<TimedWord> words(count);
  for (size_t i = 0; i < count; ++i) words[i].text = "w" + std::to_string(i);
  return words;
}

constexpr WordTimeOptions kNone = {0, 0, 0, 0};

// Tokens 0 and 1 are a word, 2 is a space, 3 another word.
const CtcAlignment kAlignment = AlignmentOf({{2, 3}, {4, 6}, {8, 9}, {12, 14}}, 20);
const std::vector<TokenWord> kWords = {{"ab", 0, 2}, {"c", 3, 4}};

TEST(WordTimes, FramesOfWords) {
  const FrameTimes frames = {0.04, 0.05, 0.03};
  const double duration = frames.Duration(20);
  EXPECT_NEAR(duration, 0.05 + 19 * 0.04 + 0.03, 1e-12);
  EXPECT_EQ(frames.Duration(0), 0);
  const auto words = FramesOfWords(kAlignment, kWords, frames, duration);
  ASSERT_EQ(words.size(), 2u);
  // Frame 2 is about 0.13 s, frame 5 about 0.25 s.
  EXPECT_NEAR(words[0].begin, 0.11, 1e-12);
  EXPECT_NEAR(words[0].end, 0.27, 1e-12);
  EXPECT_NEAR(words[0].gap_before, 0.11, 1e-12);
  EXPECT_NEAR(words[0].gap_after, 6 * 0.04, 1e-12);
  EXPECT_NEAR(words[1].gap_before, 6 * 0.04, 1e-12);
  EXPECT_NEAR(words[1].begin, 0.51, 1e-12);
  EXPECT_NEAR(words[1].gap_after, duration - 0.59, 1e-12);
  // A long pause counts as half a second.
  EXPECT_EQ(FramesOfWords(kAlignment, kWords, frames, 100)[1].gap_after, WordFrames::kMaxGap);
  EXPECT_TRUE(FramesOfWords(AlignmentOf({}, 5), {}, frames, 1).empty());
}

TEST(WordTimes, OffsetsAndShares) {
  std::vector<TimedWord> words = Named(2);
  const std::vector<WordFrames> frames = {{0.5, 0.8, 0.5, 0.4}, {1.2, 1.4, 0.4, 0.1}};
  SetWordTimes(frames, kNone, 2, &words);
  EXPECT_EQ(words[0].begin, 0.5);
  EXPECT_EQ(words[1].end, 1.4);
  SetWordTimes(frames, {-0.1, 0.5, -0.02, 0.25}, 2, &words);
  EXPECT_NEAR(words[0].begin, 0.5 - 0.1 - 0.25, 1e-12);
  EXPECT_NEAR(words[0].end, 0.8 - 0.02 + 0.1, 1e-12);
  EXPECT_NEAR(words[1].begin, 1.2 - 0.1 - 0.2, 1e-12);
  EXPECT_EQ(words[0].text, "w0");
}

TEST(WordTimes, WordsThatWouldOverlapMeetAndTimesStayInTheUtterance) {
  std::vector<TimedWord> words = Named(2);
  SetWordTimes({{0.5, 0.8, 0, 0}, {0.8, 1.0, 0, 0}}, {-0.2, 0, 0.1, 0}, 1, &words);
  EXPECT_NEAR(words[0].begin, 0.3, 1e-12);
  EXPECT_NEAR(words[0].end, 0.75, 1e-12);  // 0.9 and 0.6
  EXPECT_NEAR(words[1].begin, 0.75, 1e-12);
  EXPECT_EQ(words[1].end, 1);
  SetWordTimes({{0.1, 0.2, 0, 0}, {0.8, 1.0, 0, 0}}, {-0.2, 0, -0.5, 0}, 1, &words);
  EXPECT_EQ(words[0].begin, 0);
  EXPECT_EQ(words[0].end, 0);
}

// Whatever the numbers, times are in order, within the utterance, and no word ends before it
// begins.
TEST(WordTimes, AlwaysInOrder) {
  Rng rng(7);
  for (int n = 0; n < 2000; ++n) {
    std::vector<WordFrames> frames(static_cast<size_t>(rng.UniformInt(0, 6)));
    double at = 0;
    for (WordFrames &f : frames) {
      f.begin = at += 0.04 * static_cast<double>(rng.UniformInt(0, 5));
      f.end = at += 0.04 * static_cast<double>(rng.UniformInt(1, 5));
      f.gap_before = 0.1 * static_cast<double>(rng.UniformInt(0, 5));
      f.gap_after = 0.1 * static_cast<double>(rng.UniformInt(0, 5));
    }
    const double duration = at + 0.1;
    const auto offset = [&] { return 0.1 * static_cast<double>(rng.UniformInt(-5, 5)); };
    std::vector<TimedWord> words = Named(frames.size());
    SetWordTimes(frames, {offset(), 0.5, offset(), 0.5}, duration, &words);
    double end = 0;
    for (const TimedWord &word : words) {
      ASSERT_GE(word.begin, end);
      ASSERT_GE(word.end, word.begin);
      end = word.end;
    }
    ASSERT_LE(end, duration);
  }
}

TEST(WordTimes, PeaksAndScores) {
  std::vector<TimedWord> words = Named(2);
  SetPeakTimes(kAlignment, kWords, {0.04, 0.05, 0.03}, &words);
  EXPECT_NEAR(words[0].begin, 0.08, 1e-12);
  EXPECT_NEAR(words[0].end, 0.24, 1e-12);
  EXPECT_NEAR(words[1].begin, 0.52, 1e-12);
  const std::vector<WordScore> scores = ScoreWords(kAlignment, kWords);
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_NEAR(scores[0].log_prob, (-0.5 - 1 - 1 - 0.5) / 4, 1e-12);
  EXPECT_NEAR(scores[1].log_prob, -0.75, 1e-12);
  EXPECT_NEAR(scores[0].posterior, std::exp(-0.5), 1e-12);
}

TEST(WordTimes, Options) {
  OptionParser po("usage");
  WordTimeOptions opts;
  opts.Register(&po);
  WriteFile(File("times.conf"), "# fitted\n" + WordTimeOptions{-0.015, 0.35, -0.1, 0.5}.ToConfig());
  po.ReadConfigFile(File("times.conf"));
  EXPECT_EQ(opts.begin_offset, -0.015);
  EXPECT_EQ(opts.begin_share, 0.35);
  EXPECT_EQ(opts.end_offset, -0.1);
  EXPECT_EQ(opts.end_share, 0.5);
  opts.Check();
  opts.end_share = 0.7;
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--begin-share=0.35 --end-share=0.7");
  opts = {0, -0.1, 0, 0};
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--begin-share=-0.1");
  opts = {std::numeric_limits<double>::quiet_NaN(), 0, 0, 0};
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--begin-offset=nan");
  opts = {0, 0, 11, 0};
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--end-offset=11");
}

// Times that were made with known options, and some that are far off, give those options back.
TEST(WordTimeFit, FindsWhatTimesWereMadeWith) {
  Rng rng(8);
  for (const WordTimeOptions want :
       {WordTimeOptions{-0.123, 0.35, 0.045, 0.5}, WordTimeOptions{0, 0, -0.2, 0.05}}) {
    WordTimeFitter fitter;
    for (int n = 0; n < 60; ++n) {
      std::vector<WordFrames> frames(5);
      for (size_t i = 0; i < frames.size(); ++i) {
        frames[i].begin = 10.0 + static_cast<double>(i) * 2;
        frames[i].end = frames[i].begin + 0.4;
        frames[i].gap_before = 0.01 * static_cast<double>(rng.UniformInt(0, 50));
        frames[i].gap_after = 0.01 * static_cast<double>(rng.UniformInt(0, 50));
      }
      std::vector<TimedWord> reference = Named(5);
      SetWordTimes(frames, want, 100, &reference);
      for (TimedWord &word : reference) {
        if (rng.UniformInt(0, 9) == 0) word.begin -= 1;
        if (rng.UniformInt(0, 9) == 0) word.end += 1;
      }
      fitter.Add(Named(5), frames, reference);
    }
    EXPECT_EQ(fitter.NumWords(), 300);
    const WordTimeOptions got = fitter.Fit();
    EXPECT_NEAR(got.begin_offset, want.begin_offset, 1e-9);
    EXPECT_NEAR(got.begin_share, want.begin_share, 1e-9);
    EXPECT_NEAR(got.end_offset, want.end_offset, 1e-9);
    EXPECT_NEAR(got.end_share, want.end_share, 1e-9);
  }
}

TEST(WordTimeFit, Refusals) {
  WordTimeFitter fitter;
  EXPECT_HAS(ErrorOf([&] { fitter.Fit(); }), "nothing to fit");
  const std::vector<WordFrames> frames(2);
  const auto error = [&](const std::vector<TimedWord> &reference) {
    return ErrorOf([&] { fitter.Add(Named(2), frames, reference); });
  };
  EXPECT_HAS(error(Named(1)), "word 2 is 'w1', and none in the reference");
  EXPECT_HAS(error(Named(3)), "word 3 is none, and 'w2' in the reference");
  std::vector<TimedWord> other = Named(2);
  other[0].text = "W0";  // the same but for its case
  other[1].text = "x";
  EXPECT_HAS(error(other), "word 2 is 'w1', and 'x' in the reference");
  EXPECT_EQ(fitter.NumWords(), 0);
}

TEST(WordTimeFit, ErrorsAreToldByTheirQuantiles) {
  WordTimeErrors errors;
  std::vector<TimedWord> words = Named(3), reference = Named(3);
  for (size_t i = 0; i < 3; ++i) {
    reference[i].begin = reference[i].end = 1;
    words[i].begin = 1 + 0.01 * static_cast<double>(i);  // 0, 10, 20 ms late
    words[i].end = 1 - 0.1 * static_cast<double>(i);     // 0, 100, 200 ms early
  }
  errors.Add(words, reference);
  EXPECT_EQ(errors.ToString(),
            "3 words: begins median 10 ms, p90 18 ms, bias 10 ms; ends median 100 ms, p90 180 ms, "
            "bias -100 ms; all median 15 ms, p90 150 ms, bias 0 ms");
  EXPECT_NEAR(errors.AbsoluteQuantile(1), 0.2, 1e-12);
}

}  // namespace
}  // namespace u2moe
