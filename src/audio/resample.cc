#include "audio/resample.h"

#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "audio/wave.h"
#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

// What the whole and the pieces of a recording are resampled with.
struct SoxrSettings {
  soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_S, SOXR_FLOAT32_S);
  soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
};

void CheckRates(double from, double to) {
  if (from > 0 && to > 0 && from < 1000 * to && to < 1000 * from) return;
  throw DataError("cannot resample from ", from, " Hz to ", to, " Hz");
}

int64_t ResampledLength(int64_t n, double from, double to) {
  return std::llround(static_cast<double>(n) * to / from);
}

}  // namespace

Tensor Resample(ConstView channels, double from, double to) {
  if (from == to) return Tensor::Copy(channels);
  CheckRates(from, to);
  const int64_t n = channels.Cols(), want = ResampledLength(n, from, to);
  if (want < 1) throw DataError("no sample is left of ", n, " when resampled to ", to, " Hz");
  Tensor out = Tensor::Zeros(channels.Rows(), want);
  std::vector<const void *> in_rows;
  std::vector<void *> out_rows;
  for (int64_t c = 0; c < channels.Rows(); ++c) {
    in_rows.push_back(channels.Row(c));
    out_rows.push_back(out.View().Row(c));
  }
  const SoxrSettings settings;
  size_t done = 0;
  const soxr_error_t error =
      soxr_oneshot(from, to, static_cast<unsigned>(channels.Rows()), in_rows.data(),
                   static_cast<size_t>(n), nullptr, out_rows.data(), static_cast<size_t>(want),
                   &done, &settings.io, &settings.quality, &settings.runtime);
  if (error) throw Error("libsoxr: ", error);
  // libsoxr may count one sample less than we where the length falls between two.
  if (static_cast<int64_t>(done) + 1 < want) {
    throw Error("libsoxr: ", done, " samples came out instead of ", want);
  }
  return out;
}

StreamingResampler::StreamingResampler(double from, double to) : from_(from), to_(to) {
  if (from == to) return;
  CheckRates(from, to);
  const SoxrSettings settings;
  soxr_error_t error = nullptr;
  state_ = soxr_create(from, to, 1, &error, &settings.io, &settings.quality, &settings.runtime);
  if (error) throw Error("libsoxr: ", error);
}

StreamingResampler::~StreamingResampler() { soxr_delete(state_); }

Tensor StreamingResampler::Accept(ConstView samples) {
  CHECK(!flushed_) << "samples after the end of the recording";
  CHECK(samples.Rows() == 1 || samples.Empty());
  if (samples.Empty()) return Tensor(1, 0);
  taken_ += samples.Cols();
  if (state_ == nullptr) {
    given_ = taken_;
    return Tensor::Copy(samples);
  }
  return Process(samples.Row(0), samples.Cols(), std::numeric_limits<int64_t>::max());
}

Tensor StreamingResampler::Flush() {
  CHECK(!flushed_) << "Flush() twice";
  flushed_ = true;
  const int64_t left = ResampledLength(taken_, from_, to_) - given_;
  if (left <= 0) return Tensor(1, 0);
  const Tensor rest = Process(nullptr, 0, left);
  // As in Resample, a sample that libsoxr does not count is silence.
  Tensor out = Tensor::Zeros(1, left);
  std::copy_n(rest.Data(), rest.Size(), out.Data());
  return out;
}

Tensor StreamingResampler::Process(const float *samples, int64_t n, int64_t limit) {
  std::vector<float> out;
  // Some more than is expected at once, so that mostly one turn does.
  const int64_t room =
      std::min(limit, static_cast<int64_t>(static_cast<double>(n) * to_ / from_) + 1024);
  for (int64_t in = 0;;) {
    const int64_t old = static_cast<int64_t>(out.size());
    const int64_t space = std::min(room, limit - old);
    out.resize(static_cast<size_t>(old + space));
    size_t used = 0, made = 0;
    // Channels are apart: a list of pointers each.
    const float *from = samples == nullptr ? nullptr : samples + in;
    float *to = out.data() + old;
    const soxr_error_t error =
        soxr_process(state_, samples == nullptr ? nullptr : &from, static_cast<size_t>(n - in),
                     &used, &to, static_cast<size_t>(space), &made);
    if (error) throw Error("libsoxr: ", error);
    in += static_cast<int64_t>(used);
    out.resize(static_cast<size_t>(old) + made);
    const bool full = static_cast<int64_t>(made) == space && old + space < limit;
    if (!full && (in == n || used == 0)) break;
  }
  given_ += static_cast<int64_t>(out.size());
  Tensor result(1, static_cast<int64_t>(out.size()));
  std::copy(out.begin(), out.end(), result.Data());
  return result;
}

Tensor ModifySpeed(ConstView channels, double factor) { return Resample(channels, factor, 1); }

void RateOptions::Register(OptionParser *po) {
  po->Register("allow-downsample", &allow_downsample,
               "resample audio of a higher rate down to --sample-frequency");
  po->Register("allow-upsample", &allow_upsample,
               "resample audio of a lower rate up to --sample-frequency; what it lacks above half "
               "its own rate stays missing");
}

std::string RateOptions::ToString() const {
  return Cat("allow-downsample=", allow_downsample, " allow-upsample=", allow_upsample);
}

void RateOptions::Check(float rate, float wanted) const {
  if (!(rate > wanted ? allow_downsample : allow_upsample)) CheckSampleRate({rate, {}}, wanted);
}

Tensor RateOptions::ToRate(ConstView samples, float rate, float wanted) const {
  Check(rate, wanted);
  return Resample(samples, rate, wanted);
}

}  // namespace u2moe
