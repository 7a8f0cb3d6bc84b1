// Real-time factor of the filter banks: seconds of one thread per second of audio, best of several
// runs.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/rng.h"
#include "base/timer.h"
#include "feat/fbank.h"

int main() {
  using namespace u2moe;  // NOLINT(build/namespaces)
  constexpr int64_t kSeconds = 60, kRate = 16000;
  Rng rng(1);
  Tensor samples(1, kSeconds * kRate);
  for (int64_t i = 0; i < samples.Size(); ++i) {
    samples.Data()[i] = static_cast<float>(std::round(1000 * rng.Normal()));
  }
  struct Case {
    const char *name;
    int32_t num_bins;
    float dither;
  };
  for (const Case &c :
       {Case{"80 bins", 80, 0}, Case{"80 bins, dither", 80, 1}, Case{"40 bins", 40, 0}}) {
    FbankOptions opts;
    opts.mel.num_bins = c.num_bins;
    opts.frame.dither = c.dither;
    Fbank fbank(opts);
    Tensor feats = fbank.Compute(samples);  // warm-up
    double best = 1e9;
    for (int run = 0; run < 10; ++run) {
      const double begin = ThreadCpuSeconds();
      fbank.Compute(samples, 1, feats);
      best = std::min(best, ThreadCpuSeconds() - begin);
    }
    std::printf("fbank %-16s %lld s of audio at 16 kHz, 1 thread: RTF %.6f, %.2f us per frame\n",
                c.name, static_cast<long long>(kSeconds), best / kSeconds,
                1e6 * best / static_cast<double>(feats.Rows()));
  }
  return 0;
}
