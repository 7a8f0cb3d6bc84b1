#ifndef U2MOE_SCORE_ALIGN_TEXT_H_
#define U2MOE_SCORE_ALIGN_TEXT_H_

#include <string>
#include <vector>

#include "score/align.h"
#include "util/options.h"

namespace u2moe {

struct TextAlignmentOptions {
  std::string special_symbol = "<eps>", separator = ";";

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// Writes alignments as Kaldi's align-text does.
class TextAligner {
 public:
  explicit TextAligner(const TextAlignmentOptions &opts)
      : opts_(opts), aligner_(AlignRule::kKaldiText) {}

  // The words of "a a ; b <eps> ; c d": pairs, the special symbol where a text has no word, with
  // the separator between two pairs. Throws DataError for a word that is the special symbol.
  std::vector<std::string> Align(const std::vector<std::string> &first,
                                 const std::vector<std::string> &second);

 private:
  TextAlignmentOptions opts_;
  Aligner aligner_;
};

}  // namespace u2moe

#endif  // U2MOE_SCORE_ALIGN_TEXT_H_
