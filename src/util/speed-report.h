#ifndef U2MOE_UTIL_SPEED_REPORT_H_
#define U2MOE_UTIL_SPEED_REPORT_H_

#include <string>
#include <utility>
#include <vector>

#include "base/timer.h"
#include "util/options.h"

namespace u2moe {

// What a tool's computation costs for a second of audio. Only the time inside Scopes counts, so
// loading the model and reading and writing archives stay out.
//
//   SpeedReport speed(&po);                  // registers --stats; construct before po.Parse
//   { SpeedReport::Scope scope(&speed, audio_seconds);  compute }   // per group of utterances
//   speed.AddUtterance(audio_seconds, seconds);                     // of each, where known
//   speed.Note("chunk_size", 16);            // conditions of the measurement
//   speed.Finish();                          // logs the real-time factor, writes the JSON file
class SpeedReport {
 public:
  explicit SpeedReport(OptionParser *po);

  // Wall-clock time and the process's CPU time (of all threads) from construction to destruction;
  // what a thrown error cuts short does not count.
  class Scope {
   public:
    Scope(SpeedReport *report, double audio_seconds);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

   private:
    SpeedReport *report_;
    double audio_seconds_, cpu_;
    int exceptions_;
    Timer timer_;
  };

  // One utterance that was computed alone in that time. The first one warms up memory and caches:
  // it is told apart from the distribution of the others.
  void AddUtterance(double audio_seconds, double seconds) {
    if (audio_seconds > 0) rtfs_.push_back(seconds / audio_seconds);
  }

  // Audio of a Scope for which it was not known beforehand. By one thread at a time.
  void AddAudio(double seconds) { audio_seconds_ += seconds; }

  void Note(const std::string &name, const std::string &value);
  void Note(const std::string &name, double value);

  double AudioSeconds() const { return audio_seconds_; }
  double WallSeconds() const { return wall_seconds_; }
  double CpuSeconds() const { return cpu_seconds_; }

  // Logs "RTF ..." with the shares of stages (base/stage-clock.h) and, with --stats=FILE, writes
  // {"audio_seconds", "wall_seconds", "cpu_seconds", "rtf": {"utterances", "first", "p50", "p90",
  // "p99"}, "stages": {name: seconds, summed over threads}, "utterance_rtf": [...], and the notes}.
  // The quantiles (base/quantile.h) leave out the first utterance, if there is another.
  void Finish() const;

 private:
  std::string path_;
  double audio_seconds_ = 0, wall_seconds_ = 0, cpu_seconds_ = 0;
  std::vector<double> rtfs_;
  std::vector<std::pair<std::string, std::string>> text_notes_;
  std::vector<std::pair<std::string, double>> number_notes_;
};

}  // namespace u2moe

#endif  // U2MOE_UTIL_SPEED_REPORT_H_
