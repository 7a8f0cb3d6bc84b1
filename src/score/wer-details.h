// Results utterance by utterance, word by word and speaker by speaker, in the formats of Kaldi and
// of NIST's sclite. All need the alignments of the result, and all but WriteEdits follow them, so
// that they add up to the summary. Words that are a space (of characters with spaces) are written
// <space>.
#ifndef U2MOE_SCORE_WER_DETAILS_H_
#define U2MOE_SCORE_WER_DETAILS_H_

#include <ostream>
#include <string>
#include <unordered_map>

#include "score/align.h"
#include "score/wer.h"

namespace u2moe {

// Four lines per utterance, as Kaldi's wer_per_utt_details.pl writes them: the units of reference
// and hypothesis under each other (<eps> where there is none), each centred in its column, what was
// done (C, S, D, I), and the counts of C, S, I, D. Columns are those of a terminal, so that white
// space differs from Kaldi's, who counts code points, under wide characters and marks. A fifth
// line, #missing, marks an utterance without a hypothesis.
void WritePerUtterance(std::ostream &os, const WerResult &result);

// As Kaldi's wer_ops_details.pl: one line for each pair of words that faced each other, in the
// order of their bytes, "correct", "substitution", "deletion" or "insertion", both words and how
// often.
void WriteEditOps(std::ostream &os, const WerResult &result);

// As Kaldi's wer_per_spk_details.pl: sentences, words, correct ones, substitutions, insertions,
// deletions, errors and sentences with errors of each speaker and of all, as numbers ("raw") and in
// percent ("sys"). Throws Error for an utterance that the map lacks.
void WritePerSpeaker(std::ostream &os, const WerResult &result,
                     const std::unordered_map<std::string, std::string> &utt2spk);

// One line per edit, as Kaldi's compute-wer writes them into its third argument: "correct a",
// "substitution a b", "deletion a", "insertion b". With kKaldi the lines follow Kaldi's other rule
// (kKaldiText), as Kaldi's do, so that kinds of edits may differ from the summary's, though never
// their number.
void WriteEdits(std::ostream &os, const WerResult &result, AlignRule rule);

// The "pralign" report of sclite -s (case counts): by speaker, reference and hypothesis of each
// utterance under each other, lines of up to 1000 columns. Speakers come from utt2spk (Error for an
// utterance that it lacks) or, where it is empty, from the keys as `sclite -i spu_id` takes them:
// what stands before the first hyphen or, without one, the first underscore; else the whole key.
void WritePralign(std::ostream &os, const WerResult &result, const std::string &system,
                  bool characters, const std::unordered_map<std::string, std::string> &utt2spk);

}  // namespace u2moe

#endif  // U2MOE_SCORE_WER_DETAILS_H_
