// Hot words and language models in CTC prefix beam search.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "decode/ctc-prefix-beam.h"
#include "decode/naive-context.h"
#include "decode/naive-prefix-beam.h"
#include "lm/naive-lm.h"
#include "support/error-test.h"
#include "util/text.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;
using Words = std::vector<std::string>;

// The units of all tests: blank, the space, letters.
const Words kLetters = {"<blank>", UnitTable::kSpace, "a", "b", "c"};

SearchUnits Units(const Words &units) { return LetterUnits(UnitTable(units), "units"); }

std::string Written(const std::string &name, const std::string &text) {
  WriteFile(File(name), text);
  return File(name);
}

CtcSearchOptions Options(int beam) {
  CtcSearchOptions opts;
  opts.prefix_beam.beam = opts.nbest = beam;
  return opts;
}

std::vector<CtcHypothesis> Decode(const CtcSearchOptions &opts, const SearchUnits &units,
                                  ConstView logp) {
  return CtcDecode(logp, opts.nbest, MakeSearchResource(opts, units)->NewSearch().get());
}

// What the documentation of LmFusion says, from the labels and the naive model. With the end: as
// for a finished sequence.
double NaiveLanguage(const NaiveLm &lm, const LmFusionOptions &opts, const Words &units,
                     const Ids &tokens, bool end = true) {
  Words words;
  if (opts.units == "units") {
    for (const int32_t t : tokens) words.push_back(units[static_cast<size_t>(t)]);
  } else {
    std::string text;
    for (const int32_t t : tokens) text += units[static_cast<size_t>(t)];
    size_t at = 0;
    while (at != text.npos) {
      const size_t next = text.find(UnitTable::kSpace, at);
      const std::string word = text.substr(at, next == text.npos ? next : next - at);
      if (!word.empty() && (next != text.npos || end)) words.push_back(word);
      at = next == text.npos ? next : next + std::string(UnitTable::kSpace).size();
    }
  }
  Words history = {"<s>"};
  double sum = 0;
  for (const std::string &w : words) {
    const bool known = lm.ngrams.count({w}) > 0 && w != "<unk>";
    const bool has_unk = lm.ngrams.count({"<unk>"}) > 0;
    double logp = 0;
    if (known || has_unk) {
      logp = std::min(0.0, lm.Score(history, known ? w : "<unk>"));
      history.push_back(known ? w : "<unk>");
    } else {
      history.clear();
    }
    sum += opts.weight * (known ? logp : logp - opts.oov_penalty) + opts.length_bonus;
  }
  if (end) sum += opts.weight * std::min(0.0, lm.Score(history, "</s>"));
  return sum;
}

// A model of a few words over the letters; "zz" can never be said.
NaiveLm WordLm(Rng *rng, bool unk) {
  NaiveLm lm;
  const Words words = {"<s>", "</s>", "a", "ab", "b", "ca", "zz"};
  const auto number = [rng](double low) { return std::round(rng->Uniform(low, 0) * 1e4) / 1e4; };
  for (const std::string &w : words) lm.ngrams[{w}] = {number(-2), number(-1)};
  if (unk) lm.ngrams[{"<unk>"}] = {number(-2), number(-1)};
  for (const std::string &v : words) {
    for (const std::string &w : words) {
      if (v == "</s>" || w == "<s>" || rng->Uniform() < 0.5) continue;
      lm.ngrams[{v, w}] = {number(-2), 0};
    }
  }
  return lm;
}

NaiveLm UnitLm(Rng *rng, const Words &units) {
  NaiveLm lm;
  const auto number = [rng](double low) { return std::round(rng->Uniform(low, 0) * 1e4) / 1e4; };
  Words words(units.begin() + 1, units.end());
  words.push_back("</s>");
  for (const std::string &w : words) lm.ngrams[{w}] = {number(-2), number(-1)};
  lm.ngrams[{"<s>"}] = {-99, number(-1)};
  for (const auto &context : std::map<Words, std::pair<double, double>>(lm.ngrams)) {
    if (context.first[0] == "</s>") continue;
    for (const std::string &w : words) {
      if (rng->Uniform() < 0.5) lm.ngrams[{context.first[0], w}] = {number(-2), 0};
    }
  }
  return lm;
}

// A random search: hot words, a language model, or both.
struct Case {
  Words units = kLetters;
  CtcSearchOptions opts;
  NaiveLm lm;
  std::vector<ContextPhrase> phrases;
  int32_t boundary = -1;

