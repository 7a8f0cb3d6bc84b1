// Whether a segment is speech at all, before it becomes text: networks make words of noise.
#ifndef U2MOE_PIPELINE_SPEECH_GATE_H_
#define U2MOE_PIPELINE_SPEECH_GATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "feat/fbank.h"
#include "pipeline/segmenter.h"
#include "util/options.h"

namespace u2moe {

struct SpeechGateOptions {
  float min_contrast = 3;      // dB; 0: no such gate
  float min_posterior = 0.5f;  // 0: no such gate

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// The mean of each `width` values one after another: n - width + 1 of them, none where n < width.
std::vector<double> MovingMeans(const std::vector<double> &values, int64_t width);
int64_t TenthOfASecond(const FbankOptions &fbank);  // in frames, at least 1

// By how many dB the loudest moments of log mel features [n, D] stand out of the quietest: the 0.99
// quantile less the 0.1 quantile of the level, which is the mean over mel bins, averaged over a
// tenth of a second. A gain changes nothing: whispering passes as shouting does. Steady noise of
// any level and colour has about 1, digits in noise at a signal-to-noise ratio of 0 to 15 dB 4.8 at
// least. Infinite for less than a fifth of a second, which tells nothing, and for features that are
// no logarithms.
double LevelContrast(ConstView feats, const FbankOptions &fbank);

// The mean over the tokens of the probability that CTC gives to each in its frame (times, counted
// from the first row of logp); 1 without tokens.
double MeanPosterior(ConstView logp, const std::vector<int32_t> &tokens,
                     const std::vector<int32_t> &times);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_SPEECH_GATE_H_
