// Lists of words by trying everything, for tests of searches that may find no others.
#ifndef U2MOE_TESTS_DECODE_NAIVE_WORDS_H_
#define U2MOE_TESTS_DECODE_NAIVE_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "base/rng.h"

namespace u2moe {

// Whether the tokens are words, by trying every way to cut them.
inline bool AreWords(const std::set<std::vector<int32_t>> &words, int32_t boundary,
                     const std::vector<int32_t> &tokens, size_t from) {
  if (from == tokens.size()) return true;
  for (size_t to = from + 1; to <= tokens.size(); ++to) {
    const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(from);
    if (words.count(
            std::vector<int32_t>(begin, tokens.begin() + static_cast<std::ptrdiff_t>(to))) == 0)
      continue;
    if (to == tokens.size()) return true;
    if (boundary < 0 && AreWords(words, boundary, tokens, to)) return true;
    if (boundary >= 0 && tokens[to] == boundary && AreWords(words, boundary, tokens, to + 1))
      return true;
  }
  return false;
}

inline std::vector<std::vector<int32_t>> RandomWords(Rng *rng, int32_t first, int32_t end) {
  std::vector<std::vector<int32_t>> words(static_cast<size_t>(rng->UniformInt(1, 5)));
  for (std::vector<int32_t> &w : words) {
    w.resize(static_cast<size_t>(rng->UniformInt(1, 3)));
    for (int32_t &t : w) t = static_cast<int32_t>(rng->UniformInt(first, end - 1));
  }
  return words;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_DECODE_NAIVE_WORDS_H_