  Case(Rng *rng, int n, int beam) : opts(Options(beam)) {
    const bool has_phrases = n % 3 != 1, has_lm = n % 3 != 0;
    if (n % 4 == 3) units.erase(units.begin() + 1);  // no space
    if (has_phrases) {
      phrases = RandomPhrases(rng, static_cast<int>(rng->UniformInt(1, 4)),
                              static_cast<int>(units.size()) - 1, n % 5 == 0);
      std::string text;
      // Letters only, so that the file holds what the naive count is of.
      for (ContextPhrase &p : phrases) {
        std::string phrase;
        for (int32_t &t : p.tokens) {
          const std::string &unit = units[static_cast<size_t>(t)];
          if (t == 0 || unit == UnitTable::kSpace) t = static_cast<int32_t>(units.size()) - 1;
          phrase += units[static_cast<size_t>(t)];
        }
        p.score = std::round(p.score * 100) / 100;
        if (text.find("\n" + phrase + "\t") != text.npos) {
          p.score = 0;
        } else {
          text += "\n" + phrase + "\t" + NumberToString(p.score) + "\n";
        }
      }
      opts.hot_words.file = Written("hot", text);
      opts.hot_words.whole_words = n % 2 == 0;
      if (opts.hot_words.whole_words && units[1] == UnitTable::kSpace) boundary = 1;
    }
    if (!has_lm) return;
    opts.lm.units = n % 4 == 3 || n % 2 == 0 ? "units" : "words";
    opts.lm.weight = static_cast<float>(rng->Uniform(0.1, 1.5));
    opts.lm.length_bonus = static_cast<float>(rng->Uniform(-1, 2));
    opts.lm.oov_penalty = n % 2 == 0 ? 0.f : 2.f;
    lm = opts.lm.units == "units" ? UnitLm(rng, units) : WordLm(rng, n % 5 < 3);
    opts.lm.file = Written("lm.arpa", lm.Arpa());
  }
  double Extra(const Ids &tokens) const {
    double extra = NaiveBias(phrases, tokens, boundary);
    if (!opts.lm.file.empty()) extra += NaiveLanguage(lm, opts.lm, units, tokens);
    return extra;
  }
};

// With a beam that nothing falls out of: every label sequence, its CTC probability by all paths and
// what hot words and model say of it.
TEST(CtcFusion, EqualsAllSequences) {
  Rng rng(1);
  for (int n = 0; n < 120; ++n) {
    const Case c(&rng, n, 100000);
    const Tensor logp =
        RandomLogp(&rng, rng.UniformInt(1, 5), static_cast<int64_t>(c.units.size()), 1.5f);
    std::vector<std::pair<double, Ids>> want;
    for (const auto &[tokens, p] : AllPaths(logp, 0)) {
      want.emplace_back(std::log(p) + c.Extra(tokens), tokens);
    }
    std::sort(want.rbegin(), want.rend());
    const auto got = Decode(c.opts, Units(c.units), logp);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i].Score(), want[i].first, 1e-4) << n << " " << i;
      const auto [score, tokens] = want[i];
      if (i > 0 && want[i - 1].first - score < 1e-4) continue;
      if (i + 1 < want.size() && score - want[i + 1].first < 1e-4) continue;
      ASSERT_EQ(got[i].tokens, tokens) << n << " " << i;
      ASSERT_NEAR(got[i].bias_score, NaiveBias(c.phrases, tokens, c.boundary), 1e-4);
    }
  }
}

// A beam from which much falls out: the search passes over nothing that its contract keeps.
TEST(CtcFusion, EqualsTheNaiveSearch) {
  Rng rng(2);
  int admitted_beyond_the_cut = 0;
  for (int n = 0; n < 200; ++n) {
    const int beam = static_cast<int>(rng.UniformInt(1, 8));
    const Case c(&rng, n, beam);
    const Tensor logp =
        RandomLogp(&rng, rng.UniformInt(1, 20), static_cast<int64_t>(c.units.size()), 3.f);
    NaiveExtras extras;
    extras.score = [&](const Ids &tokens) {
      double extra = NaiveBias(c.phrases, tokens, c.boundary, false) +
                     NaiveAdvance(c.phrases, tokens, c.boundary);
      if (!c.opts.lm.file.empty()) extra += NaiveLanguage(c.lm, c.opts.lm, c.units, tokens, false);
      return extra;
    };
    extras.admitted = [&](const std::vector<Ids> &prefixes) {
      Ids ids;
      for (const ContextPhrase &p : c.phrases) {
        const Ids wanted = Between(p.tokens, c.boundary);
        ids.push_back(wanted[0]);
        for (const Ids &prefix : prefixes) {
          const Ids text = Between(prefix, c.boundary, false);
          for (size_t size = 1; size < wanted.size() && size <= text.size(); ++size) {
            if (std::equal(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(size),
                           text.end() - static_cast<std::ptrdiff_t>(size)))
              ids.push_back(wanted[size]);
          }
        }
      }
      admitted_beyond_the_cut += static_cast<int>(ids.size()) > beam;
      return ids;
    };
    std::vector<NaiveHypothesis> want = NaivePrefixBeam(logp, static_cast<size_t>(beam), 0, extras);
    for (NaiveHypothesis &h : want) h.extra = c.Extra(h.tokens);
    std::stable_sort(want.begin(), want.end(),
                     [](const auto &a, const auto &b) { return a.Score() > b.Score(); });
    const auto got = Decode(c.opts, Units(c.units), logp);
    ASSERT_EQ(got.size(), want.size()) << n;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].tokens, want[i].tokens) << n << " " << i;
      ASSERT_EQ(got[i].times, want[i].Times()) << n << " " << i;
      ASSERT_NEAR(got[i].acoustic_score, want[i].Total(), 1e-9) << n << " " << i;
      ASSERT_NEAR(got[i].Score(), want[i].Score(), 1e-4) << n << " " << i;
    }
  }
  EXPECT_GT(admitted_beyond_the_cut, 30);
}

