#include "audio/noise.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kPeak = 0.97 * 32767;

void AddLowPassNoise(double corner, double sample_rate, Rng *rng, std::vector<float> *noise) {
  const double keep = std::exp(-2 * kPi * corner / sample_rate);
  // A uniform variable on [-1, 1] has variance 1/3; its filtered sum is close to normal.
  const double drive = std::sqrt(3 * (1 - keep * keep));
  double state = rng->Normal();
  for (float &x : *noise) {
    x += static_cast<float>(state);
    state = keep * state + drive * (2 * rng->Uniform() - 1);
  }
}

}  // namespace

NoiseSpec NoiseSpec::Parse(const std::vector<std::string> &words) {
  NoiseSpec spec;
  if (words.size() == 1 && words[0] == "none") return spec;
  std::vector<std::string> range;
  if (words.size() == 2) range = Split(words[1], ':');
  // Beyond 200 dB, the quieter of the two is below the rounding of the louder. A NaN is not within.
  if ((range.size() != 1 && range.size() != 2) || !ParseNumber(range.front(), &spec.low_db) ||
      !ParseNumber(range.back(), &spec.high_db) ||
      !(spec.low_db >= -200 && spec.low_db <= spec.high_db && spec.high_db <= 200)) {
    throw DataError(
        "its line of utt2snr must be a kind of noise and -200 to 200 dB or a range of them, as ",
        "'white 12.5' or 'pink 5:20', or 'none', not '", Join(words, " "), "'");
  }
  if (words[0] == "white") {
    spec.kind = NoiseKind::kWhite;
  } else if (words[0] == "pink") {
    spec.kind = NoiseKind::kPink;
  } else if (words[0] == "recorded") {
    spec.kind = NoiseKind::kRecorded;
  } else {
    throw DataError("noise is white, pink or recorded, not '", words[0], "'");
  }
  return spec;
}

std::vector<float> MakeNoise(NoiseKind kind, int64_t n, double sample_rate, Rng *rng) {
  std::vector<float> noise(static_cast<size_t>(n));
  if (kind == NoiseKind::kWhite) {
    for (float &x : noise) x = static_cast<float>(rng->Normal());
    return noise;
  }
  int num_filters = 0;
  for (double corner = 20; corner < sample_rate / 2; corner *= 4, ++num_filters) {
    AddLowPassNoise(corner, sample_rate, rng, &noise);
  }
  const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(num_filters)));
  for (float &x : noise) x *= scale;
  return noise;
}

std::vector<float> CutNoise(ConstView recording, int64_t n, Rng *rng) {
  const int64_t length = recording.Cols();
  const float *const x = recording.Data();
  int64_t place = rng->UniformInt(0, length >= n ? length - n : length - 1);
  int64_t silent = 0;
  for (; silent < length && x[place] == 0; ++silent) place = (place + 1) % length;
  if (silent == length) throw DataError("its noise is a recording of nothing but zeros");
  std::vector<float> noise(static_cast<size_t>(n));
  double sum = 0;
  for (float &y : noise) {
    y = x[place];
    sum += static_cast<double>(y) * y;
    if (++place == length) place = 0;
  }
  const double scale = std::sqrt(static_cast<double>(n) / sum);
  for (float &y : noise) y = static_cast<float>(scale * y);
  return noise;
}

double ActiveLevel(const float *samples, int64_t n, double sample_rate) {
  const int64_t frame = std::max<int64_t>(1, std::llround(0.02 * sample_rate));
  std::vector<double> energies;  // mean square of each frame
  for (int64_t begin = 0; begin < n; begin += frame) {
    const int64_t end = std::min(n, begin + frame);
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += static_cast<double>(samples[i]) * samples[i];
    energies.push_back(sum / static_cast<double>(end - begin));
  }
  if (energies.empty()) return 0;
  const double threshold = 1e-3 * *std::max_element(energies.begin(), energies.end());
  double sum = 0;
  int64_t count = 0;
  for (double e : energies) {
    if (e < threshold) continue;
    sum += e;
    ++count;
  }
  return std::sqrt(sum / static_cast<double>(count));
}

void AddNoise(const std::vector<float> &noise, double snr_db, double level, float *samples) {
  if (!(level > 0)) {
    throw DataError(
        "no signal in the recording, so a noise level cannot follow; leave the utterance out");
  }
  const float gain = static_cast<float>(level * std::pow(10.0, -snr_db / 20));
  for (size_t i = 0; i < noise.size(); ++i) samples[i] += gain * noise[i];
}

void LimitPeak(float *samples, int64_t n) {
  double peak = 0;
  for (int64_t i = 0; i < n; ++i) peak = std::max(peak, std::fabs(static_cast<double>(samples[i])));
  if (peak <= kPeak) return;
  const float scale = static_cast<float>(kPeak / peak);
  for (int64_t i = 0; i < n; ++i) samples[i] *= scale;
}

}  // namespace u2moe
