// The words of a segment cut into what subtitles show at a time.
#ifndef U2MOE_TRANSCRIPT_CUES_H_
#define U2MOE_TRANSCRIPT_CUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "transcript/transcript-writer.h"

namespace u2moe {

struct Cue {
  int64_t begin = 0, end = 0;  // milliseconds
  int32_t channel = 1;
  std::vector<std::string> lines;
};

// No word is lost, and none is cut unless it is wider than a line, as a sentence without spaces is:
// such a word is cut between characters, and its time is shared in proportion to their width.
// A pause of opts.pause seconds always ends a cue. Between pauses there are as few cues as the
// limits allow; of the ways to cut into so few, the best fills them evenly and cuts after the end
// of a sentence, at a comma or in a pause (the earliest cut of equal ones). Within a cue the
// longest line is as short as it can be with that number of lines. Only a single word may last
// longer than cue_seconds.
std::vector<Cue> MakeCues(const TimedSegment &segment, const CueOptions &opts);

// Sorts cues by their beginning and settles their ends: of two cues of a channel the first ends at
// the latest where the next begins; each is shown for a second where there is room for it, and
// never for no time at all.
void ArrangeCues(std::vector<Cue> *cues);

}  // namespace u2moe

#endif  // U2MOE_TRANSCRIPT_CUES_H_
