// What is done to reference and hypothesis before they are compared. Nothing by default; every step
// is named on the command line, logged and written to the report.
#ifndef U2MOE_SCORE_TEXT_NORM_H_
#define U2MOE_SCORE_TEXT_NORM_H_

#include <string>
#include <vector>

namespace u2moe {

class TextNormalizer {
 public:
  // A comma-separated list of steps, applied in that order; "none" or "" for nothing. Every step
  // reads and leaves composed text (NFC), so that é is é however it was written.
  //   lowercase        small letters of all scripts, by Unicode's full mapping of no language
  //   casefold         as lowercase, but ß is ss and both small sigmas are one
  //   no-punctuation   drops Unicode's punctuation (P*), and of the symbols those of ASCII,
  //   $+<=>^`|~,
  //                    also full-width; € and ° stay, as they are spoken. Kept are ' and ’ between
  //                    letters or digits, and - in a word that has such. A word that was nothing
  //                    else vanishes
  //   nfc              nothing but composes
  //   nfkc             plain forms of ligatures, widths, superscripts and the like
  //   width            full-width Latin and half-width Katakana in the usual width
  // Throws UsageError for other names.
  explicit TextNormalizer(const std::string &steps);

  // Throws DataError for words that are not UTF-8, unless there are no steps.
  std::vector<std::string> Apply(std::vector<std::string> words) const;

  static std::string KnownSteps();  // "none, lowercase, ..."
  const std::string &Name() const { return name_; }
  bool Empty() const { return steps_.empty(); }

 private:
  using Step = std::string (*)(const std::string &word);
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