TEST(CtcFusion, StepByStepEqualsWhole) {
  Rng rng(3);
  for (int n = 0; n < 12; ++n) {
    const Case c(&rng, n, 6);
    const Tensor logp = RandomLogp(&rng, 40, static_cast<int64_t>(c.units.size()), 2.f);
    const auto resource = MakeSearchResource(c.opts, Units(c.units));
    const auto whole = CtcDecode(logp, 6, resource->NewSearch().get());
    const auto search = resource->NewSearch();
    for (int64_t chunk : {1, 7, 39}) {
      search->Begin();
      for (int64_t begin = 0; begin < logp.Rows(); begin += chunk) {
        search->Step(logp.View().RowRange(begin, std::min(chunk, logp.Rows() - begin)));
        ASSERT_EQ(search->NBest(1).size(), 1u);
      }
      const auto got = search->End(6);
      ASSERT_EQ(got.size(), whole.size());
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].tokens, whole[i].tokens);
        EXPECT_EQ(got[i].times, whole[i].times);
        EXPECT_EQ(got[i].acoustic_score, whole[i].acoustic_score);
        EXPECT_EQ(got[i].language_score, whole[i].language_score);
        EXPECT_EQ(got[i].bias_score, whole[i].bias_score);
      }
    }
  }
}

TEST(CtcFusion, NoFrames) {
  Rng rng(4);
  for (int n = 0; n < 6; ++n) {
    const Case c(&rng, n, 4);
    const auto got = Decode(c.opts, Units(c.units), ConstView());
    ASSERT_EQ(got.size(), 1u);
    EXPECT_TRUE(got[0].tokens.empty());
    EXPECT_NEAR(got[0].Score(), c.Extra({}), 1e-5);
  }
}

// The letter of a hot word that is the fourth of five, with a beam of two: WeNet's order never sees
// it.
TEST(CtcFusion, HotTokensPassTheCut) {
  const Tensor logp = FromProbabilities({{.5, .01, .2, .25, .04}, {.9, .01, .03, .03, .03}});
  CtcSearchOptions opts = Options(2);
  opts.hot_words.file = Written("c.txt", "c\n");
  EXPECT_EQ(Decode(opts, Units(kLetters), logp)[0].tokens, Ids{4});
  EXPECT_NEAR(Decode(opts, Units(kLetters), logp)[0].bias_score, 3, 1e-6);
  opts.hot_words.order = "wenet";
  EXPECT_NE(Decode(opts, Units(kLetters), logp)[0].tokens, Ids{4});
  // Greedy search is one for a single hypothesis.
  opts.hot_words.order = "admit";
  opts.nbest = 1;
  const auto prefix = Decode(opts, Units(kLetters), logp);
  opts.method = "greedy";
  const auto greedy = Decode(opts, Units(kLetters), logp);
  ASSERT_EQ(greedy.size(), 1u);
  EXPECT_EQ(greedy[0].tokens, prefix[0].tokens);
  EXPECT_HAS(opts.ToString(), "method greedy as prefix-beam, beam 2, hot words");
}

