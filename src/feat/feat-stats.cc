#include "feat/feat-stats.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "feat/feat-checks.h"

namespace u2moe {
namespace {

// The columns that a line of the table and a JSON object have in common.
void WriteTextValues(const ValueStats &v, std::ostream &os) {
  char line[160];
  if (v.num_finite > 0) {
    std::snprintf(line, sizeof line, " %11.5g %11.5g %11.5g %11.5g", v.mean,
                  std::sqrt(v.Variance()), static_cast<double>(v.min), static_cast<double>(v.max));
  } else {
    std::snprintf(line, sizeof line, " %11s %11s %11s %11s", "-", "-", "-", "-");
  }
  os << line;
  std::snprintf(line, sizeof line, " %8lld %8lld %10lld\n", static_cast<long long>(v.num_nan),
                static_cast<long long>(v.num_inf), static_cast<long long>(v.num_silent));
  os << line;
}

nlohmann::ordered_json ToJson(const ValueStats &v) {
  nlohmann::ordered_json j;
  if (v.num_finite > 0) {
    j["mean"] = v.mean;
    j["variance"] = v.Variance();
    j["min"] = v.min;
    j["max"] = v.max;
  } else {
    for (const char *name : {"mean", "variance", "min", "max"}) j[name] = nullptr;
  }
  j["nan"] = v.num_nan;
  j["inf"] = v.num_inf;
  j["silent"] = v.num_silent;
  return j;
}

nlohmann::ordered_json ToJson(const FeatStats::Utterance &u) {
  nlohmann::ordered_json j = {{"frames", u.num_frames}, {"silent_frames", u.num_silent_frames}};
  j.update(ToJson(u.values));
  return j;
}

}  // namespace

void ValueStats::Add(float x, float silence_threshold) {
  if (!std::isfinite(x)) {
    ++(std::isnan(x) ? num_nan : num_inf);
    return;
  }
  num_silent += x <= silence_threshold;
  min = std::min(min, x);
  max = std::max(max, x);
  // Welford's recursion: no difference of large sums.
  const double d = x - mean;
  mean += d / static_cast<double>(++num_finite);
  squares += d * (x - mean);
}

void ValueStats::Add(const ValueStats &other) {
  num_nan += other.num_nan;
  num_inf += other.num_inf;
  num_silent += other.num_silent;
  if (other.num_finite == 0) return;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  const double n = static_cast<double>(num_finite), m = static_cast<double>(other.num_finite);
  const double d = other.mean - mean;
  mean += d * m / (n + m);
  squares += other.squares + d * d * n * m / (n + m);
  num_finite += other.num_finite;
}

void FeatStatsOptions::Register(OptionParser *po) {
  po->Register("silence-threshold", &silence_threshold,
               "values at most this high count as silent; log filter banks of digital silence are "
               "-15.94");
  po->Register("per-utterance", &per_utterance, "a line for each utterance too");
}

void FeatStatsOptions::Check() const {
  if (std::isnan(silence_threshold)) throw UsageError("--silence-threshold must be a number");
}

void FeatStats::AddUtterance(const std::string &key, ConstView feats) {
  CheckHasFrames(feats);
  const size_t dim = static_cast<size_t>(feats.Cols());
  if (!dims_.empty() && dims_.size() != dim) {
    throw DataError("features have ", dim, " dimensions, those before had ", dims_.size(),
                    "; extract all of them with the same options");
  }
  Utterance utterance;
  utterance.num_frames = feats.Rows();
  std::vector<ValueStats> dims(dim);
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    bool silent = true;
    for (size_t d = 0; d < dim; ++d) {
      const float x = feats(t, static_cast<int64_t>(d));
      dims[d].Add(x, opts_.silence_threshold);
      silent = silent && std::isfinite(x) && x <= opts_.silence_threshold;
    }
    utterance.num_silent_frames += silent;
  }
  dims_.resize(dim);
  for (size_t d = 0; d < dim; ++d) {
    dims_[d].Add(dims[d]);
    utterance.values.Add(dims[d]);
  }
  ++num_utterances_;
  total_.num_frames += utterance.num_frames;
  total_.num_silent_frames += utterance.num_silent_frames;
  total_.values.Add(utterance.values);
  if (opts_.per_utterance) utterances_.emplace_back(key, utterance);
}

void FeatStats::WriteText(std::ostream &os) const {
  // First columns are as wide as their longest entry.
  size_t width = 9;
  for (const auto &[key, u] : utterances_) width = std::max(width, key.size());
  const auto heading = [&](const std::string &first) {
    char line[160];
    std::snprintf(line, sizeof line, " %11s %11s %11s %11s %8s %8s %10s\n", "mean", "deviation",
                  "min", "max", "NaN", "infinite", "silent");
    os << first << line;
  };
  const auto pad = [](std::string text, size_t to) {
    if (text.size() < to) text.resize(to, ' ');
    return text;
  };
  os << num_utterances_ << " utterances, " << total_.num_frames << " frames of " << dims_.size()
     << " dimensions, " << total_.num_silent_frames
     << " silent frames (all values <= " << opts_.silence_threshold << ")\n";
  heading("dim ");
  for (size_t d = 0; d < dims_.size(); ++d) {
    os << pad(std::to_string(d), 4);
    WriteTextValues(dims_[d], os);
  }
  os << "all ";
  WriteTextValues(total_.values, os);
  if (!opts_.per_utterance) return;
  os << "\n";
  heading(pad("utterance", width) + "    frames  silent");
  for (const auto &[key, u] : utterances_) {
    char counts[64];
    std::snprintf(counts, sizeof counts, " %9lld %7lld", static_cast<long long>(u.num_frames),
                  static_cast<long long>(u.num_silent_frames));
    os << pad(key, width) << counts;
    WriteTextValues(u.values, os);
  }
}

void FeatStats::WriteJson(std::ostream &os) const {
  nlohmann::ordered_json j = {{"utterances", num_utterances_},
                              {"dimension", dims_.size()},
                              {"silence_threshold", opts_.silence_threshold},
                              {"total", ToJson(total_)},
                              {"dimensions", nlohmann::ordered_json::array()}};
  for (const ValueStats &v : dims_) j["dimensions"].push_back(ToJson(v));
  if (opts_.per_utterance) {
    j["by_utterance"] = nlohmann::ordered_json::object();
    for (const auto &[key, u] : utterances_) j["by_utterance"][key] = ToJson(u);
  }
  // Keys may be any bytes; JSON is UTF-8.
  os << j.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
}

}  // namespace u2moe
