#include "score/align-text.h"

#include <cstdint>
#include <unordered_map>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {

void TextAlignmentOptions::Register(OptionParser *po) {
  po->Register("special-symbol", &special_symbol, "what a word that is in one text only faces");
  po->Register("separator", &separator, "word between two pairs");
}

void TextAlignmentOptions::Check() const {
  if (SplitWords(special_symbol).size() != 1 || SplitWords(special_symbol)[0] != special_symbol) {
    throw UsageError("--special-symbol='", special_symbol, "': expected one word");
  }
  if (SplitWords(separator).size() != 1 || SplitWords(separator)[0] != separator) {
    throw UsageError("--separator='", separator, "': expected one word");
  }
}

std::vector<std::string> TextAligner::Align(const std::vector<std::string> &first,
                                            const std::vector<std::string> &second) {
  std::unordered_map<std::string, int32_t> numbers;
  const auto number = [&](const std::vector<std::string> &words, const char *which) {
    std::vector<int32_t> ids;
    for (const std::string &w : words) {
      if (w == opts_.special_symbol) {
        throw DataError("the ", which, " text has the word '", w,
                        "', which stands for no word; choose another --special-symbol");
      }
      ids.push_back(numbers.emplace(w, static_cast<int32_t>(numbers.size())).first->second);
    }
    return ids;
  };
  const std::vector<int32_t> a = number(first, "first"), b = number(second, "second");
  std::vector<Edit> edits;
  aligner_.Align(a, b, &edits);
  std::vector<std::string> out;
  size_t i = 0, j = 0;
  for (const Edit edit : edits) {
    if (!out.empty()) out.push_back(opts_.separator);
    out.push_back(edit == Edit::kInsertion ? opts_.special_symbol : first[i++]);
    out.push_back(edit == Edit::kDeletion ? opts_.special_symbol : second[j++]);
  }
  return out;
}

}  // namespace u2moe
