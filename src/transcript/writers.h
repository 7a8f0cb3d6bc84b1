// The writers behind transcript-writer.h's table of names, for its .cc.
#ifndef U2MOE_TRANSCRIPT_WRITERS_H_
#define U2MOE_TRANSCRIPT_WRITERS_H_

#include <memory>
#include <ostream>

#include "transcript/transcript-writer.h"

namespace u2moe {

// The words of each segment that has some, one line each.
std::unique_ptr<TranscriptWriter> MakeTextWriter(const TranscriptOptions &opts, std::ostream *os);

// NIST's, as Kaldi writes it: "recording channel begin duration word [confidence]", in seconds. A
// segment without words leaves nothing. White space in the name of a recording becomes '_'.
std::unique_ptr<TranscriptWriter> MakeCtmWriter(const TranscriptOptions &opts, std::ostream *os);

// One object {"segments": [...]}, a segment a line.
std::unique_ptr<TranscriptWriter> MakeJsonWriter(const TranscriptOptions &opts, std::ostream *os);

// Praat's long text format, tiers "utterances" and "words", for each channel where there are
// several. Its intervals touch: silence has an empty text, a word that overlaps the next ends where
// that begins, and words that begin at one time share an interval.
std::unique_ptr<TranscriptWriter> MakeTextGridWriter(const TranscriptOptions &opts,
                                                     std::ostream *os);

// Subtitles: SubRip, and WebVTT of the W3C. Cues are those of cues.h. Where there are several
// channels, each cue says its own.
std::unique_ptr<TranscriptWriter> MakeSrtWriter(const TranscriptOptions &opts, std::ostream *os);
std::unique_ptr<TranscriptWriter> MakeVttWriter(const TranscriptOptions &opts, std::ostream *os);

}  // namespace u2moe

#endif  // U2MOE_TRANSCRIPT_WRITERS_H_
