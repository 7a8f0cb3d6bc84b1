#include "feat/fbank.h"

#include <kiss_fftr.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

static_assert(sizeof(kiss_fft_cpx) == 2 * sizeof(float), "KissFFT must be built for float");

// sum of (x[i] - shift)^power, power 1 or 2, in eight partial sums that the compiler can vectorise.
template <int power>
float LaneSum(const float *x, int64_t n, float shift) {
  auto term = [shift](float v) { return power == 1 ? v - shift : (v - shift) * (v - shift); };
  float lane[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t j = 0; j < 8; ++j) lane[j] += term(x[i + j]);
  }
  for (; i < n; ++i) lane[i % 8] += term(x[i]);
  return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

float FlooredLog(float x) { return std::log(std::max(x, std::numeric_limits<float>::epsilon())); }

}  // namespace

void FbankOptions::Register(OptionParser *po) {
  frame.Register(po);
  mel.Register(po);
  po->Register("use-energy", &use_energy, "add a column with the log energy of the frame");
  po->Register("energy-floor", &energy_floor,
               "lower limit of the energy in that column, not its log; 0 sets none");
  po->Register("raw-energy", &raw_energy, "take the energy before preemphasis and windowing");
  po->Register("htk-compat", &htk_compat, "put the energy into the last column, not the first");
  po->Register("use-log-fbank", &use_log_fbank,
               "log of the filter outputs; false: the outputs themselves");
  po->Register("use-power", &use_power, "filter the power spectrum; false: the magnitude spectrum");
}

void FbankOptions::Check() const {
  frame.Check();
  mel.Check(frame.sample_frequency);
  if (!(energy_floor >= 0))
    throw UsageError("--energy-floor=", energy_floor, ": expected 0 or more");
}

std::string FbankOptions::ToString() const {
  return Cat(frame.ToString(), " ", mel.ToString(), " use-energy=", use_energy,
             " energy-floor=", energy_floor, " raw-energy=", raw_energy, " htk-compat=", htk_compat,
             " use-log-fbank=", use_log_fbank, " use-power=", use_power);
}

uint16_t FbankOptions::HtkKind() const {
  return static_cast<uint16_t>(7 | HtkQualifier(use_energy));
}

Fbank::Fbank(const FbankOptions &opts)
    : opts_(opts),
      window_(MakeWindow(opts.frame)),
      mel_(opts.mel, opts.frame.sample_frequency, opts.frame.FftSize()) {
  opts.Check();
  const size_t size = static_cast<size_t>(opts.frame.FftSize());
  fft_ = kiss_fftr_alloc(static_cast<int>(size), 0, nullptr, nullptr);
  if (!fft_) throw std::bad_alloc();
  reflected_.resize(window_.size());
  frame_.resize(size, 0.0f);
  complex_.resize(size + 2);
  spectrum_.resize(size / 2 + 1 + static_cast<size_t>(MelBanks::kSlack), 0.0f);
}

Fbank::~Fbank() { kiss_fftr_free(fft_); }

void Fbank::CheckLength(int64_t num_samples) const {
  if (NumFrames(num_samples) > 0) return;
  throw DataError(
      "the audio is too short: ", num_samples, " samples (",
      static_cast<double>(num_samples) / opts_.frame.sample_frequency, " s), one frame needs ",
      opts_.frame.snip_edges ? opts_.frame.WindowSize() : (opts_.frame.WindowShift() + 1) / 2,
      "; leave the utterance out");
}

Tensor Fbank::Compute(ConstView samples, uint64_t dither_seed, float vtln_warp) {
  CheckLength(samples.Cols());
  Tensor out(NumFrames(samples.Cols()), Dim());
  Compute(samples, dither_seed, out, vtln_warp);
  return out;
}

