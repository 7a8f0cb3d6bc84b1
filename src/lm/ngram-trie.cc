#include "lm/ngram-trie.h"

#include "base/error.h"

namespace u2moe {

std::string NgramTrieNotes::ToString() const {
  std::string s = Cat("order ", ngrams.size());
  for (size_t n = 0; n < ngrams.size(); ++n) s += Cat(", ", ngrams[n], " ", n + 1, "-grams");
  if (contexts_added > 0) {
    s += Cat("; ", contexts_added, " beginnings of longer n-grams were missing and are added");
  }
  if (rounded_down > 0)
    s += Cat("; ", rounded_down, " probabilities slightly above 1 are taken as 1");
  return s;
}

int32_t NgramTrie::FindNgram(int32_t context, int32_t word) const {
  if (context == 0) return 1 + word;
  const ContextNode *node = &contexts_[static_cast<size_t>(context)];
  int32_t begin = node[0].first, size = node[1].first - begin;
  if (size == 0) return -1;
  // The last one that is not above the word; without branches that a processor would guess wrong.
  while (size > 1) {
    const int32_t half = size / 2;
    begin = ngrams_[static_cast<size_t>(begin + half)].word <= word ? begin + half : begin;
    size -= half;
  }
  return ngrams_[static_cast<size_t>(begin)].word == word ? begin : -1;
}

double NgramTrie::Score(int32_t state, int32_t word, int32_t *next) const {
  double logp = 0;
  int32_t found = FindNgram(state, word);
  for (; found < 0; found = FindNgram(state, word)) {
    logp += Backoff(state);
    state = Link(state);
  }
  *next = StateOf(found);
  return logp + ngrams_[static_cast<size_t>(found)].logp;
}

int64_t NgramTrie::MemoryBytes() const {
  return static_cast<int64_t>(ngrams_.size() * sizeof(Ngram) +
                              contexts_.size() * sizeof(ContextNode));
}

}  // namespace u2moe
