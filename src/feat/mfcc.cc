#include "feat/mfcc.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {

void MfccOptions::Register(OptionParser *po) {
  frame.Register(po);
  mel.Register(po);
  po->Register("num-ceps", &num_ceps, "number of cepstral coefficients, C0 included");
  po->Register("use-energy", &use_energy, "the log energy of the frame takes the place of C0");
  po->Register("energy-floor", &energy_floor,
               "lower limit of the energy, not its log; 0 sets none");
  po->Register("raw-energy", &raw_energy, "take the energy before preemphasis and windowing");
  po->Register("cepstral-lifter", &cepstral_lifter,
               "constant that scales the coefficients to like sizes; 0: no scaling");
  po->Register("htk-compat", &htk_compat,
               "put energy or C0 into the last column and multiply C0 by the root of 2");
}

void MfccOptions::Check() const {
  Fbank().Check();
  if (num_ceps < 1 || num_ceps > mel.num_bins) {
    throw UsageError("--num-ceps=", num_ceps, ": expected 1 to --num-mel-bins=", mel.num_bins);
  }
  if (!(cepstral_lifter >= 0 && std::isfinite(cepstral_lifter))) {
    throw UsageError("--cepstral-lifter=", cepstral_lifter, ": expected 0 or more");
  }
}

std::string MfccOptions::ToString() const {
  return Cat(frame.ToString(), " ", mel.ToString(), " num-ceps=", num_ceps,
             " use-energy=", use_energy, " energy-floor=", energy_floor, " raw-energy=", raw_energy,
             " cepstral-lifter=", cepstral_lifter, " htk-compat=", htk_compat);
}

uint16_t MfccOptions::HtkKind() const {
  return static_cast<uint16_t>(6 | HtkQualifier(use_energy));
}

FbankOptions MfccOptions::Fbank() const {
  FbankOptions opts;
  opts.frame = frame;
  opts.mel = mel;
  opts.use_energy = use_energy;
  opts.energy_floor = energy_floor;
  opts.raw_energy = raw_energy;
  return opts;
}

Mfcc::Mfcc(const MfccOptions &opts) : opts_(opts), fbank_(opts.Fbank()) {
  opts.Check();
  const int64_t bins = opts.mel.num_bins, n = opts.num_ceps;
  const double q = opts.cepstral_lifter;
  transform_.resize(static_cast<size_t>(bins * n));
  for (int64_t k = 0; k < n; ++k) {
    const double i = static_cast<double>(k);
    double scale = std::sqrt((k > 0 ? 2.0 : 1.0) / static_cast<double>(bins));
    if (q != 0) scale *= 1 + 0.5 * q * std::sin(M_PI * i / q);
    if (k == 0 && opts.htk_compat) scale *= std::sqrt(2.0);
    const int64_t column = opts.htk_compat ? (k + n - 1) % n : k;
    for (int64_t b = 0; b < bins; ++b) {
      const double angle = M_PI * i * (static_cast<double>(b) + 0.5) / static_cast<double>(bins);
      transform_[static_cast<size_t>(b * n + column)] = static_cast<float>(scale * std::cos(angle));
    }
  }
}

Tensor Mfcc::Compute(ConstView samples, uint64_t dither_seed, float vtln_warp) {
  return FromFbank(fbank_.Compute(samples, dither_seed, vtln_warp));
}

Tensor Mfcc::FromFbank(ConstView fbank) const {
  CHECK_EQ(fbank.Cols(), fbank_.Dim());
  const int64_t n = opts_.num_ceps, energy_column = opts_.htk_compat ? n - 1 : 0;
  Tensor out = Tensor::Zeros(fbank.Rows(), n);
  for (int64_t t = 0; t < out.Rows(); ++t) {
    const float *x = fbank.Row(t);
    float *const __restrict y = out.View().Row(t);
    const float energy = x[0];
    if (opts_.use_energy) ++x;
    const float *__restrict w = transform_.data();
    for (int64_t b = 0; b < opts_.mel.num_bins; ++b, w += n) {
      for (int64_t c = 0; c < n; ++c) y[c] += x[b] * w[c];
    }
    if (opts_.use_energy) y[energy_column] = energy;
  }
  return out;
}

}  // namespace u2moe
