// Word (or character) error rates of a set of utterances.
#ifndef U2MOE_SCORE_WER_H_
#define U2MOE_SCORE_WER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "score/align.h"
#include "score/bootstrap.h"
#include "score/score-unit.h"
#include "text/text-norm.h"
#include "util/options.h"

namespace u2moe {

struct WerOptions {
  std::string mode = "strict";
  std::string align = "kaldi";
  NormalizeOptions normalize;
  bool cer = false, chars = false;

  void Register(OptionParser *po);
  void RegisterMode(OptionParser *po);  // --mode alone
  void Check() const;                   // throws UsageError
  // The normaliser; its map is read the first time. Throws what TextNormalizer throws.
  const TextNormalizer &Normalizer() const;
  ScoreUnit Unit() const;
  std::string UnitName() const;  // "words", "characters and spaces", "characters"
  std::string RateName() const;  // "WER" or "CER"
  std::string ToString() const;

 private:
  mutable std::shared_ptr<const TextNormalizer> normalizer_;
  mutable std::string made_from_;
};

struct Transcript {
  std::string key;
  std::vector<std::string> words;
};

// All of a table; throws Error for a key that occurs twice, naming it.
std::vector<Transcript> ReadTranscripts(const std::string &rspecifier);

// Those references that every one of `others` has a transcript for. Warns of what is left out.
std::vector<Transcript> WithTranscripts(const std::vector<Transcript> &refs,
                                        const std::vector<const std::vector<Transcript> *> &others);

struct ScoredUtterance {
  std::string key;
  EditCounts counts;
  bool missing = false;  // it has no hypothesis and was scored as an empty one (mode all)
  // Only where the alignment was asked for:
  std::vector<std::string> ref, hyp;
  std::vector<Edit> edits;
};

struct WerResult {
  std::vector<ScoredUtterance> utterances;       // in the order of the references
  EditCounts totals;                             // the sum over utterances
  int64_t sentence_errors = 0;                   // utterances with an error
  int64_t num_missing = 0;                       // references without a hypothesis
  int64_t num_extra = 0;                         // hypotheses without a reference, never scored
  int64_t num_empty_ref = 0, num_empty_hyp = 0;  // of those scored; a missing one is not empty
};

// Errors in percent of the reference's units. Without any units, 0 if there is no error, else
// infinite.
double ErrorPercent(int64_t errors, int64_t units);

// Scores every reference against the hypothesis of the same key. Mode strict throws Error for a
// reference without hypothesis or a hypothesis without reference, naming some; present leaves such
// references out; all scores them as empty. Throws Error if nothing is left to score, DataError
// (with the key) for words that are not UTF-8 where characters are looked at. Empty references and
// hypotheses are legal.
WerResult ScoreTranscripts(const std::vector<Transcript> &refs, const std::vector<Transcript> &hyps,
                           const WerOptions &opts, bool keep_alignment);

// What the bootstrap draws: utterances, or speakers if utt2spk is not empty (Error for an utterance
// that it lacks). `second`, if given, must have scored the same utterances with as many reference
// units (Error if not).
std::vector<BootstrapUnit> BootstrapUnits(
    const WerResult &first, const WerResult *second,
    const std::unordered_map<std::string, std::string> &utt2spk);

}  // namespace u2moe

#endif  // U2MOE_SCORE_WER_H_
