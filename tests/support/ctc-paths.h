// CTC by definition, for judges of all that goes along its paths: every path written out.
#ifndef U2MOE_TESTS_SUPPORT_CTC_PATHS_H_
#define U2MOE_TESTS_SUPPORT_CTC_PATHS_H_

#include <cstdint>
#include <vector>

namespace u2moe {

// Calls fn with each of the base^length sequences of numbers below base, the first number changing
// fastest.
template <class Fn>
void ForEachSequence(int32_t base, int length, const Fn &fn) {
  std::vector<int32_t> digits(static_cast<size_t>(length), 0);
  for (;;) {
    fn(digits);
    size_t i = 0;
    while (i < digits.size() && ++digits[i] == base) digits[i++] = 0;
    if (i == digits.size()) return;
  }
}

// Graves' collapse: repeats joined, then blanks dropped.
inline std::vector<int32_t> Collapsed(const std::vector<int32_t> &path, int32_t blank) {
  std::vector<int32_t> tokens;
  int32_t previous = -1;
  for (const int32_t k : path) {
    if (k != previous && k != blank) tokens.push_back(k);
    previous = k;
  }
  return tokens;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_CTC_PATHS_H_
