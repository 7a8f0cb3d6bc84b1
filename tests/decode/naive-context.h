// What hot words pay, counted in the finished sequence.
#ifndef U2MOE_TESTS_DECODE_NAIVE_CONTEXT_H_
#define U2MOE_TESTS_DECODE_NAIVE_CONTEXT_H_

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "decode/context-graph.h"

namespace u2moe {

// Phrases of up to four of the tokens 0 (within only), 1, ..., num_tokens; no two with the same
// tokens.
inline std::vector<ContextPhrase> RandomPhrases(Rng *rng, int num, int num_tokens, bool negative) {
  std::vector<ContextPhrase> phrases;
  for (int i = 0; i < num; ++i) {
    ContextPhrase p;
    const int64_t size = rng->UniformInt(1, 4);
    for (int64_t j = 0; j < size; ++j) {
      p.tokens.push_back(
          static_cast<int32_t>(rng->UniformInt(j > 0 && j + 1 < size ? 0 : 1, num_tokens)));
    }
    p.score = rng->Uniform(negative ? -1 : 0.2, 3);
    const auto same = [&p](const ContextPhrase &q) { return q.tokens == p.tokens; };
    if (std::none_of(phrases.begin(), phrases.end(), same)) phrases.push_back(p);
  }
  return phrases;
}

// With boundaries: those that hot words as whole words stand between.
inline std::vector<int32_t> Between(const std::vector<int32_t> &tokens, int32_t boundary,
                                    bool end = true) {
  std::vector<int32_t> all = tokens;
  if (boundary < 0) return all;
  all.insert(all.begin(), boundary);
  if (end) all.push_back(boundary);
  return all;
}

// The score times the length for each occurrence of each phrase. end false: the sequence may go on,
// so that its end is no boundary.
inline double NaiveBias(const std::vector<ContextPhrase> &phrases,
                        const std::vector<int32_t> &tokens, int32_t boundary, bool end = true) {
  const std::vector<int32_t> text = Between(tokens, boundary, end);
  double bias = 0;
  for (const ContextPhrase &p : phrases) {
    const std::vector<int32_t> wanted = Between(p.tokens, boundary);
    for (size_t i = 0; i + wanted.size() <= text.size(); ++i) {
      if (!std::equal(wanted.begin(), wanted.end(), text.begin() + static_cast<std::ptrdiff_t>(i)))
        continue;
      bias += p.score * static_cast<double>(p.tokens.size());
    }
  }
  return bias;
}

// The most that a phrase which is not complete would have been paid for what the sequence ends in.
inline double NaiveAdvance(const std::vector<ContextPhrase> &phrases,
                           const std::vector<int32_t> &tokens, int32_t boundary) {
  const std::vector<int32_t> text = Between(tokens, boundary, false);
  double most = 0;
  for (const ContextPhrase &p : phrases) {
    const std::vector<int32_t> wanted = Between(p.tokens, boundary);
    for (size_t size = 1; size < wanted.size() && size <= text.size(); ++size) {
      if (!std::equal(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(size),
                      text.end() - static_cast<std::ptrdiff_t>(size)))
        continue;
      most = std::max(most, p.score * (static_cast<double>(size) - (boundary >= 0 ? 1 : 0)));
    }
  }
  return most;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_DECODE_NAIVE_CONTEXT_H_
