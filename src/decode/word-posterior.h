#ifndef U2MOE_DECODE_WORD_POSTERIOR_H_
#define U2MOE_DECODE_WORD_POSTERIOR_H_

#include <cstdint>
#include <vector>

#include "tensor/view.h"

namespace u2moe {

// A token in the frames from begin to before end, as of a forced alignment or of a search (then one
// frame each). Frames rise from token to token.
struct TokenFrames {
  int32_t token = 0, begin = 0, end = 0;
};

// The tokens from begin to before end that spell a word; words are in order. Tokens of no word, as
// the unit of the space, may lie between.
struct WordTokens {
  int32_t begin = 0, end = 0;
};

// Of each word the probability that CTC gives it at its time against everything else: that the
// frames around its tokens, up to the middle of the frames between them and the neighbouring tokens
// (of other words or of none), stand for these tokens and nothing more, by all paths. Whatever led
// a search to the word (a list of allowed words, hot words, a language model) has no part in it.
// From 0 to 1.
//
// logp [T, V]: log-posteriors of the utterance. Throws DataError for frames and tokens outside it
// and for frames that do not rise.
std::vector<double> CtcWordPosteriors(ConstView logp, const std::vector<TokenFrames> &tokens,
                                      const std::vector<WordTokens> &words, int32_t blank);

// An entry of an n-best list: its words, as labels or numbers, and the frames of each.
struct TimedHypothesis {
  double score = 0;  // natural logarithm
  std::vector<int32_t> words, begins, ends;
};

// Of each word of the first hypothesis the share of probability of all that have the same word at
// an overlapping time, where the list is all there is: shares are exp(scale * score), normalised.
// A list of one gives 1; an empty one nothing. scale: 1 / temperature.
std::vector<double> NBestWordPosteriors(const std::vector<TimedHypothesis> &nbest, double scale);

}  // namespace u2moe

#endif  // U2MOE_DECODE_WORD_POSTERIOR_H_
