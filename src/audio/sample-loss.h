// What is lost where samples become 16-bit numbers. No tool that writes audio does it silently.
#ifndef U2MOE_AUDIO_SAMPLE_LOSS_H_
#define U2MOE_AUDIO_SAMPLE_LOSS_H_

#include <cstdint>
#include <string>

#include "tensor/view.h"

namespace u2moe {

struct SampleLoss {
  int64_t samples = 0;    // of all channels
  int64_t clipped = 0;    // those that 16 bits do not hold
  double peak = 0;        // largest magnitude, in int16 steps
  bool vanished = false;  // there is a signal, but all of it is rounded to zeros
};

// Of samples [channels, n] in the int16 range. 32768, full scale of a float file, becomes 32767 and
// does not count as clipped: like rounding, it changes a sample by no more than one step.
SampleLoss MeasureLoss(ConstView samples);

// Warns about each utterance that is clipped, or that vanishes, and sums up at the end. Says
// nothing where nothing is lost.
class LossReport {
 public:
  // kClipped: the samples are cut off. kScaledDown: the caller makes all of the utterance quieter
  // instead, which is told the same way.
  enum class Kind { kClipped, kScaledDown };
  explicit LossReport(Kind kind = Kind::kClipped) : kind_(kind) {}

  // `name`: "utterance a" or a file, for the message.
  void Add(const std::string &name, const SampleLoss &loss);
  // A line with the totals of all utterances, for each kind of loss that there was.
  void Finish() const;

 private:
  Kind kind_;
  int64_t utterances_ = 0, lossy_ = 0, vanished_ = 0, samples_ = 0, clipped_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_AUDIO_SAMPLE_LOSS_H_
