// Recordings as they would sound in a room whose impulse response is known.
#ifndef U2MOE_AUDIO_REVERB_H_
#define U2MOE_AUDIO_REVERB_H_

#include <cstdint>
#include <vector>

#include "tensor/view.h"

namespace u2moe {

// The convolution of two signals [1, n] and [1, m], of n + m - 1 samples, by FFTs of blocks
// (overlap and add). An error is relative to the largest values of the signals, not to each sample.
std::vector<float> Convolve(ConstView signal, ConstView filter);

struct Reverberation {
  std::vector<float> samples;  // as long as the signal
  std::vector<float> early;    // the signal with the reflections of the first 50 ms only, longer
};

// Convolves signal [1, n] with an impulse response rir [1, m] sampled at sample_rate Hz, and moves
// it back by the place of the response's peak, the direct sound, so that labels stay in time. The
// sum of squares per sample of the whole convolution becomes that of the signal, as Kaldi's
// wav-reverberate --shift-output has it; both results are scaled alike. The scale of rir does not
// matter. Throws DataError if either holds nothing but zeros.
Reverberation Reverberate(ConstView signal, ConstView rir, double sample_rate);

}  // namespace u2moe

#endif  // U2MOE_AUDIO_REVERB_H_
