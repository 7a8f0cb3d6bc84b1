#include "feat/vad.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "feat/feat-checks.h"

namespace u2moe {

void VadEnergyOptions::Register(OptionParser *po) {
  po->Register("vad-energy-threshold", &energy_threshold,
               "constant part of the threshold on the log energy");
  po->Register("vad-energy-mean-scale", &energy_mean_scale,
               "share of the utterance's mean log energy that is added to the threshold");
  po->Register("vad-frames-context", &frames_context,
               "frames on either side of a frame that have a say in its decision");
  po->Register("vad-proportion-threshold", &proportion_threshold,
               "share of these frames that must be above the threshold, between 0 and 1");
}

void VadEnergyOptions::Check() const {
  if (!std::isfinite(energy_threshold)) {
    throw UsageError("--vad-energy-threshold=", energy_threshold, ": expected a finite number");
  }
  if (!(energy_mean_scale >= 0 && std::isfinite(energy_mean_scale))) {
    throw UsageError("--vad-energy-mean-scale=", energy_mean_scale, ": expected 0 or more");
  }
  if (frames_context < 0) {
    throw UsageError("--vad-frames-context=", frames_context, ": expected 0 or more");
  }
  if (!(proportion_threshold > 0 && proportion_threshold < 1)) {
    throw UsageError("--vad-proportion-threshold=", proportion_threshold,
                     ": expected a number between 0 and 1");
  }
}

std::vector<float> ComputeVadEnergy(const VadEnergyOptions &opts, ConstView feats) {
  CheckHasFrames(feats);
  const ConstView energy = feats.ColRange(0, 1);
  CheckFinite(energy);
  const int64_t num_frames = energy.Rows();
  double sum = 0;
  for (int64_t t = 0; t < num_frames; ++t) sum += energy(t, 0);
  const double threshold =
      opts.energy_threshold + opts.energy_mean_scale * sum / static_cast<double>(num_frames);

  // loud_before[t]: the loud frames before frame t.
  std::vector<int64_t> loud_before(static_cast<size_t>(num_frames) + 1, 0);
  for (int64_t t = 0; t < num_frames; ++t) {
    const size_t i = static_cast<size_t>(t);
    loud_before[i + 1] = loud_before[i] + (energy(t, 0) > threshold ? 1 : 0);
  }
  std::vector<float> voiced(static_cast<size_t>(num_frames));
  for (int64_t t = 0; t < num_frames; ++t) {
    const int64_t begin = std::max<int64_t>(t - opts.frames_context, 0);
    const int64_t end = std::min<int64_t>(t + opts.frames_context + 1, num_frames);
    const int64_t loud =
        loud_before[static_cast<size_t>(end)] - loud_before[static_cast<size_t>(begin)];
    // In float, as Kaldi compares: 0.6 of 5 frames are 3.
    const float needed = static_cast<float>(end - begin) * opts.proportion_threshold;
    voiced[static_cast<size_t>(t)] = static_cast<float>(loud) >= needed ? 1.0f : 0.0f;
  }
  return voiced;
}

Tensor SelectVoicedFrames(const std::vector<float> &voiced, ConstView feats) {
  CheckHasFrames(feats);
  if (static_cast<int64_t>(voiced.size()) != feats.Rows()) {
    throw DataError(feats.Rows(), " frames, but ", voiced.size(),
                    " decisions of compute-vad; make both from the same audio");
  }
  int64_t num_voiced = 0;
  for (const float v : voiced) {
    if (v != 0 && v != 1)
      throw DataError("a decision must be 0 or 1, not ", v, "; make them with compute-vad");
    num_voiced += v == 1;
  }
  if (num_voiced == 0) throw DataError("no frame is voiced; leave the utterance out");
  Tensor out(num_voiced, feats.Cols());
  float *to = out.Data();
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    if (voiced[static_cast<size_t>(t)] == 1) to = std::copy_n(feats.Row(t), feats.Cols(), to);
  }
  return out;
}

}  // namespace u2moe
