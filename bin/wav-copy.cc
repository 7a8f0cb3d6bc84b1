#include <cmath>
#include <optional>

#include "audio/pcm.h"
#include "audio/resample.h"
#include "audio/wave-reader.h"
#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

struct CopyOptions {
  int32_t channel = -1;
  float sample_frequency = 0;  // Hz
  float volume = 1;
  std::string raw_pcm;

  void Register(OptionParser *po) {
    po->Register("channel", &channel, "channel to keep, from 0; -1: all of them");
    po->Register("sample-frequency", &sample_frequency, "rate to resample to, in Hz; 0: as it is");
    po->Register("volume", &volume, "factor for the samples");
    po->Register("raw-pcm", &raw_pcm,
                 "the input has no header: encoding, rate and channels of its samples, as in "
                 "s16le:16000:1");
  }

  void Check() const {
    if (channel < -1) throw UsageError("--channel=", channel, ": expected -1 or a channel from 0");
    if (!(sample_frequency == 0 || (sample_frequency >= 100 && sample_frequency <= 1e6))) {
      throw UsageError("--sample-frequency=", sample_frequency,
                       ": expected 100 to 1000000 Hz, or 0");
    }
    if (std::floor(sample_frequency) != sample_frequency) {
      throw UsageError("--sample-frequency=", sample_frequency,
                       ": the header of a WAV file holds whole numbers of Hz only");
    }
    if (!(volume > 0 && volume < 1e12f)) {
      throw UsageError("--volume=", volume, ": expected a factor above 0");
    }
    if (!raw_pcm.empty()) PcmFormat::Parse(raw_pcm);
  }

  WaveData Apply(const WaveData &wave) const {
    const ConstView samples = channel < 0 ? wave.samples.View() : SelectChannel(wave, channel);
    const float rate = sample_frequency > 0 ? sample_frequency : wave.sample_rate;
    WaveData out = {rate, Resample(samples, wave.sample_rate, rate)};
    float *x = out.samples.Data();
    for (int64_t i = 0; volume != 1 && i < out.samples.Size(); ++i) x[i] *= volume;
    return out;
  }
};

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies audio into 16-bit WAV: a table to a table, or one file to one file. Reads WAV, FLAC, "
      "Ogg,\nOpus, MP3 and what else libsndfile knows, and samples without a header; takes one "
      "channel,\nchanges the sampling rate. Finer samples are rounded; those that do not fit into "
      "16 "
      "bits are\nclipped, with a warning that counts them.\n\n"
      "Usage: wav-copy [options] <wav-rspecifier> <wav-wspecifier>\n"
      "   or: wav-copy [options] <wav-rxfilename> <wav-wxfilename>\n"
      "  e.g. wav-copy --channel=0 --sample-frequency=16000 scp:wav.scp ark,scp:wav.ark,new.scp\n"
      "  e.g. in wav.scp: utt1 ssh host cat a.pcm | wav-copy --raw-pcm=s16le:8000:2 - - |\n");
  CopyOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();

  if (IsTable(po.Arg(0)) != IsTable(po.Arg(1))) {
    throw UsageError("give two tables or two files, not one of each: ", po.Arg(0), " ", po.Arg(1));
  }
  std::optional<PcmFormat> raw;
  if (!opts.raw_pcm.empty()) raw = PcmFormat::Parse(opts.raw_pcm);
  if (!IsTable(po.Arg(0))) {
    const WaveData wave =
        raw ? ReadPcm(*raw, ReadObject<BytesHolder>(po.Arg(0))) : ReadObject<WaveHolder>(po.Arg(0));
    WriteWaveFile(po.Arg(1), opts.Apply(wave), po.Arg(0));
    LOG_INFO << "Copied " << wave.Duration() << " s of audio to " << po.Arg(1);
    return 0;
  }
  WaveWriter writer(po.Arg(1));
  const auto copy = [&](auto *reader, auto decode) {
    for (; !reader->Done(); reader->Next()) {
      tally.Try(*reader, [&] { writer.Write(reader->Key(), opts.Apply(decode(reader->Value()))); });
    }
    reader->Close();
  };
  if (raw) {
    CheckRawTable(po.Arg(0));
    SequentialBytesReader reader(po.Arg(0));
    copy(&reader, [&](const std::string &bytes) { return ReadPcm(*raw, bytes); });
  } else {
    SequentialWaveReader reader(po.Arg(0));
    copy(&reader, [](const WaveData &wave) -> const WaveData & { return wave; });
  }
  writer.Close();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
