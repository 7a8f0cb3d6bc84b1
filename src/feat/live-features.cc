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

Tensor LiveFeatures::Accept(ConstView samples) {
  num_samples_ += samples.Cols();
  return fbank_.Accept(resampler_.Accept(samples));
}

Tensor LiveFeatures::Flush() {
  const Tensor head = fbank_.Accept(resampler_.Flush()), tail = fbank_.Flush();
  Tensor all(head.Rows() + tail.Rows(), Dim());
  std::copy_n(tail.Data(), tail.Size(), std::copy_n(head.Data(), head.Size(), all.Data()));
  return all;
}

double ComputeLiveFeatures(AudioStream *audio, const FbankOptions &opts, const RateOptions &rate,
                           const std::function<Tensor(Tensor)> &transform, uint64_t dither_seed,
                           int64_t piece_frames, const std::function<void(ConstView)> &emit) {
  CHECK_GE(piece_frames, 1);
  rate.Check(audio->SampleRate(), opts.frame.sample_frequency);
  LiveFeatures features(opts, audio->SampleRate(), dither_seed);
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
    add(features.Accept(ConstView(samples.data(), 1, static_cast<int64_t>(samples.size()))));
  }
  add(features.Flush());
  if (filled > 0) emit(piece.View().RowRange(0, filled));
  return features.Seconds();
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
      !opts.write_utt2dur.empty() || !opts.audio.segments.empty() || opts.audio.min_duration > 0) {
    throw UsageError(
        "--online-frames goes without --subtract-mean, --vtln-warp, --vtln-map, --write-utt2dur, "
        "--segments and --min-duration");
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
    const double seconds = ComputeLiveFeatures(&audio, fbank, opts.audio.rate, transform, seed,
                                               live.online_frames, emit);
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
