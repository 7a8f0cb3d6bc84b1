#include "base/error.h"
#include "base/main.h"
#include "base/rng.h"
#include "feat/noise.h"
#include "feat/wave-reader.h"
#include "util/options.h"
#include "util/progress.h"
#include "util/tally.h"
#include "util/text-tables.h"
#include "util/text.h"

namespace u2moe {
namespace {

struct NoiseSpec {
  NoiseKind kind = NoiseKind::kWhite;
  double snr_db = 0;

  // From the words "white 12.5".
  static NoiseSpec Parse(const std::vector<std::string> &words) {
    NoiseSpec spec;
    // Beyond 200 dB, the quieter of the two is below the rounding of the louder. A NaN is not
    // within.
    if (words.size() != 2 || !ParseNumber(words[1], &spec.snr_db) ||
        !(spec.snr_db >= -200 && spec.snr_db <= 200)) {
      throw DataError("its line of utt2snr must be a kind of noise and -200 to 200 dB, as ",
                      "'white 12.5', not '", Join(words, " "), "'");
    }
    spec.kind = ParseNoiseKind(words[0]);
    return spec;
  }
};

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Adds white or pink noise to recordings, at the signal-to-noise ratio a table gives.\n\n"
      "Usage: add-noise [options] <wav-rspecifier> <utt2snr-rspecifier> <wav-wspecifier>\n"
      "  Lines of utt2snr: <utterance> white|pink <dB>. The signal's level is that of its loud "
      "part, within\n"
      "  30 dB of the loudest 20 ms; a sum that would clip is scaled down.\n"
      "  e.g. add-noise --seed=1 scp:clean.scp ark:utt2snr ark,scp:noisy.ark,wav.scp\n");
  int64_t seed = 0;
  po.Register("seed", &seed, "each utterance's noise depends on it and the utterance's name");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3)) return 0;

  SequentialWaveReader reader(po.Arg(0));
  RandomAccessTokenVectorReader specs(po.Arg(1));
  WaveWriter writer(po.Arg(2));
  Progress progress("noise", 0);
  for (; !reader.Done(); reader.Next(), progress.Add(1)) {
    const std::string key = reader.Key();
    tally.Try(reader, [&] {
      const NoiseSpec spec = NoiseSpec::Parse(specs.Value(key));
      const WaveData &clean = reader.Value();
      WaveData noisy = {clean.sample_rate, Tensor::Copy(SelectChannel(clean, -1))};
      Rng rng(SubSeed(static_cast<uint64_t>(seed), key));
      AddNoise(spec.kind, spec.snr_db, noisy.sample_rate, &rng, noisy.samples.Data(),
               noisy.NumSamples());
      writer.Write(key, noisy);
    });
  }
  reader.Close();
  writer.Close();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
