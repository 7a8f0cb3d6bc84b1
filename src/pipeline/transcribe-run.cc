#include "pipeline/transcribe-run.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "audio/audio-file.h"
#include "audio/wave.h"
#include "base/error.h"
#include "base/log.h"
#include "base/thread-pool.h"
#include "base/timer.h"
#include "util/io.h"
#include "util/progress.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr double kCentiseconds = 100;

// "name-0000123-0000456", as Kaldi names segments: begin and end in hundredths of a second.
std::string UtteranceName(const std::string &name, double begin, double end) {
  char times[48];
  std::snprintf(times, sizeof times, "-%07lld-%07lld", std::llround(begin * kCentiseconds),
                std::llround(end * kCentiseconds));
  return name + times;
}

std::string ChannelName(const std::string &name, int32_t channel) {
  return Cat(name, "-ch", channel);
}

Tensor MixOf(ConstView samples) {
  Tensor mix(1, samples.Cols());
  for (int64_t t = 0; t < samples.Cols(); ++t) {
    double sum = 0;
    for (int64_t c = 0; c < samples.Rows(); ++c) sum += samples(c, t);
    mix(0, t) = static_cast<float>(sum / static_cast<double>(samples.Rows()));
  }
  return mix;
}

// Tells every few seconds what is done and how long the rest takes. Any thread may call.
class RunProgress {
 public:
  explicit RunProgress(const RecordingList &list) : recordings_(list.recordings.size()) {
    for (const Recording &r : list.recordings) {
      bytes_ += static_cast<double>(r.bytes);
      known_ &= r.bytes > 0;
    }
  }
  void Add(double seconds, double bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    seconds_ += seconds;
    done_ += bytes;
    Tell();
  }
  void FinishRecording() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++finished_;
  }

 private:
  void Tell() {
    constexpr double kInterval = 5;  // seconds
    const double elapsed = timer_.Elapsed();
    if (elapsed < next_) return;
    next_ = elapsed + kInterval;
    std::string line = "transcribing: ";
    if (known_ && done_ > 0) {
      const double share = std::min(1.0, done_ / bytes_);
      line += Cat(std::lround(100 * share), " %, ", FormatDuration(elapsed * (1 / share - 1)),
                  " left; ");
    }
    if (recordings_ > 1) line += Cat(finished_, " of ", recordings_, " recordings, ");
    LOG_INFO << line << FormatDuration(seconds_) << " of audio in " << FormatDuration(elapsed);
  }

  std::mutex mutex_;
  const size_t recordings_;
  size_t finished_ = 0;
  double bytes_ = 0, done_ = 0, seconds_ = 0, next_ = 5;
  bool known_ = true;
  Timer timer_;
};

// Where transcripts go.
class TranscriptOutput {
 public:
  explicit TranscriptOutput(const TranscribeRunOptions &opts) : opts_(opts) {
    if (opts.output_dir.empty()) {
      output_ = std::make_unique<Output>("-");
      if (!IsText()) writer_ = MakeTranscriptWriter(opts.transcript, &output_->Stream());
      return;
    }
    std::error_code error;
    std::filesystem::create_directories(opts.output_dir, error);
    if (error) throw Error("cannot make the folder ", opts.output_dir, ": ", error.message());
  }

  // A document of its own, by any thread.
  void WriteFile(const Recording &recording, const TranscribedRecording &result) const {
    if (opts_.output_dir.empty()) return;
    const std::filesystem::path path =
        std::filesystem::path(opts_.output_dir) /
        (recording.file + "." + FindTranscriptFormat(opts_.transcript.format).extension);
    std::error_code ignored;  // Output says what is wrong
    std::filesystem::create_directories(path.parent_path(), ignored);
    Output output(path.string());
    const auto writer = MakeTranscriptWriter(opts_.transcript, &output.Stream());
    for (const TimedSegment &segment : result.segments) writer->Write(segment);
    writer->Close();
    output.Close();
  }
  // On standard output, in order.
  void Print(const Recording &recording, const TranscribedRecording &result) {
    if (!output_) return;
    if (IsText()) {
      for (const int32_t channel : result.channels) PrintLine(recording, channel, result);
    } else {
      for (const TimedSegment &segment : result.segments) writer_->Write(segment);
    }
    output_->Flush();
  }
  void Close() {
    if (!output_) return;
    if (writer_) writer_->Close();
    output_->Close();
  }

