// Pronunciations: which tokens of a model a word is made of.
#ifndef U2MOE_GRAPH_LEXICON_H_
#define U2MOE_GRAPH_LEXICON_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "graph/openfst.h"
#include "graph/word-table.h"
#include "util/unit-table.h"

namespace u2moe {

struct Pronunciation {
  std::string word;
  std::vector<int32_t> tokens;  // of the model, not empty
  float cost = 0;               // negated natural logarithm of its probability
};
using Lexicon = std::vector<Pronunciation>;

// Lines "word unit unit ..." or, with_probs, "word probability unit unit ...", several for a word
// of several pronunciations. Throws Error with file and line for a unit that the table has not, a
// word without units, a probability that is not above 0 and up to 1, the blank among the units, a
// pronunciation that is there twice, and words that are symbols of graphs (<eps>, #0).
Lexicon ReadLexicon(const std::string &rxfilename, const UnitTable &units, int32_t blank,
                    bool with_probs);

// Takes away what is no word of the table; returns how many pronunciations that were.
int64_t RemoveOthers(const WordTable &words, Lexicon *lexicon);

// The tokens that words are written with; throws DataError where they cannot be.
using Speller = std::function<std::vector<int32_t>(const std::vector<std::string> &words)>;

// Spells each word of the table, but <eps>, disambiguation symbols, <s> and </s>. A word that
// cannot be spelled is a DataError naming it, or, skip, counted and left out.
Lexicon SpellLexicon(const WordTable &words, const Speller &spell, bool skip, int64_t *skipped);

// The token that is spelled between two words, -1: none is. Throws DataError where two words are
// not spelled as each is alone.
int32_t FindSeparator(const Lexicon &lexicon, const Speller &spell);

struct LexiconFstOptions {
  int32_t num_tokens = 0;
  int32_t separator = -1;    // token that stands between words, -1: none does
  float separator_prob = 1;  // below 1: words may follow one another without it, too
  int32_t silence = -1;      // token that may stand before, between and behind words, -1: none
  float silence_prob = 0.5f;
  int32_t backoff = -1;  // label of #0 in the words, -1: the language model backs off by epsilons
};

// "L": sequences of pronunciations to sequences of words, any number of them. Input labels are
// those of ctc-topology.h: 1 + token, and 1 + num_tokens + k for the disambiguation symbol #k,
// which end a pronunciation that is also another's, or another's beginning, so that L composed with
// a language model can be determinised; #0 reads the language model's #0. Words that are not in
// `words` are a DataError. *num_disambig is how many there are, #0 among them.
fst::StdVectorFst MakeLexiconFst(const Lexicon &lexicon, const WordTable &words,
                                 const LexiconFstOptions &opts, int32_t *num_disambig);

}  // namespace u2moe

#endif  // U2MOE_GRAPH_LEXICON_H_
