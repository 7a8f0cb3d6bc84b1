#include "score/score-unit.h"

#include <utility>

#include "util/unicode.h"

namespace u2moe {

std::vector<std::string> SplitIntoUnits(std::vector<std::string> words, ScoreUnit unit) {
  if (unit == ScoreUnit::kWord) return words;
  std::vector<std::string> units;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && unit == ScoreUnit::kCharAndSpace) units.emplace_back(" ");
    for (std::string &c : SplitUtf8(words[i])) units.push_back(std::move(c));
  }
  return units;
}

}  // namespace u2moe
