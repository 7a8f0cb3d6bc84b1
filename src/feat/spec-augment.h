// SpecAugment (Park et al., 2019) as WeNet does it, and two relatives. All change features [T, D]
// in place and draw their random integers from a callback, so that recorded draws can be replayed.
#ifndef U2MOE_FEAT_SPEC_AUGMENT_H_
#define U2MOE_FEAT_SPEC_AUGMENT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "base/rng.h"
#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

// Returns an integer in [low, high], both included.
using DrawInt = std::function<int64_t(int64_t low, int64_t high)>;

// Draws from *rng, which must outlive the result.
DrawInt DrawFrom(Rng *rng);

struct SpecAugmentOptions {
  int32_t num_t_mask = 2;
  int32_t max_t = 50;  // frames
  int32_t num_f_mask = 2;
  int32_t max_f = 10;  // feature dimensions
  int32_t num_t_sub = 0;
  int32_t max_t_sub = 30;  // frames
  int32_t max_t_trim = 0;  // frames; 0: no trimming

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  std::string ToString() const;
};

// num_t_mask stretches of 1..max_t frames and then num_f_mask stretches of 1..max_f dimensions
// become 0. Each starts anywhere with equal chance and is cut off at the end. The zeros are put in
// before mean and variance normalisation, as WeNet does. Empty features are left as they are.
void SpecAugment(int64_t num_t_mask, int64_t max_t, int64_t num_f_mask, int64_t max_f,
                 const DrawInt &draw, View feats);

// num_t_sub stretches of 1..max_t frames are replaced with the frames 0..start places before them,
// taken from the features as they were at the beginning (Wu et al., 2021, U2++).
void SpecSubstitute(int64_t num_t_sub, int64_t max_t, const DrawInt &draw, View feats);

// How many frames remain when 1..max_t frames are cut off the end; all of them if half or more
// would go.
int64_t SpecTrim(int64_t num_frames, int64_t max_t, const DrawInt &draw);

// What opts ask for: masks, then substitution, then trimming. Returns the number of frames that
// remain.
int64_t ApplySpecAugment(const SpecAugmentOptions &opts, const DrawInt &draw, View feats);

}  // namespace u2moe

#endif  // U2MOE_FEAT_SPEC_AUGMENT_H_
