#ifndef U2MOE_SCORE_SCORE_UNIT_H_
#define U2MOE_SCORE_SCORE_UNIT_H_

#include <string>
#include <vector>

namespace u2moe {

// What is counted.
enum class ScoreUnit {
  kWord,
  kCharAndSpace,  // code points; one space between words counts as a character
  kChar,          // code points without spaces
};

// Words cut into units. Throws DataError for words that are not UTF-8 (not for kWord).
std::vector<std::string> SplitIntoUnits(std::vector<std::string> words, ScoreUnit unit);

}  // namespace u2moe

#endif  // U2MOE_SCORE_SCORE_UNIT_H_
