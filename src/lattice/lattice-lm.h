// Language models as the rescoring of lattices asks for them: word after word, in terms of the word
// ids of a graph.
#ifndef U2MOE_LATTICE_LATTICE_LM_H_
#define U2MOE_LATTICE_LATTICE_LM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/openfst.h"
#include "graph/word-table.h"
#include "lm/ngram-trie.h"

namespace u2moe {

// A deterministic acceptor of word ids whose states are made when they are reached, as Kaldi's
// DeterministicOnDemandFst. Costs are negated natural logarithms, infinite for what the model does
// not allow. For one thread.
class LatticeLm {
 public:
  virtual ~LatticeLm() = default;

  virtual int32_t Start() = 0;
  // The cost of the word after a state, and the state after it.
  virtual double Step(int32_t state, int32_t word, int32_t *next) = 0;
  virtual double Final(int32_t state) = 0;
};

// An n-gram model with its exact back-off. Words are found by their spelling in `words`; one that
// the model does not know is its <unk>, and costs `oov_cost` where it has none: it is then a word
// after which nothing is remembered. Both must outlive it. Throws DataError in Step for an id that
// is not in `words`.
class NgramLatticeLm : public LatticeLm {
 public:
  NgramLatticeLm(const NgramTrie *model, const WordTable *words, double oov_cost);

  int32_t Start() override { return model_->Begin(); }
  double Step(int32_t state, int32_t word, int32_t *next) override;
  double Final(int32_t state) override;

 private:
  int32_t ModelId(int32_t word);

  const NgramTrie *model_;
  const WordTable *words_;
  const double oov_cost_;
  std::vector<int32_t> ids_;  // by word id: that of the model, -1: none, -2: not asked for yet
};

// A grammar G, whose words are its output labels (0: none, as on back-off arcs). The cost of words
// is that of their best path, as in a search over a graph made of G: back-off where an n-gram is
// there counts too if it is better. States are sets of states of G with what they cost beyond the
// best one. Throws DataError in the constructor for a machine without a start, in Step for a cycle
// of arcs without words that costs nothing or less.
class FstLatticeLm : public LatticeLm {
 public:
  explicit FstLatticeLm(fst::StdVectorFst g);

  int32_t Start() override { return start_; }
  double Step(int32_t state, int32_t word, int32_t *next) override;
  double Final(int32_t state) override;

 private:
  using Costs = std::map<int32_t, double>;  // by state of G
  using Set = std::vector<std::pair<int32_t, double>>;

  // The set of all states reached without a word, in *set, less the cost of the best, which it
  // returns; infinite for none.
  double Close(Costs costs, Set *set) const;
  int32_t IdOf(Set set);

  fst::StdVectorFst g_;  // arcs sorted by output label
  std::vector<Set> sets_;
  std::map<std::vector<std::pair<int32_t, int64_t>>, int32_t> ids_;  // costs in steps of kSame
  int32_t start_ = -1;
};

// Reads an ARPA file, or an FST file where the bytes say so (a pipe is taken for an ARPA file).
// kExact: an n-gram model with its exact back-off. kAsGraph: as the grammar that arpa-to-fst makes
// of it, without the unknown word. `model` keeps what the result refers to.
enum class BackOff { kExact, kAsGraph };
struct LatticeLmFile {
  std::unique_ptr<NgramTrie> ngrams;
  std::unique_ptr<LatticeLm> lm;
};
LatticeLmFile ReadLatticeLm(const std::string &rxfilename, const WordTable &words, BackOff back_off,
                            double oov_cost);

}  // namespace u2moe

#endif  // U2MOE_LATTICE_LATTICE_LM_H_
