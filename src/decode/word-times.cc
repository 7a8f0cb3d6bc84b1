#include "decode/word-times.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr double kMaxOffset = 10;  // s

const AlignedToken &FirstToken(const CtcAlignment &alignment, const TokenWord &word) {
  return alignment.tokens.at(static_cast<size_t>(word.begin));
}
const AlignedToken &LastToken(const CtcAlignment &alignment, const TokenWord &word) {
  return alignment.tokens.at(static_cast<size_t>(word.end) - 1);
}

}  // namespace

std::vector<WordFrames> FramesOfWords(const CtcAlignment &alignment,
                                      const std::vector<TokenWord> &words, const FrameTimes &frames,
                                      double duration) {
  std::vector<WordFrames> result(words.size());
  const double first = frames.center - frames.shift / 2;
  for (size_t i = 0; i < words.size(); ++i) {
    result[i].begin = first + frames.shift * FirstToken(alignment, words[i]).begin;
    result[i].end = first + frames.shift * LastToken(alignment, words[i]).end;
  }
  const auto gap = [](double from, double to) {
    return std::min(std::max(to - from, 0.0), WordFrames::kMaxGap);
  };
  for (size_t i = 0; i < words.size(); ++i) {
    result[i].gap_before = gap(i == 0 ? 0 : result[i - 1].end, result[i].begin);
    result[i].gap_after = gap(result[i].end, i + 1 < words.size() ? result[i + 1].begin : duration);
  }
  return result;
}

void WordTimeOptions::Register(OptionParser *po) {
  po->Register("begin-offset", &begin_offset,
               "seconds between a word's first frame and its begin; below 0 where CTC is late. "
               "This and the next three are what --fit finds");
  po->Register("begin-share", &begin_share,
               "part of the pause before a word, up to half a second, that is the word's");
  po->Register("end-offset", &end_offset, "seconds between a word's last frame and its end");
  po->Register("end-share", &end_share,
               "part of the pause after a word, up to half a second, that is the word's");
}

void WordTimeOptions::Check() const {
  for (const auto &[name, value] :
       {std::make_pair("begin-offset", begin_offset), std::make_pair("end-offset", end_offset)}) {
    if (!(std::abs(value) <= kMaxOffset)) {
      throw UsageError("--", name, "=", value, ": expected seconds, at most ", kMaxOffset,
                       " either way");
    }
  }
  if (!(begin_share >= 0 && end_share >= 0 && begin_share + end_share <= 1)) {
    throw UsageError("--begin-share=", begin_share, " --end-share=", end_share,
                     ": expected parts of a pause, 1 together at most");
  }
}

std::string WordTimeOptions::ToConfig() const {
  return Cat(
      "begin-offset=", NumberToString(begin_offset), "\nbegin-share=", NumberToString(begin_share),
      "\nend-offset=", NumberToString(end_offset), "\nend-share=", NumberToString(end_share), "\n");
}

void SetWordTimes(const std::vector<WordFrames> &frames, const WordTimeOptions &opts,
                  double duration, std::vector<TimedWord> *words) {
  CHECK_EQ(frames.size(), words->size());
  for (size_t i = 0; i < frames.size(); ++i) {
    const WordFrames &f = frames[i];
    TimedWord &word = (*words)[i];
    word.begin = f.begin + opts.begin_offset - opts.begin_share * f.gap_before;
    word.end = f.end + opts.end_offset + opts.end_share * f.gap_after;
    if (word.end < word.begin) word.begin = word.end = (word.begin + word.end) / 2;
    if (i > 0 && word.begin < (*words)[i - 1].end) {
      TimedWord &before = (*words)[i - 1];
      // Neither moves beyond its own other edge, nor out of order.
      const double middle = (word.begin + before.end) / 2;
      before.end = std::max(before.begin, middle);
      word.begin = before.end;
      word.end = std::max(word.end, word.begin);
    }
  }
  for (TimedWord &word : *words) {
    word.begin = std::min(std::max(word.begin, 0.0), duration);
    word.end = std::min(std::max(word.end, 0.0), duration);
  }
}

void SetPeakTimes(const CtcAlignment &alignment, const std::vector<TokenWord> &token_words,
                  const FrameTimes &frames, std::vector<TimedWord> *words) {
  CHECK_EQ(token_words.size(), words->size());
  for (size_t i = 0; i < token_words.size(); ++i) {
    (*words)[i].begin = frames.shift * FirstToken(alignment, token_words[i]).peak;
    (*words)[i].end = frames.shift * (LastToken(alignment, token_words[i]).peak + 1);
  }
}

std::vector<WordScore> ScoreWords(const CtcAlignment &alignment,
                                  const std::vector<TokenWord> &words) {
  std::vector<WordScore> scores;
  for (const TokenWord &word : words) {
    WordScore score;
    const int32_t begin = FirstToken(alignment, word).begin, end = LastToken(alignment, word).end;
    for (int32_t t = begin; t < end; ++t)
      score.log_prob += alignment.frame_log_probs[static_cast<size_t>(t)];
    score.log_prob /= end - begin;
    double peaks = 0;
    for (int32_t i = word.begin; i < word.end; ++i)
      peaks += alignment.tokens[static_cast<size_t>(i)].peak_log_prob;
    // Rounding can lift the logarithm of 1 a little above 0.
    score.posterior = std::min(1.0, std::exp(peaks / (word.end - word.begin)));
    scores.push_back(score);
  }
  return scores;
}

}  // namespace u2moe
