#include "transcript/ctm-reader.h"

#include <utility>

#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

// Of the fields of one line. What is wrong with it is in the message.
TimedSegment ParseLine(const std::vector<std::string> &fields) {
  TimedWord word;
  double duration = 0;
  if (fields.size() < 5 || fields.size() > 6 || !ParseNumber(fields[2], &word.begin) ||
      !ParseNumber(fields[3], &duration) ||
      (fields.size() == 6 && !ParseNumber(fields[5], &word.confidence))) {
    throw DataError(
        "expected: recording channel begin duration word [confidence], times in "
        "seconds; found '",
        Printable(Join(fields, " "), 200), "'");
  }
  if (fields.size() == 6 && !(word.confidence >= 0)) {
    throw DataError("the confidence ", fields[5], " is not in 0 to 1");
  }
  word.text = fields[4];
  word.end = word.begin + duration;
  TimedSegment segment;
  segment.recording = segment.utterance = fields[0];
  segment.words.push_back(std::move(word));
  CheckTimedSegment(segment);
  return segment;
}

}  // namespace

std::map<std::string, std::vector<TimedWord>> ReadCtm(const std::string &rxfilename) {
  std::map<std::string, std::vector<TimedWord>> recordings;
  Input input(rxfilename);
  input.SkipByteOrderMark();
  std::string text;
  for (int64_t line = 1; std::getline(input.Stream(), text); ++line) {
    const std::vector<std::string> fields = SplitFields(text);
    if (fields.empty() || StartsWith(fields[0], ";;")) continue;
    try {
      TimedSegment segment = ParseLine(fields);
      recordings[segment.recording].push_back(std::move(segment.words[0]));
    } catch (const DataError &e) {
      throw DataError(rxfilename, ":", line, ": ", e.what());
    }
  }
  input.Close();
  return recordings;
}

}  // namespace u2moe
