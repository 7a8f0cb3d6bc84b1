#include "audio/resample.h"

#include <soxr.h>

#include <cmath>
#include <string>
#include <vector>

#include "audio/wave.h"
#include "base/error.h"

namespace u2moe {

Tensor Resample(ConstView channels, double from, double to) {
  if (from == to) return Tensor::Copy(channels);
  if (!(from > 0 && to > 0 && from < 1000 * to && to < 1000 * from)) {
    throw DataError("cannot resample from ", from, " Hz to ", to, " Hz");
  }
  const int64_t n = channels.Cols(), want = std::llround(static_cast<double>(n) * to / from);
  if (want < 1) throw DataError("no sample is left of ", n, " when resampled to ", to, " Hz");
  Tensor out = Tensor::Zeros(channels.Rows(), want);
  std::vector<const void *> in_rows;
  std::vector<void *> out_rows;
  for (int64_t c = 0; c < channels.Rows(); ++c) {
    in_rows.push_back(channels.Row(c));
    out_rows.push_back(out.View().Row(c));
  }
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_S, SOXR_FLOAT32_S);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
  size_t done = 0;
  const soxr_error_t error = soxr_oneshot(
      from, to, static_cast<unsigned>(channels.Rows()), in_rows.data(), static_cast<size_t>(n),
      nullptr, out_rows.data(), static_cast<size_t>(want), &done, &io, &quality, &runtime);
  if (error) throw Error("libsoxr: ", error);
  // libsoxr may count one sample less than we where the length falls between two.
  if (static_cast<int64_t>(done) + 1 < want) {
    throw Error("libsoxr: ", done, " samples came out instead of ", want);
  }
  return out;
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

Tensor RateOptions::ToRate(ConstView samples, float rate, float wanted) const {
  if (!(rate > wanted ? allow_downsample : allow_upsample)) CheckSampleRate({rate, {}}, wanted);
  return Resample(samples, rate, wanted);
}

}  // namespace u2moe