 private:
  bool IsText() const { return opts_.transcript.format == "text"; }
  void PrintLine(const Recording &recording, int32_t channel, const TranscribedRecording &result) {
    std::string line =
        opts_.channel == "each" ? ChannelName(recording.name, channel) : recording.name;
    for (const TimedSegment &segment : result.segments) {
      if (segment.channel == channel && !segment.words.empty()) line += " " + TextOf(segment);
    }
    output_->Stream() << line << '\n';
  }

  const TranscribeRunOptions &opts_;
  std::unique_ptr<Output> output_;
  std::unique_ptr<TranscriptWriter> writer_;
};

void TellLevel(const Recording &recording, const TranscribedRecording &result) {
  if (result.gain_db == 0) return;
  LOG_INFO << recording.path << ": quieter than the model's training, raised by "
           << std::lround(result.gain_db) << " dB (--match-level)";
}

void TellNoSpeech(const Recording &recording, const TranscribedRecording &result) {
  if (!result.segments.empty()) return;
  LOG_WARN << recording.path << ": no speech in " << FormatDuration(result.seconds)
           << (result.num_refused > 0
                   ? Cat("; ", result.num_refused,
                         " parts in which something is heard count as noise (--min-contrast, "
                         "--min-posterior)")
                   : std::string("; everything is silence to the model"))
           << "; if somebody speaks there, is it the model's language, and the right --channel?";
}

}  // namespace

void TranscribeRunOptions::Register(OptionParser *po) {
  po->Register("channel", &channel,
               "of recordings with several: mix, their mean; a number from 0; each, a transcript "
               "of every one");
  transcript.Register(po);
  po->Register("output-dir", &output_dir,
               "folder for a transcript per recording, named as that is; empty: standard output");
  po->Register("threads", &threads,
               "recordings transcribed at once; the results do not depend on it");
}

void TranscribeRunOptions::Check() const {
  int32_t index = 0;
  if (channel != "mix" && channel != "each" && (!ParseNumber(channel, &index) || index < 0))
    throw UsageError("--channel=", channel, ": expected mix, each or a number from 0");
  transcript.Check();
  if (threads < 1 || threads > 1024)
    throw UsageError("--threads=", threads, ": must be from 1 to 1024");
}

void TranscribeRunOptions::Check(const RecordingList &list) const {
  if (!output_dir.empty() || list.recordings.size() < 2 ||
      !FindTranscriptFormat(transcript.format).one_recording) {
    return;
  }
  throw UsageError("--format=", transcript.format, " holds one recording, and there are ",
                   list.recordings.size(), ": give a folder for them, --output-dir=transcripts");
}

TranscribedRecording Transcribe(const Transcriber &transcriber, const Recording &recording,
                                const std::string &channel,
                                const std::function<bool(double seconds, double share)> &progress) {
  AudioFile audio(recording.path);
  TranscribedRecording result;
  int32_t first = 0;  // that is heard
  int64_t count = 1;
  if (channel == "each") {
    count = audio.NumChannels();
  } else if (channel != "mix") {
    if (!ParseNumber(channel, &first)) throw UsageError("--channel=", channel, ": unknown");
    ChannelIndex(audio.NumChannels(), first);
  }
  std::vector<std::vector<TimedSegment>> segments(static_cast<size_t>(count));
  std::deque<TranscriberSession> sessions;
  for (int64_t c = 0; c < count; ++c) {
    const int32_t number = first + static_cast<int32_t>(c) + 1;
    result.channels.push_back(number);
    auto *own = &segments[static_cast<size_t>(c)];
    sessions.emplace_back(transcriber, audio.SampleRate(), [&, number, own](TimedSegment segment) {
      segment.recording = recording.name;
      segment.channel = number;
      segment.utterance =
          UtteranceName(channel == "each" ? ChannelName(recording.name, number) : recording.name,
                        segment.begin, segment.end);
      own->push_back(std::move(segment));
    });
  }
  for (Tensor samples; audio.Read(&samples);) {
    if (channel == "mix" && samples.Rows() > 1) samples = MixOf(samples);
    for (int64_t c = 0; c < count; ++c) {
      const int64_t row = channel == "mix" ? 0 : first + c;
      sessions[static_cast<size_t>(c)].Accept(samples.View().RowRange(row, 1));
    }
    const double seconds = sessions[0].Seconds(), all = audio.Seconds();
    if (progress && !progress(seconds, all > 0 ? std::min(1.0, seconds / all) : -1)) break;
  }
  for (int64_t c = 0; c < count; ++c) {
    TranscriberSession &session = sessions[static_cast<size_t>(c)];
    session.Finish();
    result.num_refused += session.NumRefused();
    result.gain_db = std::max(result.gain_db, session.GainDb());
    result.seconds = session.Seconds();
    for (TimedSegment &segment : segments[static_cast<size_t>(c)])
      result.segments.push_back(std::move(segment));
  }
  return result;
}

