// Many recordings to transcripts: on several threads, in order, file by file.
#ifndef U2MOE_PIPELINE_TRANSCRIBE_RUN_H_
#define U2MOE_PIPELINE_TRANSCRIBE_RUN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/recording-list.h"
#include "pipeline/transcriber.h"
#include "transcript/transcript-writer.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {

struct TranscribeRunOptions {
  std::string channel = "mix";
  TranscriptOptions transcript;  // as text where nobody asks for another format
  std::string output_dir;        // "": standard output
  int32_t threads = 1;

  TranscribeRunOptions() { transcript.format = "text"; }
  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // Throws UsageError for several recordings in one document of a format that holds one.
  void Check(const RecordingList &list) const;
};

struct TranscribedRecording {
  std::vector<TimedSegment> segments;  // channel by channel, in order of time
  std::vector<int32_t> channels;       // that were heard, from 1
  double seconds = 0;                  // of audio
  int64_t num_refused = 0;             // segments that are no speech, by the gates
  double gain_db = 0;                  // the largest by which a channel was raised
};

// One recording, of which channel tells what is heard: "mix", "each", or a number from 0. progress,
// if not empty, is told the seconds of audio so far and, in shares of the recording, how far that
// is (-1: not known); where it returns false the rest is not heard. Throws DataError for what is
// wrong with the recording.
TranscribedRecording Transcribe(const Transcriber &transcriber, const Recording &recording,
                                const std::string &channel,
                                const std::function<bool(double seconds, double share)> &progress);

// All of them, each on one thread. On standard output, or in a file for each below output_dir,
// which is made where it is not there. In text on standard output a line is "name words...", with
// -ch1 and so on after the name where each channel is heard; else the format's documents. Standard
// output has the order of the list, whatever the threads; what is finished is written, and stays
// whatever happens to others. Recordings that cannot be read, and the list's problems, are failures
// in the tally; one without speech is told. Throws Error where a transcript cannot be written; then
// no more are begun.
void TranscribeAll(const Transcriber &transcriber, const RecordingList &list,
                   const TranscribeRunOptions &opts, SpeedReport *speed, UtteranceTally *tally);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_TRANSCRIBE_RUN_H_
