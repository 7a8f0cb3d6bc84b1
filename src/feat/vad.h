// Kaldi's voice activity detection by energy: a decision for each frame, from column 0 of features
// that have the log energy there (use-energy, or C0).
#ifndef U2MOE_FEAT_VAD_H_
#define U2MOE_FEAT_VAD_H_

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"
#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

struct VadEnergyOptions {
  float energy_threshold = 5;
  float energy_mean_scale = 0.5f;
  int32_t frames_context = 0;
  float proportion_threshold = 0.6f;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// 1 for each voiced frame of feats [T, D], 0 for the others. A frame is loud if its energy is above
// threshold + scale * the utterance's mean energy. It is voiced if at least the given proportion of
// the frames within frames_context of it is loud. Throws DataError without frames, or if an energy
// is not finite.
std::vector<float> ComputeVadEnergy(const VadEnergyOptions &opts, ConstView feats);

// The frames of feats [T, D] where voiced [T] is 1. Throws DataError if the lengths differ, voiced
// holds something else than 0 and 1, or no frame is voiced.
Tensor SelectVoicedFrames(const std::vector<float> &voiced, ConstView feats);

}  // namespace u2moe

#endif  // U2MOE_FEAT_VAD_H_
