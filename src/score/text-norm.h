// What is done to reference and hypothesis before they are compared. Nothing by default; every step
// is named on the command line, logged and written to the report.
#ifndef U2MOE_SCORE_TEXT_NORM_H_
#define U2MOE_SCORE_TEXT_NORM_H_

#include <string>
#include <vector>

namespace u2moe {

class TextNormalizer {
 public:
  // A comma-separated list of steps, applied in that order; "none" or "" for nothing:
  //   lowercase        A-Z, and the capitals of Latin-1, Latin Extended-A, Greek and Cyrillic
  //   no-punctuation   ASCII punctuation but ' and -, U+2010 to U+2027, ¡ § « » ¿, and CJK and
  //                    full-width punctuation are dropped; a word that was nothing else vanishes
  // Throws UsageError for other names.
  explicit TextNormalizer(const std::string &steps);

  // Throws DataError for words that are not UTF-8, unless there are no steps.
  std::vector<std::string> Apply(std::vector<std::string> words) const;

  const std::string &Name() const { return name_; }

 private:
  using Step = void (*)(std::vector<std::string> *words);
  std::string name_;
  std::vector<Step> steps_;
};

// What is counted.
enum class ScoreUnit {
  kWord,
  kCharAndSpace,  // code points; one space between words counts as a character
  kChar,          // code points without spaces
};

// Words cut into units. Throws DataError for words that are not UTF-8 (not for kWord).
std::vector<std::string> SplitIntoUnits(std::vector<std::string> words, ScoreUnit unit);

}  // namespace u2moe

#endif  // U2MOE_SCORE_TEXT_NORM_H_
