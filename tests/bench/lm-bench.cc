// Memory and speed of NgramTrie: `lm-bench [model.arpa [text]]`, the text having a sentence a line.
// Without a model, one of 1.9 million random n-grams over 50000 words, drawn as words are: by
// Zipf's law, with words of random n-grams as text. One thread, the least of several runs.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/timer.h"
#include "lm/ngram-trie.h"
#include "tensor/context.h"
#include "util/unicode.h"

namespace u2moe {
namespace {

// A word by Zipf's law: the rank is uniform in its logarithm.
int RandomWord(Rng *rng, int num_words) {
  return static_cast<int>(std::exp(rng->Uniform() * std::log(num_words + 1.0))) - 1;
}

std::string Name(int word) { return word == 0 ? "</s>" : "w" + std::to_string(word); }

// Sentences of words that often follow one another as before.
std::vector<std::vector<std::string>> RandomText(Rng *rng, int num_words, int sentences) {
  std::vector<std::vector<std::string>> text(static_cast<size_t>(sentences));
  for (auto &sentence : text) {
    int last = 1 + RandomWord(rng, num_words - 1);
    for (int64_t n = rng->UniformInt(5, 40); n > 0; --n) {
      sentence.push_back(Name(last));
      const int jump = RandomWord(rng, 300);
      last = 1 + static_cast<int>((static_cast<int64_t>(last) * 7919 + jump) % (num_words - 1));
      if (rng->Uniform() < 0.5) last = 1 + RandomWord(rng, num_words - 1);
    }
  }
  return text;
}

void WriteModel(const std::vector<std::vector<std::string>> &text, int num_words,
                const std::string &path) {
  std::set<std::vector<std::string>> ngrams[2];
  for (const auto &sentence : text) {
    for (size_t i = 0; i + 1 < sentence.size(); ++i) {
      ngrams[0].insert({sentence[i], sentence[i + 1]});
      if (i + 2 < sentence.size()) {
        ngrams[1].insert({sentence[i], sentence[i + 1], sentence[i + 2]});
      }
    }
  }
  std::ofstream out(path);
  out << "\\data\\\nngram 1=" << num_words + 2 << "\nngram 2=" << ngrams[0].size()
      << "\nngram 3=" << ngrams[1].size() << "\n\n\\1-grams:\n-99 <s> -0.5\n-4 <unk>\n";
  for (int w = 0; w < num_words; ++w)
    out << -1 - std::log10(w + 1.0) << ' ' << Name(w) << " -0.4\n";
  for (int n = 2; n <= 3; ++n) {
    out << "\n\\" << n << "-grams:\n";
    for (const auto &ngram : ngrams[n - 2]) {
      out << "-1.25";
      for (const std::string &w : ngram) out << ' ' << w;
      out << (n == 2 ? " -0.25\n" : "\n");
    }
  }
  out << "\n\\end\\\n";
}

int Run(int argc, char *argv[]) {
  constexpr int kWords = 50000;
  Rng rng(1);
  std::string model = argc > 1 ? argv[1] : "";
  std::vector<std::vector<std::string>> text;
  if (model.empty()) {
    model = "/tmp/lm-bench." + std::to_string(getpid()) + ".arpa";
    const auto training = RandomText(&rng, kWords, 50000);
    WriteModel(training, kWords, model);
    text.assign(training.begin(), training.begin() + 5000);
    for (auto &sentence : RandomText(&rng, kWords, 5000)) text.push_back(std::move(sentence));
  }
  if (argc > 2) {
    std::ifstream in(argv[2]);
    for (std::string line; std::getline(in, line);) text.push_back(SplitWords(line));
  }
  std::printf("%s\n", DescribeMachine().c_str());
  const Timer reading;
  NgramTrieNotes notes;
  const NgramTrie lm = NgramTrie::Read(model, &notes);
  const double seconds = reading.Elapsed();
  if (argc < 2) std::remove(model.c_str());
  const double num = static_cast<double>(lm.NumNgrams());
  std::printf("%s\nread in %.2f s, %.2f million n-grams a second; %.1f bytes an n-gram\n",
              notes.ToString().c_str(), seconds, 1e-6 * num / seconds,
              static_cast<double>(lm.MemoryBytes()) / num);
  std::vector<std::vector<int32_t>> ids;
  int64_t lookups = 0;
  for (const auto &sentence : text) {
    ids.emplace_back();
    for (const std::string &word : sentence) ids.back().push_back(lm.Find(word));
    ids.back().push_back(lm.Eos());
    for (const int32_t id : ids.back()) lookups += id >= 0;
  }
  if (lookups == 0) return 0;
  double best = 1e9, sum = 0;
  for (int run = 0; run < 10; ++run) {
    const double begin = ThreadCpuSeconds();
    for (const auto &sentence : ids) {
      int32_t state = lm.Begin();
      for (const int32_t id : sentence) {
        if (id >= 0) sum += lm.Score(state, id, &state);
      }
    }
    best = std::min(best, ThreadCpuSeconds() - begin);
  }
  std::printf("%lld lookups, %.1f million a second, %.0f ns each (mean log-probability %.3f)\n",
              static_cast<long long>(lookups), 1e-6 * static_cast<double>(lookups) / best,
              1e9 * best / static_cast<double>(lookups), sum / 10 / static_cast<double>(lookups));
  return 0;
}

}  // namespace
}  // namespace u2moe

int main(int argc, char *argv[]) { return u2moe::Run(argc, argv); }
