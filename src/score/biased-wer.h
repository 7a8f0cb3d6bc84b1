// Word errors on listed words and on all others apart, as papers on contextual biasing report them
// (B-WER and U-WER; Le et al. 2021): whether hot words helped, and what they cost.
#ifndef U2MOE_SCORE_BIASED_WER_H_
#define U2MOE_SCORE_BIASED_WER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "score/wer-report.h"
#include "score/wer.h"
#include "text/text-norm.h"

namespace u2moe {

// A list of words and phrases, one per line, as hot words are listed: what stands after a tab, a
// phrase's own score, is passed over, as are blank lines. A word is listed where it stands in an
// occurrence of a phrase.
class BiasedWords {
 public:
  // The phrases are normalised as the texts are. Throws Error for a line that is not UTF-8, with
  // file and line, and where there is no phrase at all.
  BiasedWords(const std::string &rxfilename, const TextNormalizer &normalizer);
  explicit BiasedWords(const std::vector<std::vector<std::string>> &phrases);

  int64_t NumPhrases() const { return num_phrases_; }
  // Which of the words are listed.
  std::vector<bool> Mark(const std::vector<std::string> &words) const;

 private:
  void Add(const std::vector<std::string> &phrase);

  int64_t num_phrases_ = 0;
  std::unordered_map<std::string, std::vector<std::vector<std::string>>> by_first_;
};

// A correct, substituted or deleted word counts where the reference's word belongs, an inserted one
// where itself does: counts add up to those of `aligned`, utterance by utterance, which needs its
// alignment (CHECK). Sentence errors are utterances with an error of the part.
struct BiasedParts {
  WerResult biased, unbiased;
};
BiasedParts SplitBiased(const WerResult &aligned, const BiasedWords &words);

// Both parts of one or two hypotheses. It must outlive the report that it is added to.
class BiasedReport {
 public:
  // second: null, or another hypothesis for the same references. Both with their alignments.
  BiasedReport(const BiasedWords &words, const WerResult &first, const WerResult *second);
  // Adds intervals, drawn as those of the whole.
  void Draw(const std::unordered_map<std::string, std::string> &utt2spk, int64_t draws,
            uint64_t seed);
  void AddTo(WerReport *report) const;

 private:
  int64_t num_phrases_;
  bool drawn_ = false;
  BiasedParts first_;
  std::unique_ptr<BiasedParts> second_;
  BootstrapResult biased_, unbiased_;
};

}  // namespace u2moe

#endif  // U2MOE_SCORE_BIASED_WER_H_