void TranscribeAll(const Transcriber &transcriber, const RecordingList &list,
                   const TranscribeRunOptions &opts, SpeedReport *speed, UtteranceTally *tally) {
  struct Outcome {
    TranscribedRecording result;
    std::exception_ptr error;  // a DataError
    double seconds = 0;        // that it took
  };
  for (const auto &[argument, what] : list.problems) tally->Fail(argument, what);
  const size_t count = list.recordings.size();
  TranscriptOutput output(opts);
  RunProgress progress(list);
  std::vector<std::optional<Outcome>> outcomes(count);
  std::mutex mutex;  // of what follows
  size_t next = 0;   // the first that has not ended
  std::atomic<bool> stop{false};
  // All that have ended, in order.
  const auto deliver = [&](size_t i, Outcome outcome) {
    const std::lock_guard<std::mutex> lock(mutex);
    outcomes[i] = std::move(outcome);
    for (; next < count && outcomes[next]; ++next) {
      const Recording &recording = list.recordings[next];
      const Outcome done = std::move(*outcomes[next]);
      outcomes[next] = Outcome();  // its words are not needed again
      const bool good = tally->Try(recording.path, [&] {
        if (done.error) std::rethrow_exception(done.error);
        output.Print(recording, done.result);
      });
      if (!good) continue;
      TellLevel(recording, done.result);
      TellNoSpeech(recording, done.result);
      speed->AddAudio(done.result.seconds);
      speed->AddUtterance(done.result.seconds, done.seconds);
    }
  };
  const auto work = [&](int64_t job) {
    const size_t i = static_cast<size_t>(job);
    if (stop) return;
    try {
      Outcome outcome;
      const Timer timer;
      const double bytes = static_cast<double>(list.recordings[i].bytes);
      double told_seconds = 0, told_bytes = 0;
      const auto tell = [&](double seconds, double share) {
        const double now = share < 0 ? 0 : share * bytes;
        progress.Add(seconds - told_seconds, now - told_bytes);
        told_seconds = seconds;
        told_bytes = now;
        return !stop;
      };
      try {
        outcome.result = Transcribe(transcriber, list.recordings[i], opts.channel, tell);
        if (stop) return;
        output.WriteFile(list.recordings[i], outcome.result);
      } catch (const DataError &) {
        outcome.error = std::current_exception();
      }
      progress.FinishRecording();
      progress.Add(0, bytes - told_bytes);
      outcome.seconds = timer.Elapsed();
      deliver(i, std::move(outcome));
    } catch (...) {
      stop = true;
      throw;
    }
  };
  {
    const SpeedReport::Scope scope(speed, 0);
    if (opts.threads > 1) {
      ThreadPool pool(opts.threads);
      pool.ParallelFor(static_cast<int64_t>(count), work);
    } else {
      for (size_t i = 0; i < count; ++i) work(static_cast<int64_t>(i));
    }
  }
  output.Close();
}

}  // namespace u2moe
