// What ctc-align is made of beside the alignment itself: its options, transcripts by utterance, and
// what it writes; and what lattice-to-ctm-conf shares with it.
#ifndef U2MOE_PIPELINE_ALIGNMENT_TOOL_H_
#define U2MOE_PIPELINE_ALIGNMENT_TOOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "audio/segments.h"
#include "decode/word-time-fit.h"
#include "pipeline/align-words.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "text/tokenizer.h"
#include "transcript/confidence-map.h"
#include "transcript/transcript-files.h"
#include "util/options.h"

namespace u2moe {

// What every tool has that writes words with times of utterances.
struct TimedWordOptions {
  int32_t blank = 0;
  FrameTimeOptions frame_times;
  WordTimeOptions times;
  std::string segments;
  TokenizerOptions tokenizer;
  TranscriptOptions transcript;
  ConfidenceMapOption confidence_map;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

struct AlignmentOptions : TimedWordOptions {
  bool tokens = false, peaks = false;
  std::string reference, alignment, token_scores, word_scores;
  bool fit = false;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// The transcripts, as words or as tokens, by utterance.
class AlignmentTexts {
 public:
  struct Text {
    std::vector<int32_t> tokens;
    std::vector<std::string> words;  // as they were given; empty for tokens
  };

  AlignmentTexts(const AlignmentOptions &opts, const Tokenizer *tokenizer,
                 const std::string &rspecifier);
  // Throws DataError where there is none, or a letter is no unit.
  Text Read(const std::string &utterance);

 private:
  const Tokenizer &tokenizer_;
  std::unique_ptr<RandomAccessTokenVectorReader> words_;
  std::unique_ptr<RandomAccessInt32VectorReader> tokens_;
};

// Where utterances lie in recordings.
class UtterancePlaces {
 public:
  // segments: the path of a segments file, "": each utterance is a recording. Lines that are wrong
  // are warned of; their utterances are then unknown.
  explicit UtterancePlaces(const std::string &segments);

  // Throws DataError for an utterance that the segments file does not have. An end of -1 is not
  // known.
  Segment Find(const std::string &utterance) const;

 private:
  std::string name_;
  std::unordered_map<std::string, Segment> segments_;
};

// An utterance's words, with times of its own, where it lies in its recording. duration: its
// seconds, where the place has no end.
TimedSegment SegmentAt(const Segment &place, const std::string &utterance, double duration,
                       std::vector<TimedWord> words);

class AlignmentOutput {
 public:
  // out: the transcript or, with opts.fit, the configuration.
  AlignmentOutput(const AlignmentOptions &opts, const std::string &out);

  // The words of `text`, if they are as many as those of the alignment, take the place of what the
  // units spell. Throws DataError of any of the outputs, and where the reference has other words.
  void Write(const std::string &utterance, const Segment &place, const AlignmentTexts::Text &text,
             AlignedWords aligned, const FrameTimes &frames);
  // Logs how far times are off, where there is a reference; writes what was fitted. Throws
  // DataError where nothing could be.
  void Close();

 private:
  // Those of the recording in the time of the segment, by the middle of each, from its begin on.
  std::vector<TimedWord> ReferenceWords(const Segment &place) const;
  void WriteTables(const std::string &utterance, const AlignedWords &aligned);

  AlignmentOptions opts_;
  ConfidenceMap confidence_map_;
  std::string out_;
  std::unique_ptr<TranscriptFiles> transcript_;
  std::unique_ptr<Int32VectorWriter> alignment_;
  std::unique_ptr<MatrixWriter> token_scores_, word_scores_;
  std::map<std::string, std::vector<TimedWord>> reference_;
  WordTimeFitter fitter_;
  WordTimeErrors peak_errors_, errors_;
  struct Fitted {
    std::vector<WordFrames> frames;
    std::vector<TimedWord> words, reference;
    double duration;
  };
  std::vector<Fitted> fitted_;  // with opts.fit, to tell the errors that are left
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ALIGNMENT_TOOL_H_
