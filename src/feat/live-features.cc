#include "feat/live-features.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "table/live-piece.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {

double ComputeLiveFeatures(AudioStream *audio, const FbankOptions &opts,
                           const std::function<Tensor(Tensor)> &transform, uint64_t dither_seed,
                           int64_t piece_frames, const std::function<void(ConstView)> &emit) {
  CHECK_GE(piece_frames, 1);
  const float rate = audio->SampleRate(), wanted = opts.frame.sample_frequency;
  if (rate != wanted) {
    throw DataError("sampled at ", RateText(rate), " Hz, wanted are ", RateText(wanted),
                    " Hz (--sample-frequency); live audio is not resampled here, but on its way "
                    "it is by: sox - -t wav -r ",
                    RateText(wanted), " -");
  }
  OnlineFbank fbank(opts, dither_seed);
  Tensor piece;
  int64_t filled = 0;
  const auto add = [&](Tensor banks) {
    if (banks.Empty()) return;
    const Tensor feats = transform(std::move(banks));
    const ConstView frames = feats;
    if (piece.Empty()) piece = Tensor(piece_frames, frames.Cols());
    for (int64_t t = 0; t < frames.Rows(); ++t) {
      std::copy_n(frames.Row(t), frames.Cols(), piece.View().Row(filled));
      if (++filled < piece_frames) continue;
      emit(piece);
      filled = 0;
    }
  };
  for (std::vector<float> samples; audio->Read(&samples);) {
    add(fbank.Accept(ConstView(samples.data(), 1, static_cast<int64_t>(samples.size()))));
  }
  add(fbank.Flush());
  if (filled > 0) emit(piece.View().RowRange(0, filled));
  return static_cast<double>(fbank.NumSamples()) / audio->SampleRate();
}

void LiveOptions::Register(OptionParser *po) {
  po->Register(
      "online-frames", &online_frames,
      "read one recording while it is being made, and write it in pieces of so many frames "
      "as soon as their samples are there; 0: whole recordings");
  po->Register("online-key", &online_key,
               "with --online-frames: the pieces are <this>-00000001+, <this>-00000002+ and so on; "
               "nnet-forward joins them to the utterance <this> again");
}

void LiveOptions::Check(const OptionParser &po) const {
  if (online_frames < 0 || online_frames > 1000000) {
    throw UsageError("--online-frames=", online_frames, ": expected 0 to 1000000");
  }
  if (online_frames == 0) return;
  if (po.WasGiven("stats")) throw UsageError("--online-frames goes without --stats");
  if (online_key.empty() || SplitFields(online_key) != std::vector<std::string>{online_key}) {
    throw UsageError("--online-key='", online_key, "': expected a name without spaces");
  }
}

void WriteLiveFeatures(const LiveOptions &live, const FbankOptions &fbank, const HtkHeader &htk,
                       const std::function<Tensor(Tensor)> &transform,
                       const ComputeFeatsOptions &opts, const std::string &audio_rxfilename,
                       const std::string &feats_wspecifier) {
  if (IsTable(audio_rxfilename)) {
    throw UsageError("--online-frames reads one recording: give a file, '-' or 'command |', not ",
                     audio_rxfilename);
  }
  if (opts.subtract_mean || opts.vtln_warp != 1 || !opts.vtln_map.empty() ||
      !opts.write_utt2dur.empty() || !opts.audio.segments.empty() || opts.audio.min_duration > 0 ||
      opts.audio.rate.allow_downsample || opts.audio.rate.allow_upsample) {
    throw UsageError(
        "--online-frames goes without --subtract-mean, --vtln-warp, --vtln-map, --write-utt2dur, "
        "--segments, --min-duration, --allow-downsample and --allow-upsample");
  }
  std::optional<PcmFormat> raw;
  if (!opts.audio.raw_pcm.empty()) raw = PcmFormat::Parse(opts.audio.raw_pcm);
  Input input(audio_rxfilename);
  FeatureWriter writer(opts, htk, "f," + feats_wspecifier);  // f: each piece is written at once
  int64_t number = 0;
  const auto emit = [&](ConstView frames) {
    writer.Write(LivePiece{live.online_key, ++number}.Key(), Tensor::Copy(frames));
  };
  try {
    AudioStream audio(&input.Stream(), raw, opts.audio.channel);
    const uint64_t seed = SubSeed(static_cast<uint64_t>(opts.seed), live.online_key);
    const double seconds =
        ComputeLiveFeatures(&audio, fbank, transform, seed, live.online_frames, emit);
    LOG_INFO << seconds << " s of audio in " << number << " pieces.";
  } catch (const DataError &e) {
    throw Error(audio_rxfilename, ": ", e.what());
  }
  // What a command writes after the samples is read off, so that its exit status is its own.
  if (IsPipe(audio_rxfilename)) input.Stream().ignore(std::numeric_limits<std::streamsize>::max());
  input.Close();
  writer.Close();
}

}  // namespace u2moe
