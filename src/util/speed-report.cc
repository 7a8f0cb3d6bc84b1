#include "util/speed-report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/quantile.h"
#include "base/stage-clock.h"
#include "util/io.h"

namespace u2moe {
namespace {

// "; 61 % feed-forward, 20 % attention, ...", from the largest; empty without stages.
std::string StageShares() {
  const std::array<double, kNumStages> seconds = StageSeconds();
  std::vector<std::pair<double, size_t>> order;
  double sum = 0;
  for (size_t i = 0; i < seconds.size(); ++i) {
    sum += seconds[i];
    order.emplace_back(seconds[i], i);
  }
  std::sort(order.rbegin(), order.rend());
  std::string text;
  for (const auto &[share, i] : order) {
    const int percent = static_cast<int>(100 * share / std::max(sum, 1e-9) + 0.5);
    if (percent == 0) continue;
    text += Cat(text.empty() ? "; " : ", ", percent, " % ", StageName(static_cast<Stage>(i)));
  }
  return text;
}

}  // namespace

SpeedReport::SpeedReport(OptionParser *po) {
  po->RegisterOutput("stats", &path_, "file for audio, wall and CPU seconds, as JSON");
}

SpeedReport::Scope::Scope(SpeedReport *report, double audio_seconds)
    : report_(report),
      audio_seconds_(audio_seconds),
      cpu_(ProcessCpuSeconds()),
      exceptions_(std::uncaught_exceptions()) {}

SpeedReport::Scope::~Scope() {
  if (std::uncaught_exceptions() > exceptions_) return;
  const double wall = timer_.Elapsed();
  report_->audio_seconds_ += audio_seconds_;
  report_->wall_seconds_ += wall;
  report_->cpu_seconds_ += ProcessCpuSeconds() - cpu_;
}

void SpeedReport::Note(const std::string &name, const std::string &value) {
  text_notes_.emplace_back(name, value);
}
void SpeedReport::Note(const std::string &name, double value) {
  number_notes_.emplace_back(name, value);
}

void SpeedReport::Finish() const {
  if (audio_seconds_ > 0) {
    char text[128];
    std::snprintf(text, sizeof text, "RTF %.5f (CPU %.5f): %.2f s for %.1f s of audio",
                  wall_seconds_ / audio_seconds_, cpu_seconds_ / audio_seconds_, wall_seconds_,
                  audio_seconds_);
    LOG_INFO << text << StageShares();
  }
  if (path_.empty()) return;
  std::vector<double> sorted(rtfs_.begin() + (rtfs_.size() > 1 ? 1 : 0), rtfs_.end());
  std::sort(sorted.begin(), sorted.end());
  nlohmann::ordered_json stages = nlohmann::ordered_json::object();
  const std::array<double, kNumStages> seconds = StageSeconds();
  for (size_t i = 0; i < seconds.size(); ++i) {
    if (seconds[i] > 0) stages[StageName(static_cast<Stage>(i))] = seconds[i];
  }
  nlohmann::ordered_json json = {{"audio_seconds", audio_seconds_},
                                 {"wall_seconds", wall_seconds_},
                                 {"cpu_seconds", cpu_seconds_},
                                 {"rtf",
                                  {{"utterances", rtfs_.size()},
                                   {"first", rtfs_.empty() ? 0 : rtfs_[0]},
                                   {"p50", SortedQuantile(sorted, 0.5)},
                                   {"p90", SortedQuantile(sorted, 0.9)},
                                   {"p99", SortedQuantile(sorted, 0.99)}}},
                                 {"stages", stages},
                                 {"utterance_rtf", rtfs_}};
  for (const auto &[name, value] : text_notes_) json[name] = value;
  for (const auto &[name, value] : number_notes_) json[name] = value;
  Output output(path_);
  output.Stream() << json.dump(1) << '\n';
  output.Close();
}

}  // namespace u2moe
