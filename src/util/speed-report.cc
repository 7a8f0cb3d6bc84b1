#include "util/speed-report.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "util/io.h"

namespace u2moe {
namespace {

double Quantile(const std::vector<double> &sorted, double q) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1,
                         static_cast<size_t>(q * static_cast<double>(sorted.size())))];
}

}  // namespace

SpeedReport::SpeedReport(OptionParser *po) {
  po->Register("stats", &path_, "file for audio, wall and CPU seconds, as JSON");
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
  if (audio_seconds_ > 0) report_->rtfs_.push_back(wall / audio_seconds_);
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
    LOG_INFO << text;
  }
  if (path_.empty()) return;
  std::vector<double> sorted = rtfs_;
  std::sort(sorted.begin(), sorted.end());
  nlohmann::ordered_json json = {{"audio_seconds", audio_seconds_},
                                 {"wall_seconds", wall_seconds_},
                                 {"cpu_seconds", cpu_seconds_},
                                 {"rtf",
                                  {{"p50", Quantile(sorted, 0.5)},
                                   {"p90", Quantile(sorted, 0.9)},
                                   {"p99", Quantile(sorted, 0.99)}}}};
  for (const auto &[name, value] : text_notes_) json[name] = value;
  for (const auto &[name, value] : number_notes_) json[name] = value;
  Output output(path_);
  output.Stream() << json.dump(1) << '\n';
  output.Close();
}

}  // namespace u2moe
