#include <cstdio>
#include <optional>

#include "base/log.h"
#include "base/main.h"
#include "base/rng.h"
#include "base/timer.h"
#include "feat/cmvn.h"
#include "feat/fbank.h"
#include "feat/wave-reader.h"
#include "tensor/kaldi-tables.h"
#include "util/options.h"
#include "util/progress.h"
#include "util/speed-report.h"
#include "util/tally.h"
#include "util/text-tables.h"

namespace u2moe {
namespace {

// The options that are not about one frame.
struct ToolOptions {
  int64_t seed = 0;
  int32_t channel = -1;
  float min_duration = 0;
  bool subtract_mean = false;
  std::string write_utt2dur;

  void Register(OptionParser *po) {
    po->Register("seed", &seed,
                 "seed of the dither; each utterance's noise depends on it and the key");
    po->Register("channel", &channel, "channel to use, from 0; -1: the only one");
    po->Register("min-duration", &min_duration, "skip audio shorter than this, in seconds");
    po->Register("subtract-mean", &subtract_mean,
                 "subtract each utterance's mean from its features");
    po->Register("write-utt2dur", &write_utt2dur, "wspecifier for the durations in seconds");
  }
  void Check() const {
    if (channel < -1) throw UsageError("--channel=", channel, ": expected -1 or a channel from 0");
    if (!(min_duration >= 0))
      throw UsageError("--min-duration=", min_duration, ": expected 0 or more");
  }
};

std::string FormatSeconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", seconds);
  return text;
}

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Log mel filter-bank features of audio files, as Kaldi computes them.\n\n"
      "Usage: compute-fbank-feats [options] <wav-rspecifier> <feats-wspecifier>\n"
      "  e.g. compute-fbank-feats --num-mel-bins=80 --dither=0 scp:wav.scp "
      "ark,scp:feats.ark,feats.scp\n");
  FbankOptions opts;
  ToolOptions tool;
  opts.Register(&po);
  tool.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2)) return 0;
  opts.Check();
  tool.Check();
  LOG_INFO << opts.ToString();

  Fbank fbank(opts);
  SequentialWaveReader reader(po.Arg(0));
  MatrixWriter writer(po.Arg(1));
  std::optional<TokenVectorWriter> durations;
  if (!tool.write_utt2dur.empty()) durations.emplace(tool.write_utt2dur);

  Progress progress("fbank", 0);
  int64_t num_skipped = 0;
  for (; !reader.Done(); reader.Next(), progress.Add(1)) {
    const std::string key = reader.Key();
    tally.Try(reader, [&] {
      const WaveData &wave = reader.Value();
      CheckSampleRate(wave, opts.frame.sample_frequency);
      const ConstView samples = SelectChannel(wave, tool.channel);
      if (wave.Duration() < tool.min_duration) {
        LOG_WARN << "utterance " << key << ": skipped, " << wave.Duration()
                 << " s is less than --min-duration";
        ++num_skipped;
        return;
      }
      Tensor feats;
      {
        SpeedReport::Scope scope(&speed, wave.Duration());
        feats = fbank.Compute(samples, SubSeed(static_cast<uint64_t>(tool.seed), key));
        if (tool.subtract_mean) {
          DoubleMatrix stats;
          AccumulateCmvn(feats, &stats);
          CmvnTransform(stats, true, false).Apply(false, feats);
        }
      }
      writer.Write(key, feats);
      if (durations) durations->Write(key, {FormatSeconds(wave.Duration())});
    });
  }
  writer.Close();
  if (durations) durations->Close();
  reader.Close();
  if (num_skipped > 0) LOG_INFO << num_skipped << " utterances were shorter than --min-duration.";
  speed.Finish();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
