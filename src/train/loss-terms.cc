#include "train/loss-terms.h"

#include <algorithm>

#include "base/error.h"

namespace u2moe {

void LossTerms::Add(const std::string &name, double sum, double weight, double count) {
  LossTerm *term = &terms_[name];
  term->sum += sum;
  term->weight = weight;
  term->count += count;
  if (weight != 0) total += weight * sum;  // a sum that is only watched may be infinite
}

void LossTerms::Add(const LossTerms &other) {
  for (const auto &[name, term] : other.terms_) {
    LossTerm *mine = &terms_[name];
    mine->sum += term.sum;
    mine->weight = term.weight;
    mine->count += term.count;
  }
  total += other.total;
  num_utterances += other.num_utterances;
}

double LossTerms::MeanTotal() const {
  return total / static_cast<double>(std::max<int64_t>(1, num_utterances));
}

const LossTerm &LossTerms::operator[](const std::string &name) const {
  static const LossTerm kNone;
  const auto it = terms_.find(name);
  return it == terms_.end() ? kNone : it->second;
}

std::string LossTerms::ToString() const {
  std::string parts;
  for (const auto &[name, term] : terms_) {
    if (term.weight != 0) parts += Cat(parts.empty() ? " (" : ", ", name, " ", term.Mean());
  }
  return Cat(MeanTotal(), parts.empty() ? "" : parts + ")");
}

}  // namespace u2moe
