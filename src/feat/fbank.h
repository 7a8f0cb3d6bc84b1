// Log mel filter-bank energies, as Kaldi computes them. Samples are floats in the int16 range.
#ifndef U2MOE_FEAT_FBANK_H_
#define U2MOE_FEAT_FBANK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "feat/mel.h"
#include "feat/window.h"
#include "tensor/tensor.h"
#include "util/options.h"

struct kiss_fftr_state;

namespace u2moe {

struct FbankOptions {
  FrameOptions frame;
  MelOptions mel;
  bool use_energy = false;
  float energy_floor = 0;
  bool raw_energy = true;
  bool htk_compat = false;
  bool use_log_fbank = true;
  bool use_power = true;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  std::string ToString() const;

  // HTK's parameter kind, as Kaldi writes it: FBANK with _E, without the energy with _0.
  uint16_t HtkKind() const;
};

// Holds the window, the filters, the FFT plan and scratch space: one per thread, for any number of
// waveforms.
class Fbank {
 public:
  explicit Fbank(const FbankOptions &opts);  // throws UsageError for options that Check() refuses
  ~Fbank();
  Fbank(const Fbank &) = delete;
  Fbank &operator=(const Fbank &) = delete;

  const FbankOptions &Options() const { return opts_; }
  int64_t Dim() const { return mel_.NumBins() + (opts_.use_energy ? 1 : 0); }
  int64_t NumFrames(int64_t num_samples) const { return opts_.frame.NumFrames(num_samples); }

  // Throws DataError if that many samples are too short for one frame.
  void CheckLength(int64_t num_samples) const;

  // Features [NumFrames(n), Dim()] of samples [1, n]. The log energy, if asked for, is column 0,
  // with htk_compat the last one. The dither depends on dither_seed and the sample's place alone.
  // vtln_warp: see MelBanks. Throws as CheckLength, and UsageError if there are no filters for the
  // warp.
  Tensor Compute(ConstView samples, uint64_t dither_seed = 0, float vtln_warp = 1);

  // The same into out, which has the right shape.
  void Compute(ConstView samples, uint64_t dither_seed, View out, float vtln_warp = 1);

  // One frame, out [Dim()], of WindowSize() samples from place `first` on. The waveform is
  // reflected where the frame reaches over an end of it. No dither is added.
  void ComputeFrameAt(const float *samples, int64_t num_samples, int64_t first, float *out) {
    ComputeFrameAt(samples, num_samples, first, mel_, out);
  }

 private:
  void ComputeFrameAt(const float *samples, int64_t num_samples, int64_t first, const MelBanks &mel,
                      float *out);
  const MelBanks &Banks(float vtln_warp);
  void ComputeFrame(const float *frame, const MelBanks &mel, float *out);

  FbankOptions opts_;
  std::vector<float> window_;
  MelBanks mel_;
  std::map<float, MelBanks> warped_mel_;  // by vtln_warp, as far as asked for
  kiss_fftr_state *fft_;
  std::vector<float> dithered_;   // the waveform with noise
  std::vector<float> reflected_;  // a frame that reaches over an end of the waveform
  std::vector<float> frame_;      // [FftSize()], windowed; zeros after WindowSize()
  std::vector<float> complex_;    // [FftSize() / 2 + 1] pairs: real, imaginary
  std::vector<float> spectrum_;   // [FftSize() / 2 + 1 + MelBanks::kSlack]
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_FBANK_H_
