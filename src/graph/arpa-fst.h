#ifndef U2MOE_GRAPH_ARPA_FST_H_
#define U2MOE_GRAPH_ARPA_FST_H_

#include <cstdint>
#include <string>

#include "graph/openfst.h"
#include "graph/word-table.h"
#include "lm/ngram-trie.h"

namespace u2moe {

struct ArpaFstOptions {
  int32_t disambig = 0;   // label of the back-off arcs' input; 0: epsilon
  bool keep_unk = false;  // else n-grams with the unknown word are left out
};

// Adds the words of the model to `words`, but <s>, </s> and, unless it is kept, the unknown word.
void AddWords(const NgramTrie &model, bool keep_unk, WordTable *words);

// The back-off model as an acceptor "G", but for back-off arcs, whose output is epsilon. Weights
// are costs: negated natural logarithms. The start is the state after <s>; </s> is the cost of
// ending. A path that backs off though the n-gram is there is in G as well, as in Kaldi's.
//
// N-grams with words that are not in `words` are left out; *left_out counts them, and those with
// the unknown word.
fst::StdVectorFst MakeNgramFst(const NgramTrie &model, const WordTable &words,
                               const ArpaFstOptions &opts, int64_t *left_out);

}  // namespace u2moe

#endif  // U2MOE_GRAPH_ARPA_FST_H_
