// Utterances cut out of longer recordings: Kaldi's segments files.
#ifndef U2MOE_AUDIO_SEGMENTS_H_
#define U2MOE_AUDIO_SEGMENTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "audio/wave.h"
#include "tensor/view.h"
#include "util/io.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

// A line "utterance recording start end [channel]"; times in seconds, end -1 is the recording's.
struct Segment {
  std::string utterance, recording;
  double start = 0, end = 0;
  int32_t channel = -1;  // -1: not given

  std::string TimesString() const;  // "from 1.5 to 2 s"
};

// Reads a segments file line by line. Blank lines are passed over.
class SegmentReader {
 public:
  explicit SegmentReader(const std::string &rxfilename) : input_(rxfilename) {}

  bool Next();  // false at the end, where a pipe's status has been checked
  const std::string &Key() const { return words_.front(); }  // the utterance
  std::string Where() const;                                 // "segments:7"
  // Throws DataError for a line that is no segment, and for an utterance that an earlier line has;
  // Next may then be called.
  Segment Value() const;

 private:
  Input input_;
  std::vector<std::string> words_;
  int64_t line_ = 0, earlier_line_ = 0;        // the latter has the same utterance; 0: none
  std::unordered_map<size_t, int64_t> lines_;  // by the utterance's hash
};

// Calls fn for each line of a segments file, within tally->Try: a line that is not a segment, and a
// DataError of fn, count as failures, with file and line number.
void ForEachSegment(const std::string &segments_rxfilename, UtteranceTally *tally,
                    const std::function<void(const Segment &)> &fn);

struct SegmentOptions {
  float min_segment_length = 0.1f, max_overshoot = 0.5f;  // s

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// The samples [1, n] of a segment, with Kaldi's rounding (down, of both ends) and limits. Throws
// DataError if it does not lie in the recording or is not longer than min_segment_length.
ConstView CutSegment(const SegmentOptions &opts, const Segment &segment, const WaveData &wave);

struct FeatureSegmentOptions {
  float min_segment_length = 0.1f;  // s
  float max_overshoot = 0;          // s
  float frame_shift = 10;           // ms
  float frame_length = 25;          // ms
  bool snip_edges = true;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// The frames of a segment, a part of feats [T, D]. The first is at start / shift, rounded, and the
// end at end / shift; with snip_edges ceil(length / shift - 1) frames fewer, as if the features had
// been computed from the audio of the segment. Throws DataError if the segment lies outside, ends
// max_overshoot or more behind the last frame, or is not longer than min_segment_length.
ConstView CutFrames(const FeatureSegmentOptions &opts, const Segment &segment, ConstView feats);

}  // namespace u2moe

#endif  // U2MOE_AUDIO_SEGMENTS_H_