void Fbank::Compute(ConstView samples, uint64_t dither_seed, View out, float vtln_warp) {
  CHECK_EQ(samples.Rows(), 1);
  const int64_t num_samples = samples.Cols();
  CHECK_SHAPE(out, NumFrames(num_samples), Dim());
  const MelBanks &mel = Banks(vtln_warp);
  const float *x = samples.Data();
  if (opts_.frame.dither != 0) {
    Rng rng(dither_seed);
    dithered_.resize(static_cast<size_t>(num_samples));
    AddDither(opts_.frame.dither, x, num_samples, &rng, dithered_.data());
    x = dithered_.data();
  }
  for (int64_t t = 0; t < out.Rows(); ++t) {
    ComputeFrameAt(x, num_samples, opts_.frame.FirstSample(t), mel, out.Row(t));
  }
}

void Fbank::ComputeFrameAt(const float *samples, int64_t num_samples, int64_t first,
                           const MelBanks &mel, float *out) {
  const int64_t window_size = static_cast<int64_t>(window_.size());
  const float *frame = samples + std::max<int64_t>(first, 0);
  if (first < 0 || first + window_size > num_samples) {
    CopyReflected(samples, num_samples, first, window_size, reflected_.data());
    frame = reflected_.data();
  }
  ComputeFrame(frame, mel, out);
}

const MelBanks &Fbank::Banks(float vtln_warp) {
  if (vtln_warp == 1) return mel_;
  const auto it = warped_mel_.find(vtln_warp);
  if (it != warped_mel_.end()) return it->second;
  // Warps come from a grid; where every utterance has its own, only the latest are worth keeping.
  if (warped_mel_.size() >= 256) warped_mel_.clear();
  return warped_mel_
      .emplace(vtln_warp,
               MelBanks(opts_.mel, opts_.frame.sample_frequency, opts_.frame.FftSize(), vtln_warp))
      .first->second;
}

void Fbank::ComputeFrame(const float *frame, const MelBanks &mel, float *out) {
  const int64_t n = static_cast<int64_t>(window_.size());
  const int64_t num_bins = static_cast<int64_t>(frame_.size()) / 2 + 1;
  const float mean =
      opts_.frame.remove_dc_offset ? LaneSum<1>(frame, n, 0) / static_cast<float>(n) : 0;

  // Mean, preemphasis and window in one pass, from the samples into the FFT's input.
  const float c = opts_.frame.preemphasis_coefficient;
  const float *const __restrict w = window_.data();
  float *const __restrict x = frame_.data();
  x[0] = ((frame[0] - mean) - c * (frame[0] - mean)) * w[0];
  for (int64_t i = 1; i < n; ++i) x[i] = ((frame[i] - mean) - c * (frame[i - 1] - mean)) * w[i];

  float *filters = out;
  if (opts_.use_energy) {
    float energy = FlooredLog(opts_.raw_energy ? LaneSum<2>(frame, n, mean) : LaneSum<2>(x, n, 0));
    if (opts_.energy_floor > 0) energy = std::max(energy, std::log(opts_.energy_floor));
    out[opts_.htk_compat ? mel.NumBins() : 0] = energy;
    if (!opts_.htk_compat) ++filters;
  }

  kiss_fftr(fft_, x, reinterpret_cast<kiss_fft_cpx *>(complex_.data()));
  const float *const __restrict z = complex_.data();
  float *const __restrict spectrum = spectrum_.data();
  for (int64_t k = 0; k < num_bins; ++k) {
    spectrum[k] = z[2 * k] * z[2 * k] + z[2 * k + 1] * z[2 * k + 1];
  }
  if (!opts_.use_power) {
    for (int64_t k = 0; k < num_bins; ++k) spectrum[k] = std::sqrt(spectrum[k]);
  }
  mel.Compute(spectrum, filters);
  if (opts_.use_log_fbank) {
    for (int64_t b = 0; b < mel.NumBins(); ++b) filters[b] = FlooredLog(filters[b]);
  }
}

}  // namespace u2moe
