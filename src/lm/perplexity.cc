#include "lm/perplexity.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "lm/arpa-reader.h"

namespace u2moe {
namespace {

double Perplexity(double logp, int64_t tokens) {
  if (tokens == 0) return std::numeric_limits<double>::quiet_NaN();
  return std::exp(-logp / static_cast<double>(tokens));
}

}  // namespace

void LmTextScore::Add(const LmTextScore &other) {
  sentences += other.sentences;
  words += other.words;
  oovs += other.oovs;
  logp += other.logp;
  oov_logp += other.oov_logp;
}

double LmTextScore::PerplexityWithoutOovs() const {
  return Perplexity(logp, sentences + words - oovs);
}

double LmTextScore::PerplexityWithOovs() const {
  return Perplexity(logp + oov_logp, sentences + words);
}

LmTextScore ScoreSentence(const NgramTrie &lm, const std::vector<std::string> &words) {
  LmTextScore score;
  int32_t state = lm.Begin();
  for (const std::string &word : words) {
    if (word == ArpaReader::kBos || word == ArpaReader::kEos) {
      throw DataError("'", word, "' within the text; give sentences without the marks");
    }
    const int32_t id = lm.Find(word);
    ++score.words;
    score.oovs += id == lm.Unk();
    if (id < 0) {
      state = 0;
      continue;
    }
    (id == lm.Unk() ? score.oov_logp : score.logp) += lm.Score(state, id, &state);
  }
  score.logp += lm.Score(state, lm.Eos(), &state);
  score.sentences = 1;
  return score;
}

void WritePerplexity(std::ostream &os, const LmTextScore &score, bool has_unk) {
  os << "Sentences: " << score.sentences << "\nWords: " << score.words << "\nOOVs: " << score.oovs
     << "\nOOV rate: " << 100 * score.OovRate()
     << " %\nLog-probability without OOVs: " << score.logp
     << "\nPerplexity without OOVs: " << score.PerplexityWithoutOovs();
  if (has_unk) os << "\nPerplexity with OOVs as <unk>: " << score.PerplexityWithOovs();
  os << "\n";
}

}  // namespace u2moe
