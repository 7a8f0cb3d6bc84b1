// Recordings that are quieter than all that a model was trained on.
#ifndef U2MOE_PIPELINE_LEVEL_MATCH_H_
#define U2MOE_PIPELINE_LEVEL_MATCH_H_

#include <cstdint>
#include <vector>

#include "feat/fbank.h"
#include "modelfile/cmvn-file.h"
#include "tensor/tensor.h"

namespace u2moe {

// A gain adds the same number to all log mel features, and models that heard one loudness know no
// other. Its speech is where the recording is loud: the 0.99 quantile of the normalised features'
// mean over bins, averaged over a tenth of a second, in the first kSeconds that hold speech (a
// contrast of kContrast dB at least). Where that lies below 0, the mean of the training with its
// pauses, the recording is raised so that it lies at kTarget deviations, from there to its end by
// one gain. Others stay as they are, to the bit. Up to kSeconds wait; how frames are cut into calls
// makes no difference. One recording; not for several threads at once.
class LevelMatch {
 public:
  static constexpr double kSeconds = 30, kContrast = 10, kTarget = 0.3;

  // cmvn: the model's, of the dimension of the features. Does nothing where that does not normalise
  // or fbank gives no logarithms, nor with on = false.
  LevelMatch(const GlobalCmvn &cmvn, const FbankOptions &fbank, bool on);

  // The next frames [n, D], n >= 0 -> those that may go on.
  Tensor Accept(Tensor feats);
  // The end: those that still waited.
  Tensor Flush();

  double GainDb() const;  // of the waveform; 0: it was as it should, or nothing is decided yet

 private:
  void Raise(float *values, int64_t count) const;  // by the gain
  void Release(std::vector<float> *out);           // all that waits, raised
  void Decide();

  GlobalCmvn cmvn_;
  FbankOptions fbank_;
  int64_t block_;  // frames that wait; 0: nothing does any more
  std::vector<float> wait_;
  float gain_ = 0;  // natural logarithm, added to features
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_LEVEL_MATCH_H_
