#include "lm/ngram-trie.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "lm/naive-lm.h"
#include "lm/perplexity.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using Words = NaiveLm::Words;

NgramTrie ReadText(const std::string &arpa, NgramTrieNotes *notes = nullptr) {
  WriteFile(File("lm.arpa"), arpa);
  return NgramTrie::Read(File("lm.arpa"), notes);
}

Words RandomWords(Rng *rng, int num_words, int64_t size) {
  Words words;
  for (int64_t i = 0; i < size; ++i) {
    words.push_back(std::string(1, static_cast<char>('a' + rng->UniformInt(0, num_words - 1))));
  }
  return words;
}

// Word by word from the state alone, against the naive model that sees the whole history.
void ExpectSame(const NaiveLm &naive, const NgramTrie &trie, const Words &words) {
  Words history = {"<s>"};
  int32_t state = trie.Begin();
  for (const std::string &w : words) {
    int32_t next = -1;
    ASSERT_NEAR(trie.Score(state, trie.Find(w), &next), naive.Score(history, w), 1e-5) << w;
    ASSERT_NEAR(trie.Score(state, trie.Eos(), &state), naive.Score(history, "</s>"), 1e-5);
    state = next;
    history.push_back(w);
  }
}

TEST(NgramTrie, ScoresAreThoseOfTheDefinition) {
  int models_with_gaps = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Rng rng(seed);
    const int order = static_cast<int>(rng.UniformInt(1, 5));
    const int num_words = order > 3 ? 2 : 4;
    const double density = std::vector<double>{0.03, 0.2, 0.6, 1}[seed % 4];
    const NaiveLm naive = RandomLm(&rng, num_words, order, density);
    NgramTrieNotes notes;
    const NgramTrie trie = ReadText(naive.Arpa(seed % 3 != 0), &notes);
    for (int i = 0; i < 30; ++i) {
      ExpectSame(naive, trie, RandomWords(&rng, num_words, rng.UniformInt(0, 12)));
    }
    EXPECT_EQ(trie.NumNgrams() - static_cast<int64_t>(naive.ngrams.size()), notes.contexts_added);
    models_with_gaps += notes.contexts_added > 0;
  }
  EXPECT_GT(models_with_gaps, 10);
}

// States that are equal whenever nothing later can tell the words apart.
TEST(NgramTrie, StatesAreTheShortestThatWillDo) {
  NaiveLm lm;
  lm.ngrams = {{{"<s>"}, {-99, -0.5}}, {{"</s>"}, {-1, 0}},       {{"a"}, {-1, -0.25}},
               {{"b"}, {-1, 0}},       {{"a", "b"}, {-0.5, 0}},   {{"<s>", "a"}, {-0.25, -0.125}},
               {{"b", "a"}, {-2, 0}},  {{"a", "b", "a"}, {-3, 0}}};
  const NgramTrie trie = ReadText(lm.Arpa());
  const auto after = [&](const Words &words) {
    int32_t state = trie.Begin();
    for (const std::string &w : words) trie.Score(state, trie.Find(w), &state);
    return state;
  };
  EXPECT_EQ(after({"b", "a"}), after({"a", "a"}));  // "b a" begins nothing and has no weight
  EXPECT_NE(after({"a"}), after({"b", "a"}));       // "<s> a" has a weight
  EXPECT_NE(after({"a", "b"}), after({"b", "b"}));  // "a b" begins "a b a"
  EXPECT_EQ(after({"a", "b", "a"}), after({"b", "a"}));
  EXPECT_NE(after({"b", "b"}), 0);  // "b" begins "b a"
}

TEST(NgramTrie, Walk) {
  Rng rng(3);
  const NaiveLm naive = RandomLm(&rng, 3, 3, 0.3);
  const NgramTrie trie = ReadText(naive.Arpa());
  EXPECT_EQ(trie.Order(), 3);
  int64_t seen = 0;
  std::set<int32_t> states = {0, trie.Begin()};
  for (int32_t c = 0; c < trie.NumContexts(); ++c) {
    int32_t last = -1;
    for (const NgramTrie::Ngram &n : trie.Ngrams(c)) {
      EXPECT_GT(n.word, last);
      last = n.word;
      int32_t next = -1;
      EXPECT_EQ(trie.Score(c, n.word, &next), n.logp);
      EXPECT_EQ(next, trie.Next(n));
      states.insert(next);
      ++seen;
    }
    if (c > 0) {
      EXPECT_LT(trie.Link(c), c);
    }
  }
  EXPECT_EQ(seen, trie.NumNgrams());
  for (const int32_t s : states) EXPECT_LT(s, trie.NumContexts());
}

