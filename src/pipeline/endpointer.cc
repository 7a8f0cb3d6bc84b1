#include "pipeline/endpointer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace u2moe {
namespace {

constexpr double kMaxSilenceKept = 0.5;  // seconds, for the next segment
constexpr float kMaxLength = 120;        // seconds

struct NamedRule {
  const char *name, *what;
  EndpointRule EndpointOptions::*rule;
};
constexpr NamedRule kRules[] = {
    {"rule1", "nothing is said", &EndpointOptions::rule1},
    {"rule2", "a pause", &EndpointOptions::rule2},
    {"rule3", "the longest segment", &EndpointOptions::rule3},
};

}  // namespace

void EndpointOptions::Register(OptionParser *po) {
  for (const NamedRule &named : kRules) {
    const std::string prefix = Cat("endpoint.", named.name, "."),
                      doc = Cat("segments end by ", named.name, " (", named.what, ") ");
    EndpointRule *rule = &(this->*named.rule);
    po->Register(prefix + "must-contain-nonsilence", &rule->must_contain_nonsilence,
                 doc + "only after something was said");
    po->Register(prefix + "min-trailing-silence", &rule->min_trailing_silence,
                 doc + "after so much silence, in seconds");
    po->Register(prefix + "min-utterance-length", &rule->min_utterance_length,
                 doc + "when they are so long, in seconds");
  }
  po->Register("endpoint.blank-threshold", &blank_threshold,
               "a frame is silence if blank is more probable than this");
}

void EndpointOptions::Check() const {
  bool bounded = false;
  for (const NamedRule &named : kRules) {
    const EndpointRule &rule = this->*named.rule;
    const auto check = [&](const char *name, float value) {
      if (!(value >= 0 && value < 1e6f))
        throw UsageError("--endpoint.", named.name, ".", name, "=", value,
                         ": must be a number of seconds from 0 up");
    };
    check("min-trailing-silence", rule.min_trailing_silence);
    check("min-utterance-length", rule.min_utterance_length);
    if (rule.min_trailing_silence == 0 && rule.min_utterance_length < 1) {
      throw UsageError("--endpoint.", named.name,
                       " would end every segment at once: give it a trailing silence, or a length "
                       "of at least a second");
    }
    bounded |= !rule.must_contain_nonsilence && rule.min_trailing_silence == 0 &&
               rule.min_utterance_length <= kMaxLength;
  }
  if (!bounded) {
    throw UsageError(
        "no rule ends segments by their length alone, so that memory would grow: leave "
        "--endpoint.rule3.min-utterance-length at ",
        kMaxLength, " seconds at most, without trailing silence");
  }
  if (!(blank_threshold > 0 && blank_threshold < 1)) {
    throw UsageError("--endpoint.blank-threshold=", blank_threshold, ": must lie between 0 and 1");
  }
}

std::string EndpointOptions::ToString() const {
  std::string s = Cat("segments end after ", rule2.min_trailing_silence, " s of blank");
  if (rule2.min_utterance_length > 0) s += Cat(" from ", rule2.min_utterance_length, " s on");
  return s + Cat(", at the latest after ", rule3.min_utterance_length, " s");
}

Endpointer::Endpointer(const EndpointOptions &opts, double frame_seconds)
    : opts_(opts), frame_seconds_(frame_seconds) {}

bool Endpointer::Fires(const EndpointRule &rule) const {
  // A little less, so that 25 frames of 40 ms are a second.
  constexpr double kRounding = 1e-6;
  const auto reached = [this](int64_t frames, double seconds) {
    return static_cast<double>(frames) * frame_seconds_ + kRounding >= seconds;
  };
  return (nonsilence_ || !rule.must_contain_nonsilence) &&
         reached(trailing_, rule.min_trailing_silence) &&
         reached(static_cast<int64_t>(silence_.size()), rule.min_utterance_length);
}

std::optional<int64_t> Endpointer::Accept(double silence) {
  silence_.push_back(silence);
  if (silence > static_cast<double>(opts_.blank_threshold)) {
    ++trailing_;
  } else {
    trailing_ = 0;
    nonsilence_ = true;
  }
  bool by_silence = false, by_length = false;
  for (const NamedRule &named : kRules) {
    const EndpointRule &rule = opts_.*named.rule;
    if (Fires(rule)) (rule.min_trailing_silence > 0 ? by_silence : by_length) = true;
  }
  if (!by_silence && !by_length) return std::nullopt;
  int64_t length = LengthCut();
  if (by_silence) {
    const int64_t half_second = static_cast<int64_t>(std::floor(kMaxSilenceKept / frame_seconds_));
    length = static_cast<int64_t>(silence_.size()) - std::min(trailing_ / 2, half_second);
  }
  Restart(begin_ + length);
  return begin_;
}

void Endpointer::Restart(int64_t begin) {
  begin_ = begin;
  silence_.clear();
  trailing_ = 0;
  nonsilence_ = false;
}

int64_t Endpointer::LengthCut() const {
  const int64_t n = static_cast<int64_t>(silence_.size());
  const auto at = [this](int64_t t) { return silence_[static_cast<size_t>(t)]; };
  int64_t longest = 0, cut = n, run = 0, most_silent = n / 2;
  for (int64_t t = n / 2; t < n; ++t) {
    if (at(t) >= at(most_silent)) most_silent = t;
    run = at(t) > static_cast<double>(opts_.blank_threshold) ? run + 1 : 0;
    if (run >= longest && run > 0) {
      longest = run;
      cut = t + 1 - run / 2;
    }
  }
  return longest > 0 ? cut : most_silent + 1;
}

int64_t Endpointer::MaxFrames() const {
  int64_t frames = INT64_MAX;
  for (const NamedRule &named : kRules) {
    const EndpointRule &rule = opts_.*named.rule;
    if (rule.must_contain_nonsilence || rule.min_trailing_silence > 0) continue;
    frames = std::min(
        frames, static_cast<int64_t>(
                    std::ceil(static_cast<double>(rule.min_utterance_length) / frame_seconds_)));
  }
  return frames;
}

}  // namespace u2moe
