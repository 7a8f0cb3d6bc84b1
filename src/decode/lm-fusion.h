#ifndef U2MOE_DECODE_LM_FUSION_H_
#define U2MOE_DECODE_LM_FUSION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lm/ngram-trie.h"
#include "util/options.h"

namespace u2moe {

struct LmFusionOptions {
  std::string file;
  std::string units = "words";
  float weight = 0.5f;
  float length_bonus = 0;
  float oov_penalty = 10;

  void Register(OptionParser *po);
  void Check() const;            // throws UsageError
  std::string ToString() const;  // ", language model FILE (...)", "" without a file
};

// An n-gram model beside CTC in a search over label sequences ("shallow fusion"). It adds to the
// CTC log-probability of a sequence y, in natural logarithms,
//
//   over units:  weight * sum_i log P(y_i | y_1 .. y_i-1)  +  length_bonus * |y|
//   over words:  weight * sum_j log P(w_j | w_1 .. w_j-1)  +  length_bonus * number of words
//
// and at the end weight * log P(</s> | all). Words are what stands between units that begin with
// U+2581 (the space unit of letters, word pieces such as "▁THE"), as UnitTable::Decode cuts them; a
// word is scored when the unit that ends it is added, or at the end. Spaces without a word between
// add nothing. A word or unit that the model does not know is scored as <unk>, or as probability 1
// if the model has no <unk>, less oov_penalty (times weight). A probability above 1, to which the
// back-off weights of a broken model can add up, is 1.
//
// Const: threads share one.
class LmFusion {
 public:
  // units[i] is the text of token i, `space` that of the unit between words of letters, if it is
  // another than U+2581. Throws what NgramTrie::Read throws, and UsageError for a model
  // over words where no unit begins with U+2581, or over units that has none of the units.
  LmFusion(const LmFusionOptions &opts, const std::vector<std::string> &units,
           const std::string &space, int32_t blank);

  bool OverWords() const { return over_words_; }
  size_t NumUnits() const { return units_.size(); }
  int32_t Begin() const { return lm_.Begin(); }

  // Over units: what a token adds after a state, and the state then.
  double ScoreUnit(int32_t state, int32_t token, int32_t *next) const {
    return Score(state, units_[static_cast<size_t>(token)].word, next) + length_bonus_;
  }

  // Over words: whether a token ends the word before it, and what it adds to the word that goes on
  // or begins.
  bool EndsWord(int32_t token) const { return units_[static_cast<size_t>(token)].ends_word; }
  const std::string &Text(int32_t token) const { return units_[static_cast<size_t>(token)].text; }
  // What a whole word adds; "" adds nothing.
  double ScoreWord(int32_t state, const std::string &word, int32_t *next) const;

  double ScoreEnd(int32_t state) const;

  double MaxGain() const { return length_bonus_ > 0 ? length_bonus_ : 0; }  // of one token

 private:
  struct Unit {
    std::string text;
    bool ends_word = false;
    int32_t word = -1;  // in the model over units
  };
  double Score(int32_t state, int32_t word, int32_t *next) const;

  NgramTrie lm_;
  bool over_words_;
  double weight_, length_bonus_, oov_penalty_;
  std::vector<Unit> units_;
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_LM_FUSION_H_