TEST(CtcFusion, WordPieces) {
  const std::string s = UnitTable::kSpace;
  const Words pieces = {"<blank>", s + "a", "b", s + "b"};
  NaiveLm naive;
  naive.ngrams = {{{"<s>"}, {-99, 0}}, {{"</s>"}, {-1, 0}},      {{"ab"}, {-0.25, -0.5}},
                  {{"a"}, {-2, 0}},    {{"b"}, {-0.75, -0.125}}, {{"ab", "b"}, {-0.0625, 0}}};
  CtcSearchOptions opts = Options(1000);
  opts.lm.file = Written("pieces.arpa", naive.Arpa());
  opts.lm.oov_penalty = 1;
  Rng rng(5);
  const Tensor logp = RandomLogp(&rng, 4, 4, 1.f);
  const auto all = AllPaths(logp, 0);
  for (const CtcHypothesis &h : Decode(opts, {pieces, nullptr, UnitTable::kSpace}, logp)) {
    EXPECT_NEAR(h.acoustic_score, std::log(all.at(h.tokens)), 1e-5);
    EXPECT_NEAR(h.language_score, NaiveLanguage(naive, opts.lm, pieces, h.tokens), 1e-5);
  }
}

// A piece that is the space alone is no boundary: words are parted by the pieces that begin them.
TEST(CtcFusion, HotWordPieces) {
  const std::string s = UnitTable::kSpace;
  SearchUnits units = {{"<blank>", s + "a", "b", s}, nullptr, s};
  EXPECT_EQ(units.Boundary(), -1);
  units.encode = [](const Words &) { return Ids{1, 2}; };
  CtcSearchOptions opts = Options(1000);
  opts.hot_words.file = Written("hot", "ab\n");
  Rng rng(6);
  for (const CtcHypothesis &h : Decode(opts, units, RandomLogp(&rng, 4, 4, 1.f))) {
    EXPECT_NEAR(h.bias_score, NaiveBias({{{1, 2}, 3}}, h.tokens, -1), 1e-6);
  }
  EXPECT_EQ(SearchUnits({{"<blank>", "a", s}, nullptr, s}).Boundary(), 2);
  EXPECT_EQ(SearchUnits({{"<blank>", "a", "|"}, nullptr, "|"}).Boundary(), 2);
  EXPECT_EQ(SearchUnits({{"<blank>", "a"}, nullptr, ""}).Boundary(), -1);
}

TEST(CtcFusion, WhatDoesNotFitIsSaid) {
  CtcSearchOptions opts = Options(2);
  opts.hot_words.file = Written("hot", "a\n");
  EXPECT_HAS(ErrorOf([&] { MakeSearchResource(opts); }), "--hot-words: say what the tokens");
  const auto units = Units(kLetters);
  const auto fails = [&] { return ErrorOf([&] { MakeSearchResource(opts, units); }); };
  const auto with = [&](const std::string &text) {
    Written("hot", text);
    return fails();
  };
  EXPECT_EQ(with("a\n\nb b\t-2.5\r\n"), "(no error)");
  EXPECT_EQ(with("a\na\n"), "(no error)");
  EXPECT_EQ(with("x\na\n"), "(no error)");  // left out with a warning
  EXPECT_HAS(with("a\t1\nb\na\t2\n"), "hot:3: hot phrase 'a' has the score 2, but 1 in line 1");
  EXPECT_HAS(with("a\tb\n"), "hot:1: after the tab stands 'b'");
  EXPECT_HAS(with("a\tnan\n"), "hot:1: after the tab stands 'nan'");
  EXPECT_HAS(with("a\t1001\n"), "hot:1: after the tab stands '1001'");
  EXPECT_HAS(with("a :2.5\n"), "':2.5' is not part of a phrase; write a tab and 2.5");
  EXPECT_HAS(with("\xff\n"), "hot:1: not UTF-8");
  EXPECT_HAS(with("x\n"), "no phrase that can be used");
  EXPECT_HAS(with(""), "no phrase that can be used");
  opts.hot_words.order = "first";
  EXPECT_HAS(fails(), "--hot-words-order=first");
  opts.hot_words = {};
  opts.lm.file =
      Written("lm.arpa", "\\data\\\nngram 1=3\n\\1-grams:\n-1 <s>\n-1 </s>\n-1 x\n\\end\\");
  opts.lm.units = "units";
  EXPECT_HAS(fails(), "none of the 5 units is among its words");
  opts.lm.units = "letters";
  EXPECT_HAS(fails(), "--lm-units=letters");
  opts.lm.units = "words";
  EXPECT_EQ(fails(), "(no error)");
  EXPECT_HAS(ErrorOf([&] {
               MakeSearchResource(opts, Units({"<blank>", "a"}));
             }),
             "no unit of the model begins with");
  opts.lm.weight = -1;
  EXPECT_HAS(fails(), "--lm-weight=-1");
  opts.lm.weight = 1;
  Rng rng(1);
  EXPECT_HAS(ErrorOf([&] { Decode(opts, units, RandomLogp(&rng, 2, 6, 1)); }),
             "log-posteriors of 6 units, but the unit table has 5");
}

}  // namespace
}  // namespace u2moe
