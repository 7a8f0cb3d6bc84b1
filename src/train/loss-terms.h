#ifndef U2MOE_TRAIN_LOSS_TERMS_H_
#define U2MOE_TRAIN_LOSS_TERMS_H_

#include <cstdint>
#include <map>
#include <string>

namespace u2moe {

// One loss, or another number that is watched in training: what it adds up to, over how many.
struct LossTerm {
  double sum = 0;
  double weight = 0;  // what a unit of sum counts in the total; 0: it is only watched
  double count = 0;   // of utterances, or of what the term is a mean over

  double Mean() const { return count > 0 ? sum / count : 0; }
};

// The losses of some utterances, by name. log.jsonl, the report of an epoch, the total and the dev
// loss all read these, so that a loss is added in one place. A loss that is not a sum over
// utterances (of routers, for one) is computed per shard of a batch and counts as much as the
// utterances of the shard: Add it times their number.
class LossTerms {
 public:
  double total = 0;  // sum over utterances of what is minimised
  int64_t num_utterances = 0;

  // Adds to the term, and weight * sum to the total.
  void Add(const std::string &name, double sum, double weight, double count);
  // Of other utterances. Weights that differ (losses per token) become those of the last.
  void Add(const LossTerms &other);

  double MeanTotal() const;                               // per utterance
  const LossTerm &operator[](const std::string &) const;  // of no count where there is none
  const std::map<std::string, LossTerm> &Terms() const { return terms_; }
  // "12.3 (ctc 20.1, l2r 9.05)": the mean total and the means of what is weighted.
  std::string ToString() const;

 private:
  std::map<std::string, LossTerm> terms_;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_LOSS_TERMS_H_
