#include "pipeline/align-words.h"

#include <cstdlib>

#include "decode/word-posterior.h"
#include "layer/subsampling.h"
#include "pipeline/encode.h"

namespace u2moe {

FrameTimes FrameTimesOf(const ModelInfo &info) {
  const auto feature = [&](const char *name) {
    const auto it = info.features.find(name);
    return it == info.features.end() ? std::string() : it->second;
  };
  const double shift = FrameShiftSeconds(info);
  const double given = std::strtod(feature("frame-length").c_str(), nullptr) / 1000;
  const double length = given > 0 ? given : 0.025;
  const std::string snip_edges = feature("snip-edges");
  // With snip_edges the first feature frame begins with the recording; else its middle lies half a
  // shift after that.
  const double first = snip_edges == "false" || snip_edges == "0" ? shift / 2 : length / 2;
  const int rate = info.config.encoder.subsampling;
  // One of a single channel has the same frames.
  const int64_t right = Subsampling(info.config.encoder.feature_dim, 1, rate).RightContext();
  const double context = shift * static_cast<double>(right);
  FrameTimes times;
  times.shift = shift * rate;
  times.center = first + context / 2;
  times.reach = (context + length) / 2;
  return times;
}

AlignedWords WordAligner::Align(ConstView logp, const std::vector<int32_t> &tokens,
                                double duration) const {
  AlignedWords result;
  result.token_words = tokenizer_.DecodeWords(tokens);
  result.alignment = AlignCtc(logp, tokens, blank_);
  result.duration = duration >= 0 ? duration : frames_.Duration(result.alignment.NumFrames());
  result.frames = FramesOfWords(result.alignment, result.token_words, frames_, result.duration);
  result.scores = ScoreWords(result.alignment, result.token_words);
  const std::vector<double> posteriors =
      CtcWordPosteriors(logp, result.alignment.tokens, result.token_words, blank_);
  for (size_t i = 0; i < result.token_words.size(); ++i) {
    result.words.push_back({result.token_words[i].text, 0, 0, posteriors[i]});
  }
  SetWordTimes(result.frames, opts_, result.duration, &result.words);
  return result;
}

}  // namespace u2moe
