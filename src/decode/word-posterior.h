#ifndef U2MOE_DECODE_WORD_POSTERIOR_H_
#define U2MOE_DECODE_WORD_POSTERIOR_H_

#include <cstdint>
#include <vector>

#include "decode/ctc-align.h"
#include "tensor/view.h"
#include "util/unit-table.h"

namespace u2moe {

// Of each word the probability that CTC gives it at its time against everything else: that the
// frames around its tokens, up to the middle of the frames between them and the neighbouring tokens
// (of other words or of none), stand for these tokens and nothing more, by all paths. Whatever led
// a search to the word (a list of allowed words, hot words, a language model) has no part in it.
// From 0 to 1.
//
// logp [T, V]: log-posteriors of the utterance. Of each token the frames from begin to before end
// count, of an alignment or of a search (then one frame each); they rise from token to token. Words
// are in order; tokens of no word, as the unit of the space, may lie between. Throws DataError for
// frames and tokens outside it and for frames that do not rise.
std::vector<double> CtcWordPosteriors(ConstView logp, const std::vector<AlignedToken> &tokens,
                                      const std::vector<TokenWord> &words, int32_t blank);

}  // namespace u2moe

#endif  // U2MOE_DECODE_WORD_POSTERIOR_H_
