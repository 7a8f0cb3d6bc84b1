#include "transcript/timed-words.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr double kMaxSeconds = 10 * 366 * 86400.0;

bool HasControl(std::string_view s) {
  return std::any_of(s.begin(), s.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
}

void CheckTimes(const std::string &what, double begin, double end) {
  if (!(begin >= 0 && begin <= kMaxSeconds) || !(end >= 0 && end <= kMaxSeconds)) {
    throw DataError(what, " lasts from ", begin, " to ", end,
                    " s, which is no time of a recording");
  }
  if (end < begin) throw DataError(what, " begins at ", begin, " s and ends before, at ", end);
}

}  // namespace

void CheckTimedSegment(const TimedSegment &segment) {
  const std::string name = "utterance '" + Printable(segment.utterance) + "'";
  if (segment.recording.empty() || HasControl(segment.recording) ||
      !IsValidUtf8(segment.recording)) {
    throw DataError(name, ": '", Printable(segment.recording), "' is no name of a recording");
  }
  if (segment.channel < 1) {
    throw DataError(name, ": channel ", segment.channel, "; channels are numbered from 1");
  }
  CheckTimes(name, segment.begin, segment.end);
  for (const TimedWord &word : segment.words) {
    const std::string what = name + ": the word '" + Printable(word.text) + "'";
    if (word.text.empty() || !IsValidUtf8(word.text) || HasWhiteSpace(word.text) ||
        HasControl(word.text)) {
      throw DataError(what, " is empty, not UTF-8, or holds white space or control characters");
    }
    CheckTimes(what, word.begin, word.end);
    if (!(word.confidence >= 0 && word.confidence <= 1) && word.confidence != -1) {
      throw DataError(what, " has the confidence ", word.confidence, ", which is not in 0 to 1");
    }
  }
}

void ShiftToRecording(double begin, double end, TimedSegment *segment) {
  const auto shift = [&](double t) { return std::min(std::max(t + begin, begin), end); };
  for (TimedWord &word : segment->words) {
    word.begin = shift(word.begin);
    word.end = shift(word.end);
  }
  segment->begin = begin;
  segment->end = end;
}

std::string TextOf(const TimedSegment &segment) {
  std::string text;
  for (const TimedWord &word : segment.words) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

int64_t Milliseconds(double seconds) { return std::llround(seconds * 1000); }

std::string FixedPoint(int64_t value, int decimals) {
  std::string digits = std::to_string(std::llabs(value));
  const size_t places = static_cast<size_t>(decimals);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  if (places > 0) digits.insert(digits.size() - places, ".");
  return (value < 0 ? "-" : "") + digits;
}

}  // namespace u2moe
