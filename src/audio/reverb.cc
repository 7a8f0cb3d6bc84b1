#include "audio/reverb.h"

#include <kiss_fftr.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

// A Fourier transform of real signals of one size, and its inverse times that size.
class RealFft {
 public:
  explicit RealFft(int64_t size)
      : forward_(kiss_fftr_alloc(static_cast<int>(size), 0, nullptr, nullptr)),
        inverse_(kiss_fftr_alloc(static_cast<int>(size), 1, nullptr, nullptr)) {
    if (!forward_ || !inverse_) throw std::bad_alloc();
  }
  void Forward(const float *x, kiss_fft_cpx *z) { kiss_fftr(forward_.get(), x, z); }
  void Inverse(const kiss_fft_cpx *z, float *x) { kiss_fftri(inverse_.get(), z, x); }

 private:
  struct Free {
    void operator()(kiss_fftr_state *state) const { kiss_fftr_free(state); }
  };
  std::unique_ptr<kiss_fftr_state, Free> forward_, inverse_;
};

double Power(const float *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum / static_cast<double>(n);
}

}  // namespace

std::vector<float> Convolve(ConstView signal, ConstView filter) {
  CHECK(signal.Rows() == 1 && filter.Rows() == 1 && !signal.Empty() && !filter.Empty());
  const int64_t n = signal.Cols(), m = filter.Cols(), total = n + m - 1;
  // About as many new samples per block as the filter has, but no larger than all of it.
  int64_t size = 64;
  while (size < 2 * m || (size < 4 * m && size < total)) size *= 2;
  const int64_t step = size - m + 1;
  RealFft fft(size);
  const float scale = 1.0f / static_cast<float>(size);
  std::vector<float> block(static_cast<size_t>(size)), result(static_cast<size_t>(total), 0.0f);
  std::vector<kiss_fft_cpx> response(static_cast<size_t>(size / 2 + 1)), z(response.size());
  std::copy_n(filter.Row(0), m, block.begin());
  fft.Forward(block.data(), response.data());
  for (int64_t begin = 0; begin < n; begin += step) {
    const int64_t count = std::min(step, n - begin);
    std::copy_n(signal.Row(0) + begin, count, block.begin());
    std::fill(block.begin() + count, block.end(), 0.0f);
    fft.Forward(block.data(), z.data());
    for (size_t k = 0; k < z.size(); ++k) {
      const kiss_fft_cpx a = z[k], b = response[k];
      z[k] = {scale * (a.r * b.r - a.i * b.i), scale * (a.r * b.i + a.i * b.r)};
    }
    fft.Inverse(z.data(), block.data());
    const int64_t valid = count + m - 1;
    for (int64_t i = 0; i < valid; ++i) {
      result[static_cast<size_t>(begin + i)] += block[static_cast<size_t>(i)];
    }
  }
  return result;
}

Reverberation Reverberate(ConstView signal, ConstView rir, double sample_rate) {
  const int64_t n = signal.Cols(), m = rir.Cols();
  // The direct sound is the largest value, not the largest magnitude, as in Kaldi.
  const int64_t peak = std::max_element(rir.Row(0), rir.Row(0) + m) - rir.Row(0);
  const double power = Power(signal.Row(0), n);
  if (!(power > 0)) throw DataError("no signal in the recording; leave the utterance out");
  if (!(Power(rir.Row(0), m) > 0)) throw DataError("the impulse response is all zeros");

  // 1 ms before the direct sound to 50 ms after it.
  const int64_t early_begin = std::max<int64_t>(0, peak - std::llround(0.001 * sample_rate));
  const int64_t early_end =
      std::min(m, peak + std::max<int64_t>(1, std::llround(0.05 * sample_rate)));
  Reverberation result;
  result.early = Convolve(signal, rir.ColRange(early_begin, early_end - early_begin));
  const std::vector<float> all = Convolve(signal, rir);
  const double scale = std::sqrt(power / Power(all.data(), static_cast<int64_t>(all.size())));
  for (int64_t i = 0; i < n; ++i) {
    result.samples.push_back(static_cast<float>(scale * all[static_cast<size_t>(peak + i)]));
  }
  for (float &x : result.early) x = static_cast<float>(scale * x);
  return result;
}

}  // namespace u2moe
