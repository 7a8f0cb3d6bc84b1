// The one definition of what may be done to a text: in data preparation (normalize-text), and to
// reference and hypothesis before they are compared (compute-wer --normalize). Nothing by default;
// every step is named on the command line, logged and written to the report.
#ifndef U2MOE_TEXT_TEXT_NORM_H_
#define U2MOE_TEXT_TEXT_NORM_H_

#include <map>
#include <string>
#include <vector>

#include "util/options.h"

namespace u2moe {

// Word sequences that stand for others. A file of lines
//   from to...            one word, and the words in its place: none, one or several
//   from...<TAB>to...     several words before the tab
// The longest one that begins at a word is replaced, from left to right; what was put in place is
// not looked at again.
class WordMap {
 public:
  WordMap() = default;
  // Throws Error for a file that cannot be read, and DataError with file and line for one that is
  // not UTF-8, has a zero byte, nothing before the tab, or the same words twice. Words are composed
  // (NFC).
  explicit WordMap(const std::string &rxfilename);

  bool Empty() const { return map_.empty(); }
  std::vector<std::string> Apply(const std::vector<std::string> &words) const;
  // All of it in one text, the same for each order of the lines.
  std::string ToString() const;

 private:
  std::map<std::string, std::vector<std::string>> map_;  // from words with a space between
  size_t most_words_ = 0;
};

class TextNormalizer {
 public:
  // A comma-separated list of steps, applied in that order; "none" or "" for nothing. Every step
  // reads and leaves composed text (NFC), so that é is é however it was written.
  //   lowercase        small letters of all scripts, by Unicode's full mapping of no language
  //   uppercase        capital letters, likewise: ß is SS
  //   casefold         as lowercase, but ß is ss and both small sigmas are one
  //   no-punctuation   drops Unicode's punctuation (P*), and of the symbols those of ASCII,
  //   $+<=>^`|~,
  //                    also full-width; € and ° stay, as they are spoken. Kept are ' and ’ between
  //                    letters or digits, and - in a word that has such. A word that was nothing
  //                    else vanishes
  //   nfc              nothing but composes
  //   nfkc             plain forms of ligatures, widths, superscripts and the like
  //   width            full-width Latin and half-width Katakana in the usual width
  //   map              the WordMap of the file map, as the text is when its turn comes
  // Throws UsageError for other names, for map without a file and for a file without map; what
  // WordMap throws.
  explicit TextNormalizer(const std::string &steps, const std::string &map = "");

  // Throws DataError for words that are not UTF-8, unless there are no steps.
  std::vector<std::string> Apply(std::vector<std::string> words) const;

  static std::string KnownSteps();  // "none, lowercase, ..."
  const std::string &Name() const { return name_; }
  // 8 hexadecimal digits of the steps and what the map holds; "" without steps. Equal ones name the
  // same normalisation.
  std::string Hash() const;
  std::string Label() const;  // "lowercase,map (1a2b3c4d)", "none"
  bool Empty() const { return steps_.empty(); }

 private:
  using Step = std::string (*)(const std::string &word);
  std::string name_;
  std::vector<Step> steps_;  // null: the map
  WordMap map_;
};

// Options --normalize and --normalize-map.
struct NormalizeOptions {
  std::string normalize = "none", normalize_map;

  // side: of what the steps are done to, for the help.
  void Register(OptionParser *po, const std::string &side);
  TextNormalizer Make() const { return TextNormalizer(normalize, normalize_map); }
};

}  // namespace u2moe

#endif  // U2MOE_TEXT_TEXT_NORM_H_
