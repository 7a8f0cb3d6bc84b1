#include "pipeline/align-words.h"

#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "decode/word-posterior.h"
#include "layer/subsampling.h"
#include "modelfile/model-tokenizer.h"
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

void FrameTimeOptions::Register(OptionParser *po) {
  po->Register(
      "frame-shift", &shift,
      "seconds from row to row of the log-posteriors; 0: the model's, 0.04 where only units "
      "are given");
  po->Register("frame-center", &center,
               "seconds from the begin of the recording to the middle of what the first row was "
               "computed from; -1: the model's, 0.0425 where only units are given");
}

void FrameTimeOptions::Check() const {
  if (!(shift >= 0 && shift <= 10)) {
    throw UsageError("--frame-shift=", shift, ": expected seconds, or 0 for the model's");
  }
  if (!(center == -1 || (center >= 0 && center <= 10))) {
    throw UsageError("--frame-center=", center, ": expected seconds, or -1 for the model's");
  }
}

FrameTimes FrameTimeOptions::Frames(const std::string &units_or_model) const {
  FrameTimes frames;
  if (IsModelFile(units_or_model)) frames = FrameTimesOf(ReadModelInfo(units_or_model));
  if (shift > 0) frames.shift = shift;
  if (center >= 0) frames.center = center;
  return frames;
}

AlignedWords WordAligner::Place(CtcAlignment alignment, double duration) const {
  AlignedWords result;
  result.alignment = std::move(alignment);
  std::vector<int32_t> tokens;
  for (const AlignedToken &token : result.alignment.tokens) tokens.push_back(token.token);
  result.token_words = tokenizer_.DecodeWords(tokens);
  result.duration = duration >= 0 ? duration : frames_.Duration(result.alignment.NumFrames());
  result.frames = FramesOfWords(result.alignment, result.token_words, frames_, result.duration);
  for (const TokenWord &word : result.token_words) result.words.push_back({word.text, 0, 0, -1});
  SetWordTimes(result.frames, opts_, result.duration, &result.words);
  return result;
}

AlignedWords WordAligner::Align(ConstView logp, const std::vector<int32_t> &tokens,
                                double duration) const {
  AlignedWords result = Place(AlignCtc(logp, tokens, blank_), duration);
  result.scores = ScoreWords(result.alignment, result.token_words);
  const std::vector<double> posteriors =
      CtcWordPosteriors(logp, result.alignment.tokens, result.token_words, blank_);
  for (size_t i = 0; i < posteriors.size(); ++i) result.words[i].confidence = posteriors[i];
  return result;
}

}  // namespace u2moe
