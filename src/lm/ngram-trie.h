#ifndef U2MOE_LM_NGRAM_TRIE_H_
#define U2MOE_LM_NGRAM_TRIE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.h"
#include "lm/vocabulary.h"

namespace u2moe {

// What was found in an ARPA file that is worth a word.
struct NgramTrieNotes {
  std::vector<int64_t> ngrams;  // [n - 1]: of order n in the file
  int64_t contexts_added = 0;   // n-grams that begin longer ones but were not in the file
  int64_t rounded_down = 0;     // probabilities slightly above 1

  std::string ToString() const;  // "order 3, 12 1-grams, 20 2-grams, 4 3-grams" and the rest
};

// A back-off n-gram model (Katz 1987) in memory, to be read by many threads at once. For a context
// h and a word w, with h' for h without its first word:
//
//   log P(w | h) = log p(h w)                        if the n-gram h w is in the model,
//                  backoff(h) + log P(w | h')        else; backoff is 0 where h is not in the
//                  model.
//
// All logarithms are natural. Numbers are kept as float and added in double.
//
// A state is what of the words so far can matter: the longest run of last words that begins an
// n-gram of the model or has a back-off weight. So states are few, and equal states give equal
// scores for ever. State 0 is the empty context.
//
// Layout: the n-grams of each order lie sorted by context and word, so those that share a context
// are neighbours and are searched by halves; each knows its state, so that no search is repeated
// when a model backs off. 12 bytes for an n-gram of the highest order, 20 for others, and the words
// themselves.
class NgramTrie {
 public:
  // Reads what ArpaReader reads; throws its errors, and Error with both lines for an n-gram that
  // occurs twice. The first words of an n-gram that are not an n-gram themselves (pruning leaves
  // such models) are added with the probability that the model gives them and a back-off weight of
  // 0, so that no probability changes.
  static NgramTrie Read(const std::string &rxfilename, NgramTrieNotes *notes = nullptr);

  int Order() const { return order_; }
  const LmVocabulary &Words() const { return words_; }
  // Ids in Words(); there may be no unknown word (-1).
  int32_t Bos() const { return bos_; }
  int32_t Eos() const { return eos_; }
  int32_t Unk() const { return unk_; }
  // The id of a word, that of the unknown word where the model does not know it.
  int32_t Find(std::string_view word) const {
    const int32_t id = words_.Find(word);
    return id < 0 ? unk_ : id;
  }

  // The state at the beginning of a sentence.
  int32_t Begin() const { return StateOf(1 + bos_); }
  // The natural-log probability of an id of Words() after a state, and the state then. The end of a
  // sentence is the word Eos().
  double Score(int32_t state, int32_t word, int32_t *next) const;

  // --- For those who walk over the whole model. Not every number below NumContexts() is a state
  // that Score gives, but each is a context with its n-grams; 0 is the empty one.

  struct Ngram {
    int32_t word;
    float logp;
    int32_t link;  // see Link
  };
  int32_t NumContexts() const { return static_cast<int32_t>(contexts_.size()) - 1; }
  int64_t NumNgrams() const { return static_cast<int64_t>(ngrams_.size()) - 1; }
  // The n-grams that are this context and one more word, by rising word.
  Span<const Ngram> Ngrams(int32_t context) const {
    const size_t c = static_cast<size_t>(context);
    return {ngrams_.data() + contexts_[c].first,
            static_cast<size_t>(contexts_[c + 1].first - contexts_[c].first)};
  }
  // The state after one of those: the n-gram itself where it is one, else shorter.
  int32_t Next(const Ngram &ngram) const {
    return StateOf(static_cast<int32_t>(&ngram - ngrams_.data()));
  }
  // What is added and where to go on if the word is not among the n-grams of the context; not to be
  // asked for context 0, which has all words.
  double Backoff(int32_t context) const { return contexts_[static_cast<size_t>(context)].backoff; }
  int32_t Link(int32_t context) const { return ngrams_[static_cast<size_t>(context)].link; }

  int64_t MemoryBytes() const;  // of the n-grams, without the words

 private:
  friend class NgramTrieBuilder;

  // N-grams are numbered by order, context and word from 1; 0 is the empty one. Those below the
  // highest order have the same number as contexts.
  struct ContextNode {
    float backoff;
    int32_t first;  // of its n-grams; they end where those of the next context begin
  };

  NgramTrie() = default;
  bool IsState(int32_t context) const {
    const ContextNode *c = &contexts_[static_cast<size_t>(context)];
    return context == 0 || c[0].first != c[1].first || c[0].backoff != 0;
  }
  int32_t StateOf(int32_t ngram) const {
    return ngram < NumContexts() && IsState(ngram) ? ngram
                                                   : ngrams_[static_cast<size_t>(ngram)].link;
  }
  // The number of the n-gram of a context and a word, -1: none.
  int32_t FindNgram(int32_t context, int32_t word) const;

  int order_ = 0;
  LmVocabulary words_;
  int32_t bos_ = -1, eos_ = -1, unk_ = -1;
  std::vector<Ngram> ngrams_;
  std::vector<ContextNode> contexts_;  // and one more, which says where the last one's n-grams end
};

}  // namespace u2moe

#endif  // U2MOE_LM_NGRAM_TRIE_H_
