#ifndef U2MOE_LM_PERPLEXITY_H_
#define U2MOE_LM_PERPLEXITY_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "lm/ngram-trie.h"

namespace u2moe {

// What a model thinks of sentences. Natural logarithms.
struct LmTextScore {
  int64_t sentences = 0, words = 0;  // words without the ends of sentences
  int64_t oovs = 0;                  // of these, words that the model does not know
  double logp = 0;                   // of known words and ends of sentences
  double oov_logp = 0;               // of the others as <unk>; 0 if the model has none

  void Add(const LmTextScore &other);
  double OovRate() const {
    return words > 0 ? static_cast<double>(oovs) / static_cast<double>(words) : 0;
  }
  // exp(-log P / tokens), where the tokens are words and ends of sentences, with unknown words
  // left out of both or counted in both. NaN where there is no token.
  double PerplexityWithoutOovs() const;
  double PerplexityWithOovs() const;
};

// One sentence, without <s> and </s> (DataError). After an unknown word the model goes on from
// <unk>, or from nothing if it has none.
LmTextScore ScoreSentence(const NgramTrie &lm, const std::vector<std::string> &words);

// Lines "name: value", one each; without <unk> in the model there is no perplexity with OOVs.
void WritePerplexity(std::ostream &os, const LmTextScore &score, bool has_unk);

}  // namespace u2moe

#endif  // U2MOE_LM_PERPLEXITY_H_
