// A back-off model as its definition has it, in double, and random models to try it on.
#ifndef U2MOE_TESTS_LM_NAIVE_LM_H_
#define U2MOE_TESTS_LM_NAIVE_LM_H_

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/rng.h"

namespace u2moe {

// N-grams of any order: log10 of the probability and of the back-off weight.
struct NaiveLm {
  using Words = std::vector<std::string>;
  std::map<Words, std::pair<double, double>> ngrams;

  // Natural log P(word | all words before), <s> included among them.
  double Score(Words history, const std::string &word) const {
    double log10_prob = 0;
    while (true) {
      Words ngram = history;
      ngram.push_back(word);
      const auto found = ngrams.find(ngram);
      if (found != ngrams.end()) return (log10_prob + found->second.first) * std::log(10.0);
      const auto context = ngrams.find(history);
      if (context != ngrams.end()) log10_prob += context->second.second;
      if (history.empty()) throw Error("no such word: ", word);
      history.erase(history.begin());
    }
  }
  // Of a whole sentence, with its end.
  double ScoreSentence(const Words &words) const {
    Words history = {"<s>"};
    double logp = 0;
    for (const std::string &w : words) {
      logp += Score(history, w);
      history.push_back(w);
    }
    return logp + Score(history, "</s>");
  }

  std::string Arpa(bool sorted = true) const {
    size_t order = 0;
    for (const auto &n : ngrams) order = std::max(order, n.first.size());
    std::string header = "\\data\\\n", body;
    for (size_t n = 1; n <= order; ++n) {
      std::vector<std::string> lines;
      for (const auto &[words, numbers] : ngrams) {
        if (words.size() != n) continue;
        std::string line = Cat(numbers.first, "\t");
        for (size_t i = 0; i < n; ++i) line += (i ? " " : "") + words[i];
        if (n < order && numbers.second != 0) line += Cat("\t", numbers.second);
        lines.push_back(line + "\n");
      }
      if (!sorted) Rng(n).Shuffle(&lines);
      header += Cat("ngram ", n, "=", lines.size(), "\n");
      body += Cat("\n\\", n, "-grams:\n");
      for (const std::string &line : lines) body += line;
    }
    return header + body + "\n\\end\\\n";
  }
};

// The words a, b, ... and <s>, </s>, <unk>, and about `density` of the n-grams that can be made of
// them. Whole contexts are missing, and probabilities do not add up to one: it is for scores.
inline NaiveLm RandomLm(Rng *rng, int num_words, int order, double density) {
  NaiveLm lm;
  NaiveLm::Words words = {"<s>", "</s>", "<unk>"};
  for (int i = 0; i < num_words; ++i) words.push_back(std::string(1, static_cast<char>('a' + i)));
  // Four digits, so that a float of the text is close to the double.
  const auto number = [rng](double low, double high) {
    return std::round(rng->Uniform(low, high) * 1e4) / 1e4;
  };
  std::vector<NaiveLm::Words> contexts = {{}};
  for (int n = 1; n <= order; ++n) {
    std::vector<NaiveLm::Words> next;
    for (const NaiveLm::Words &context : contexts) {
      for (const std::string &w : words) {
        if (n > 1 && w == "<s>") continue;
        NaiveLm::Words ngram = context;
        ngram.push_back(w);
        if (w != "</s>") next.push_back(ngram);
        if (n > 1 && rng->Uniform() >= density) continue;
        const double backoff = w == "</s>" || rng->Uniform() < 0.2 ? 0 : number(-1, 0.3);
        lm.ngrams[ngram] = {number(-3, 0), n < order ? backoff : 0};
      }
    }
    contexts = next;
  }
  return lm;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_LM_NAIVE_LM_H_
