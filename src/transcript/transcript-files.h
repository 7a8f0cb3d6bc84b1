#ifndef U2MOE_TRANSCRIPT_TRANSCRIPT_FILES_H_
#define U2MOE_TRANSCRIPT_TRANSCRIPT_FILES_H_

#include <memory>
#include <set>
#include <string>

#include "transcript/transcript-writer.h"
#include "util/io.h"

namespace u2moe {

// Transcripts of any number of recordings on their way to one file or, where its name holds
// "{recording}", to one for each, which is complete when the next recording begins.
class TranscriptFiles {
 public:
  // Throws UsageError as opts.Check().
  TranscriptFiles(const TranscriptOptions &opts, const std::string &wxfilename);

  // Throws DataError as TranscriptWriter::Write; for a second recording in one file, where the
  // format holds one, saying what to do; and, with "{recording}", for segments of a recording that
  // do not follow one another and for a name of a recording that is no name of a file.
  void Write(const TimedSegment &segment);
  // All files are complete. Without any segment, one without "{recording}" is an empty document.
  void Close();

 private:
  void Open(const std::string &recording);

  TranscriptOptions opts_;
  const TranscriptFormat &format_;
  std::string name_;
  bool one_each_;
  std::string recording_;       // of the open file
  std::set<std::string> seen_;  // recordings, with one_each_
  std::unique_ptr<Output> output_;
  std::unique_ptr<TranscriptWriter> writer_;
};

}  // namespace u2moe

#endif  // U2MOE_TRANSCRIPT_TRANSCRIPT_FILES_H_
