// Writers of transcripts with times, one per format, by name:
//
//   TranscriptOptions opts;  opts.Register(&po);  ...  opts.Check();
//   Output output(wxfilename);
//   const auto writer = MakeTranscriptWriter(opts, &output.Stream());
//   writer->Write(segment);  ...  writer->Close();
//   output.Close();
#ifndef U2MOE_TRANSCRIPT_TRANSCRIPT_WRITER_H_
#define U2MOE_TRANSCRIPT_TRANSCRIPT_WRITER_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "transcript/timed-words.h"

namespace u2moe {

class OptionParser;
struct TranscriptOptions;

// One document. The stream must outlive it and is neither flushed nor closed.
class TranscriptWriter {
 public:
  explicit TranscriptWriter(std::ostream *os) : os_(*os) {}
  virtual ~TranscriptWriter() = default;

  // Segments are in the order in which they shall stand. text, ctm and json are written at once;
  // textgrid, srt and vtt at Close, sorted by time. Throws DataError as CheckTimedSegment, and for
  // a second recording where the format holds one; then nothing of the segment is written.
  void Write(const TimedSegment &segment);
  // Once, after the last segment. A document without any segment is still well formed.
  void Close() { DoClose(); }

 protected:
  virtual void DoWrite(const TimedSegment &segment) = 0;
  virtual void DoClose() {}

  std::ostream &os_;

 private:
  friend std::unique_ptr<TranscriptWriter> MakeTranscriptWriter(const TranscriptOptions &,
                                                                std::ostream *);
  const char *one_recording_ = nullptr;  // the name of a format that holds one
  std::string recording_;
};

struct TranscriptFormat {
  const char *name;
  const char *extension;  // of its files, without the dot
  bool one_recording;     // a document holds one recording; others hold any number
  const char *summary;
};

// Subtitles: where words are cut into cues, and cues into lines.
struct CueOptions {
  int32_t line_width = 42;  // columns; characters of Chinese, Japanese and Korean take two
  int32_t lines = 2;        // of a cue
  double cue_seconds = 7;   // the longest a cue lasts
  double pause = 1;         // seconds between words after which a new cue begins
};

struct TranscriptOptions {
  std::string format = "ctm";
  CueOptions cues;
  int32_t confidence_digits = 4;  // decimals, in ctm and json

  // --format, --confidence-digits, and --line-width, --lines, --cue-seconds.
  void Register(OptionParser *po);
  void Check() const;  // throws UsageError; an unknown format lists the known ones
};

// Throws UsageError naming the known ones and `option`.
const TranscriptFormat &FindTranscriptFormat(const std::string &name,
                                             const std::string &option = "--format");
std::string TranscriptFormatNames();  // "text, json, srt, vtt, ctm, textgrid"

// Throws UsageError as opts.Check().
std::unique_ptr<TranscriptWriter> MakeTranscriptWriter(const TranscriptOptions &opts,
                                                       std::ostream *os);

}  // namespace u2moe

#endif  // U2MOE_TRANSCRIPT_TRANSCRIPT_WRITER_H_
