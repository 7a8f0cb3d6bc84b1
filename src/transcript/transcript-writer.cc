#include "transcript/transcript-writer.h"

#include "base/error.h"
#include "transcript/writers.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {
namespace {

struct Row {
  TranscriptFormat format;
  std::unique_ptr<TranscriptWriter> (*make)(const TranscriptOptions &, std::ostream *);
};

constexpr Row kFormats[] = {
    {{"text", "txt", false, "the words alone, a line per segment"}, MakeTextWriter},
    {{"json", "json", false, "everything, for programs"}, MakeJsonWriter},
    {{"srt", "srt", true, "subtitles of SubRip"}, MakeSrtWriter},
    {{"vtt", "vtt", true, "subtitles of the web, WebVTT"}, MakeVttWriter},
    {{"ctm", "ctm", false, "NIST's and Kaldi's time-marked words"}, MakeCtmWriter},
    {{"textgrid", "TextGrid", true, "Praat's tiers"}, MakeTextGridWriter}};

const Row &FindRow(const std::string &name, const std::string &option) {
  for (const Row &row : kFormats) {
    if (name == row.format.name) return row;
  }
  throw UsageError(option, "=", name, ": unknown; known formats are ", TranscriptFormatNames());
}

}  // namespace

const TranscriptFormat &FindTranscriptFormat(const std::string &name, const std::string &option) {
  return FindRow(name, option).format;
}

std::string TranscriptFormatNames() {
  std::string names;
  for (const Row &row : kFormats) names += (names.empty() ? "" : ", ") + Cat(row.format.name);
  return names;
}

void TranscriptOptions::Register(OptionParser *po) {
  std::string help = "format of the transcript:";
  for (const Row &row : kFormats) {
    help += Cat(&row == kFormats ? " " : "; ", row.format.name, " (", row.format.summary, ")");
  }
  po->Register("format", &format, help);
  po->Register("confidence-digits", &confidence_digits,
               "ctm and json: decimals of the words' confidences");
  po->Register("line-width", &cues.line_width,
               "subtitles: the longest line, in columns; a Chinese, Japanese or Korean character "
               "takes two");
  po->Register("lines", &cues.lines, "subtitles: the most lines shown at a time");
  po->Register("cue-seconds", &cues.cue_seconds, "subtitles: the longest a text is shown, seconds");
}

void TranscriptOptions::Check() const {
  FindRow(format, "--format");
  if (confidence_digits < 1 || confidence_digits > 9) {
    throw UsageError("--confidence-digits=", confidence_digits, ": must be from 1 to 9");
  }
  if (cues.line_width < 2) {
    throw UsageError("--line-width=", cues.line_width, ": at least 2 columns are needed");
  }
  if (cues.lines < 1) throw UsageError("--lines=", cues.lines, ": at least 1 is needed");
  if (!(cues.cue_seconds > 0)) {
    throw UsageError("--cue-seconds=", cues.cue_seconds, ": must be above 0");
  }
}

std::unique_ptr<TranscriptWriter> MakeTranscriptWriter(const TranscriptOptions &opts,
                                                       std::ostream *os) {
  opts.Check();
  const Row &row = FindRow(opts.format, "--format");
  std::unique_ptr<TranscriptWriter> writer = row.make(opts, os);
  if (row.format.one_recording) writer->one_recording_ = row.format.name;
  return writer;
}

void TranscriptWriter::Write(const TimedSegment &segment) {
  CheckTimedSegment(segment);
  if (one_recording_ != nullptr && !recording_.empty() && recording_ != segment.recording) {
    throw DataError("a file of the format ", one_recording_, " holds one recording: '",
                    Printable(segment.recording), "' does not fit beside '", Printable(recording_),
                    "'; give each a file of its own");
  }
  if (recording_.empty()) recording_ = segment.recording;
  DoWrite(segment);
}

}  // namespace u2moe
