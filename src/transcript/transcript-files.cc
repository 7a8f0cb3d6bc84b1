#include "transcript/transcript-files.h"

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr std::string_view kRecording = "{recording}";

}  // namespace

TranscriptFiles::TranscriptFiles(const TranscriptOptions &opts, const std::string &wxfilename)
    : opts_(opts),
      format_(FindTranscriptFormat(opts.format)),
      name_(wxfilename),
      one_each_(wxfilename.find(kRecording) != std::string::npos) {
  opts_.Check();
  if (!one_each_) Open("");
}

void TranscriptFiles::Open(const std::string &recording) {
  std::string name = name_;
  for (size_t at = 0; (at = name.find(kRecording, at)) != std::string::npos;
       at += recording.size()) {
    name.replace(at, kRecording.size(), recording);
  }
  output_ = std::make_unique<Output>(name);
  writer_ = MakeTranscriptWriter(opts_, &output_->Stream());
}

void TranscriptFiles::Write(const TimedSegment &segment) {
  CheckTimedSegment(segment);
  const std::string &recording = segment.recording;
  if (!one_each_ && format_.one_recording && !recording_.empty() && recording != recording_) {
    throw DataError("--format=", format_.name, " holds one recording a file, and '",
                    Printable(recording), "' comes after '", Printable(recording_),
                    "'; write {recording} into the name of the output, as in 'out/{recording}.",
                    format_.extension, "'");
  }
  if (one_each_ && recording != recording_) {
    if (recording.find('/') != std::string::npos || recording[0] == '.') {
      throw DataError("the recording '", Printable(recording), "' cannot be the name of a file");
    }
    if (!seen_.insert(recording).second) {
      throw DataError("the segments of the recording '", Printable(recording),
                      "' do not follow one another; sort them by recording");
    }
    if (output_) Close();
    Open(recording);
  }
  recording_ = recording;
  writer_->Write(segment);
  output_->Check();
}

void TranscriptFiles::Close() {
  if (!output_) return;
  writer_->Close();
  output_->Close();
  writer_.reset();
  output_.reset();
}

}  // namespace u2moe