TEST(NgramTrie, TheWholeFileIsJudgedByTheReader) {
  EXPECT_HAS(ErrorOf([] { ReadText("\\data\\\nngram 1=2\n\\1-grams:\n-1 <s>\n-1 </s>\n"); }),
             "without \\end\\");
  const std::string head = "\\data\\\nngram 1=3\nngram 2=3\n\\1-grams:\n-1 <s>\n-1 </s>\n-1 a\n";
  EXPECT_HAS(ErrorOf([&] { ReadText(head + "\\2-grams:\n-1 a a\n-1 <s> a\n-1 a a\n\\end\\\n"); }),
             ":11: the 2-gram that ends in 'a' was in line 9 already");
}

// irstlm leaves beginnings of sentences within n-grams, and counts of none at the end.
TEST(NgramTrie, OddModels) {
  const NgramTrie trie = ReadText(
      "\\data\\\nngram 1=4\nngram 2=2\nngram 3=0\n\\1-grams:\n-99 <s> 0\n-1 </s>\n-1 a -0.5\n-2 "
      "<unk>\n\\2-grams:\n-0.5 <s> <s>\n-0.25 a a\n\\3-grams:\n\\end\\\n");
  EXPECT_EQ(trie.Order(), 2);
  EXPECT_EQ(trie.Find("nobody"), trie.Unk());
  EXPECT_NEAR(ScoreSentence(trie, {"a", "a"}).logp, (-1 - 0.25 - 0.5 - 1) * std::log(10.0), 1e-5);
  const NgramTrie unigrams = ReadText("\\data\\\nngram 1=2\n\\1-grams:\n-99 <s>\n-0 </s>\n\\end\\");
  EXPECT_EQ(unigrams.Begin(), 0);
  EXPECT_EQ(unigrams.NumContexts(), 1);
  EXPECT_EQ(unigrams.Find("nobody"), -1);
}

TEST(NgramTrie, EightAndTwelveBytes) {
  Rng rng(5);
  const NgramTrie trie = ReadText(RandomLm(&rng, 6, 3, 0.5).Arpa());
  EXPECT_LE(trie.MemoryBytes(), 12 * (trie.NumNgrams() + 1) + 8 * (trie.NumContexts() + 1));
}

TEST(Perplexity, CountsAndLeavesOut) {
  Rng rng(7);
  const NaiveLm naive = RandomLm(&rng, 3, 3, 0.4);
  const NgramTrie trie = ReadText(naive.Arpa());
  const LmTextScore known = ScoreSentence(trie, {"a", "b", "a"});
  EXPECT_EQ(known.words, 3);
  EXPECT_EQ(known.oovs, 0);
  EXPECT_NEAR(known.logp, naive.ScoreSentence({"a", "b", "a"}), 1e-5);
  EXPECT_NEAR(known.PerplexityWithoutOovs(), std::exp(-known.logp / 4), 1e-9);
  EXPECT_EQ(known.PerplexityWithOovs(), known.PerplexityWithoutOovs());
  const LmTextScore oov = ScoreSentence(trie, {"a", "zebra"});
  EXPECT_EQ(oov.oovs, 1);
  EXPECT_NEAR(oov.logp + oov.oov_logp, naive.ScoreSentence({"a", "<unk>"}), 1e-5);
  EXPECT_NEAR(oov.oov_logp, naive.Score({"<s>", "a"}, "<unk>"), 1e-5);
  EXPECT_NEAR(oov.PerplexityWithoutOovs(), std::exp(-oov.logp / 2), 1e-9);
  LmTextScore sum = known;
  sum.Add(oov);
  sum.Add(ScoreSentence(trie, {}));
  EXPECT_EQ(sum.sentences, 3);
  EXPECT_EQ(sum.words, 5);
  EXPECT_EQ(sum.OovRate(), 0.2);
  EXPECT_TRUE(std::isnan(LmTextScore().PerplexityWithOovs()));
  EXPECT_HAS(ErrorOf([&] { ScoreSentence(trie, {"<s>", "a"}); }), "'<s>' within the text");
}

}  // namespace
}  // namespace u2moe
