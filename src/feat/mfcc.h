// Mel-frequency cepstral coefficients, as Kaldi computes them: a cosine transform of log mel filter
// banks.
#ifndef U2MOE_FEAT_MFCC_H_
#define U2MOE_FEAT_MFCC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "feat/fbank.h"
#include "tensor/tensor.h"
#include "util/options.h"

namespace u2moe {

struct MfccOptions {
  FrameOptions frame;
  MelOptions mel;
  int32_t num_ceps = 13;  // C0 included
  bool use_energy = true;
  float energy_floor = 0;
  bool raw_energy = true;
  float cepstral_lifter = 22;
  bool htk_compat = false;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  std::string ToString() const;

  // HTK's parameter kind, as Kaldi writes it: MFCC with _E or _0.
  uint16_t HtkKind() const;

  // The filter banks under the coefficients, with the energy in column 0 if it is used.
  FbankOptions Fbank() const;
};

// Holds an Fbank and the transform: one per thread, for any number of waveforms.
class Mfcc {
 public:
  explicit Mfcc(const MfccOptions &opts);  // throws UsageError for options that Check() refuses

  const MfccOptions &Options() const { return opts_; }
  int64_t Dim() const { return opts_.num_ceps; }
  int64_t NumFrames(int64_t num_samples) const { return fbank_.NumFrames(num_samples); }

  // Coefficients [NumFrames(n), Dim()] of samples [1, n]:
  //   c[k] = lifter[k] * sqrt((k > 0 ? 2 : 1) / B) * sum over b < B of log_mel[b] cos(pi k (b +
  //   0.5) / B) lifter[k] = 1 + Q/2 sin(pi k / Q) for cepstral_lifter Q, 1 if Q is 0
  // use_energy puts the log energy in C0's place. htk_compat moves the first column to the end and
  // multiplies C0 by sqrt(2). Seed, warp and errors as Fbank::Compute.
  Tensor Compute(ConstView samples, uint64_t dither_seed = 0, float vtln_warp = 1);

  // The coefficients [T, Dim()] of filter banks [T, ...] that an Fbank of Options().Fbank() gave.
  Tensor FromFbank(ConstView fbank) const;

 private:
  MfccOptions opts_;
  Fbank fbank_;
  std::vector<float> transform_;  // [bins, num_ceps] in the order of the output, lifter included
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_MFCC_H_
