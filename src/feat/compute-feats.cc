#include "feat/compute-feats.h"

#include <cmath>
#include <cstdio>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/stage-clock.h"
#include "feat/cmvn.h"
#include "table/speaker-map.h"
#include "table/text-tables.h"
#include "util/progress.h"
#include "util/table-specifier.h"
#include "util/text.h"

namespace u2moe {
namespace {

struct FeatsJob : UtteranceJob {
  Tensor samples;  // [1, n]
  float vtln_warp = 1;
  bool too_short = false;
  Tensor feats;
};

std::string FormatSeconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", seconds);
  return text;
}

// Lends each thread an extractor of its own.
class ExtractorPool {
 public:
  explicit ExtractorPool(const std::function<FeatureFn()> &make) : make_(make) {}

  Tensor Compute(const FeatsJob &job, uint64_t seed) {
    FeatureFn fn = Take();
    Tensor feats = fn(job.samples, seed, job.vtln_warp);  // one that threw is not used again
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(fn));
    return feats;
  }

 private:
  FeatureFn Take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (free_.empty()) return make_();
    FeatureFn fn = std::move(free_.back());
    free_.pop_back();
    return fn;
  }

  const std::function<FeatureFn()> &make_;
  std::mutex mutex_;
  std::vector<FeatureFn> free_;
};

// The warp of each utterance, from --vtln-map or --vtln-warp.
class WarpSource {
 public:
  explicit WarpSource(const ComputeFeatsOptions &opts)
      : warp_(opts.vtln_warp), speakers_(opts.utt2spk) {
    if (!opts.vtln_map.empty()) map_.emplace(opts.vtln_map);
  }

  float For(const std::string &utterance) {
    if (!map_) return warp_;
    const std::string key = speakers_.KeyOf(utterance);
    const std::vector<std::string> &words = map_->Value(key);
    float warp = 0;
    if (words.size() != 1 || !ParseNumber(words[0], &warp) || !(warp > 0 && warp < 100)) {
      throw DataError("the VTLN warp of '", key, "' is '", Join(words, " "),
                      "', expected one number near 1; correct --vtln-map");
    }
    return warp;
  }

 private:
  float warp_;
  SpeakerMap speakers_;
  std::optional<RandomAccessTokenVectorReader> map_;
};

}  // namespace

void ComputeFeatsOptions::Register(OptionParser *po) {
  po->Register("seed", &seed,
               "seed of the dither; each utterance's noise depends on it and the key");
  audio.Register(po);
  po->Register("output-format", &output_format,
               "kaldi, or htk: HTK's parameter files, whose header tells the frame shift");
  po->Register("subtract-mean", &subtract_mean, "subtract each utterance's mean from its features");
  po->RegisterOutput("write-utt2dur", &write_utt2dur, "wspecifier for the durations in seconds");
  po->Register("vtln-warp", &vtln_warp,
               "warp of the frequency axis for the speaker's vocal tract length; 1: none");
  po->RegisterInput(
      "vtln-map", &vtln_map,
      "rspecifier of a warp per utterance, or per speaker with --utt2spk; used instead of "
      "--vtln-warp");
  po->RegisterInput("utt2spk", &utt2spk, "rspecifier of each utterance's speaker, for --vtln-map");
  threads.Register(po, "num-threads");
}

void ComputeFeatsOptions::Check() const {
  audio.Check();
  if (output_format != "kaldi" && output_format != "htk") {
    throw UsageError("--output-format=", output_format, ": expected kaldi or htk");
  }
  if (!(vtln_warp > 0 && vtln_warp < 100)) {
    throw UsageError("--vtln-warp=", vtln_warp, ": expected a number near 1");
  }
  if (!utt2spk.empty() && vtln_map.empty()) throw UsageError("--utt2spk needs --vtln-map");
  threads.Check();
}

FeatureWriter::FeatureWriter(const ComputeFeatsOptions &opts, const HtkHeader &htk,
                             const std::string &wspecifier)
    : header_(htk) {
  if (opts.output_format == "kaldi") {
    kaldi_.emplace(wspecifier);
    return;
  }
  if (!ParseWspecifier(wspecifier).binary) {
    throw UsageError("--output-format=htk has no text form: use ark: instead of ark,t:");
  }
  htk_.emplace(wspecifier);
}

void FeatureWriter::Write(const std::string &key, Tensor feats) {
  if (kaldi_) return kaldi_->Write(key, feats);
  htk_->Write(key, {std::move(feats), header_.period, header_.kind});
}

void FeatureWriter::Close() { kaldi_ ? kaldi_->Close() : htk_->Close(); }

int ComputeFeats(const ComputeFeatsOptions &opts, float sample_frequency, const HtkHeader &htk,
                 const std::function<FeatureFn()> &make, const std::string &wav_rspecifier,
                 const std::string &feats_wspecifier, SpeedReport *speed, UtteranceTally *tally) {
  ExtractorPool extractors(make);
  WarpSource warps(opts);
  AudioReader reader(opts.audio, wav_rspecifier, sample_frequency);
  FeatureWriter writer(opts, htk, feats_wspecifier);
  std::optional<TokenVectorWriter> durations;
  if (!opts.write_utt2dur.empty()) durations.emplace(opts.write_utt2dur);

  const auto read = [&](FeatsJob *job) {
    if (reader.Done()) return false;
    job->key = reader.Key();
    job->place = reader.Where();
    job->Try([&] {
      AudioUtterance utterance = reader.Value();
      job->samples = std::move(utterance.samples);
      job->audio_seconds = utterance.duration;
      job->too_short = utterance.too_short;
      job->vtln_warp = warps.For(job->key);
    });
    reader.Next();
    return true;
  };
  const auto work = [&](FeatsJob *job) {
    if (job->too_short) return;
    const StageScope stage(Stage::kFeatures);
    const uint64_t seed = SubSeed(static_cast<uint64_t>(opts.seed), job->key);
    try {
      job->feats = extractors.Compute(*job, seed);
    } catch (const UsageError &e) {
      if (opts.vtln_map.empty()) throw;
      throw DataError("with the VTLN warp ", job->vtln_warp, ": ", e.what());
    }
    if (opts.subtract_mean) {
      DoubleMatrix stats;
      AccumulateCmvn(job->feats, &stats);
      CmvnTransform(stats, true, false).Apply(false, job->feats);
    }
  };
  int64_t num_skipped = 0;
  const auto write = [&](FeatsJob *job) {
    if (job->too_short) {
      LOG_WARN << "utterance " << job->key << ": skipped, " << job->audio_seconds
               << " s is less than --min-duration";
      ++num_skipped;
      return;
    }
    writer.Write(job->key, std::move(job->feats));
    if (durations) durations->Write(job->key, {FormatSeconds(job->audio_seconds)});
  };
  Progress progress("utterances", opts.audio.segments.empty() ? CountEntries(wav_rspecifier) : 0);
  ForEachUtterance<FeatsJob>(opts.threads, speed, tally, &progress, read, work, write);
  writer.Close();
  if (durations) durations->Close();
  reader.Close();
  if (num_skipped > 0) LOG_INFO << num_skipped << " utterances were shorter than --min-duration.";
  speed->Note("threads", opts.threads.threads);
  speed->Finish();
  return tally->Finish();
}

}  // namespace u2moe
