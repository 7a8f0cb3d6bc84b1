#include <algorithm>
#include <optional>

#include "audio/noise.h"
#include "audio/resample.h"
#include "audio/reverb.h"
#include "audio/wave-choice.h"
#include "audio/wave-reader.h"
#include "base/error.h"
#include "base/main.h"
#include "base/rng.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/progress.h"
#include "util/tally.h"

namespace u2moe {
int Run(int argc, char *argv[]) {
  OptionParser po(
      "Adds noise to recordings at the signal-to-noise ratio a table gives, and the sound of rooms "
      "(--rirs).\n\n"
      "Usage: add-noise [options] <wav-rspecifier> <utt2snr-rspecifier> <wav-wspecifier>\n"
      "  Lines of utt2snr: <utterance> white|pink|recorded <dB> or <low>:<high> dB, or <utterance> "
      "none.\n"
      "  The signal's level is that of its loud part, within 30 dB of the loudest 20 ms; in a "
      "room, "
      "of the\n"
      "  sound that arrives within 50 ms. What would clip is scaled down, with a warning. Recorded "
      "noise "
      "(--noises) "
      "begins at\n"
      "  a random place, and over again where it ends too early; its level is that of what is "
      "added.\n"
      "  e.g. add-noise --seed=1 scp:clean.scp ark:utt2snr ark,scp:noisy.ark,wav.scp\n"
      "  e.g. add-noise --noises=scp:musan.scp \"scp:clean.scp\" \"ark:sed 's/ .*/ recorded 5:20/' "
      "clean.scp |\" ark:noisy.ark\n"
      "  e.g. add-noise --rirs=scp:rirs.scp scp:clean.scp ark:utt2snr ark,scp:noisy.ark,wav.scp\n");
  int64_t seed = 0;
  int32_t rir_channel = 0, noise_channel = 0;
  std::string rirs, utt2rir, noises, utt2noise;
  po.Register("seed", &seed, "what is drawn for an utterance depends on it and its name");
  po.RegisterInput("rirs", &rirs,
                   "rspecifier of impulse responses of rooms: audio of any level and rate");
  po.RegisterInput("utt2rir", &utt2rir,
                   "rspecifier of each utterance's key in --rirs; \"\": one is drawn");
  po.Register("rir-channel", &rir_channel, "channel of the impulse responses, from 0");
  po.RegisterInput("noises", &noises, "rspecifier of recordings of noise, of any level and rate");
  po.RegisterInput("utt2noise", &utt2noise,
                   "rspecifier of each utterance's key in --noises; \"\": one is drawn");
  po.Register("noise-channel", &noise_channel, "channel of the noises, from 0");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  if (rirs.empty() && !utt2rir.empty()) throw UsageError("--utt2rir needs --rirs");
  if (noises.empty() && !utt2noise.empty()) throw UsageError("--utt2noise needs --noises");
  if (noise_channel < 0)
    throw UsageError("--noise-channel=", noise_channel, ": expected 0 or more");
  if (rir_channel < 0) throw UsageError("--rir-channel=", rir_channel, ": expected 0 or more");

  SequentialWaveReader reader(po.Arg(0));
  RandomAccessTokenVectorReader specs(po.Arg(1));
  WaveWriter writer(po.Arg(2));
  std::optional<WaveChoice> rooms, recordings;
  if (!rirs.empty()) rooms.emplace(rirs, utt2rir, "--rirs");
  if (!noises.empty()) recordings.emplace(noises, utt2noise, "--noises");
  LossReport scaled(LossReport::Kind::kScaledDown);
  Progress progress("noise", 0);
  for (; !reader.Done(); reader.Next(), progress.Add(1)) {
    const std::string key = reader.Key();
    tally.Try(reader, [&] {
      const NoiseSpec spec = NoiseSpec::Parse(specs.Value(key));
      const WaveData &clean = reader.Value();
      const float rate = clean.sample_rate;
      // Apart from each other, so that the noise is the same in every room and at every level.
      Rng rng(SubSeed(static_cast<uint64_t>(seed), key));
      Rng choice(SubSeed(SubSeed(static_cast<uint64_t>(seed), key), 1));
      const double snr_db = choice.Uniform(spec.low_db, spec.high_db);
      WaveData noisy = {rate, Tensor::Copy(SelectChannel(clean, -1))};
      double level = ActiveLevel(noisy.samples.Data(), noisy.NumSamples(), rate);
      if (rooms) {
        const WaveData &rir = rooms->For(key, &choice);
        const Reverberation reverb = Reverberate(
            noisy.samples, Resample(SelectChannel(rir, rir_channel), rir.sample_rate, rate), rate);
        level = ActiveLevel(reverb.early.data(), static_cast<int64_t>(reverb.early.size()), rate);
        std::copy(reverb.samples.begin(), reverb.samples.end(), noisy.samples.Data());
      }
      if (spec.kind == NoiseKind::kRecorded) {
        if (!recordings)
          throw UsageError("utterance ", key, " wants recorded noise: give --noises");
        const WaveData &wave = recordings->For(key, &rng);
        const Tensor noise = Resample(SelectChannel(wave, noise_channel), wave.sample_rate, rate);
        AddNoise(CutNoise(noise, noisy.NumSamples(), &rng), snr_db, level, noisy.samples.Data());
      } else if (spec.kind != NoiseKind::kNone) {
        AddNoise(MakeNoise(spec.kind, noisy.NumSamples(), rate, &rng), snr_db, level,
                 noisy.samples.Data());
      }
      scaled.Add("utterance " + key, MeasureLoss(noisy.samples));
      LimitPeak(noisy.samples.Data(), noisy.NumSamples());
      writer.Write(key, noisy);
    });
  }
  reader.Close();
  writer.Close();
  scaled.Finish();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
