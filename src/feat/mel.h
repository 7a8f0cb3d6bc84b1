#ifndef U2MOE_FEAT_MEL_H_
#define U2MOE_FEAT_MEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "util/options.h"

namespace u2moe {

// Where Kaldi's warping of the frequency axis for a speaker's vocal tract length changes its slope.
struct VtlnOptions {
  float low = 100;    // Hz
  float high = -500;  // Hz; a negative one counts from half the sampling rate

  void Register(OptionParser *po);
};

struct MelOptions {
  int32_t num_bins = 23;
  float low_freq = 20;  // Hz
  float high_freq = 0;  // Hz; 0 or less counts from half the sampling rate
  bool debug = false;   // print weights and energies
  VtlnOptions vtln;     // registered apart, by the tools that warp

  void Register(OptionParser *po);
  void Check(float sample_frequency) const;  // throws UsageError
  std::string ToString() const;
};

// Triangular filters, equally wide and half overlapping on the mel scale 1127 ln(1 + f/700), over
// the bins of a power spectrum. Only the weights that are not zero are kept.
class MelBanks {
 public:
  // A power spectrum handed to Compute must have this many readable floats after its bins; their
  // values do not matter as long as they are finite.
  static constexpr int64_t kSlack = 8;

  // vtln_warp 1 leaves the filters as they are; a larger one moves them down: between the two
  // frequencies of opts.vtln f becomes f / vtln_warp, outside a straight line leads to the edges of
  // the band. opts.debug prints the weights now and the outputs of each Compute, as Kaldi's
  // --debug-mel does. Throws UsageError if some filter would lie between two bins of the spectrum
  // and be empty, or if the warp leaves the band.
  MelBanks(const MelOptions &opts, float sample_frequency, int64_t fft_size, float vtln_warp = 1);

  int64_t NumBins() const { return static_cast<int64_t>(filters_.size()); }

  // out[b] = sum over bins k of weight[b][k] * spectrum[k], for spectrum [fft_size / 2 + 1 +
  // kSlack].
  void Compute(const float *spectrum, float *out) const;

 private:
  struct Filter {
    int64_t first_bin, begin, groups;  // weights_[begin, begin + 4 * groups), zero-filled
  };
  std::vector<Filter> filters_;
  std::vector<float> weights_;
  bool debug_;
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_MEL_H_
