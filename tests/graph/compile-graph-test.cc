#include "graph/compile-graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/rng.h"
#include "graph/arpa-fst.h"
#include "graph/lexicon.h"
#include "graph/walk.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;
using Ids = std::vector<int32_t>;

const char kArpa[] =
    "\\data\\\nngram 1=6\nngram 2=5\nngram 3=2\n\n\\1-grams:\n-1.2 </s>\n-99 <s> -0.4\n-0.9 ja "
    "-0.3\n-0.8 nein -0.2\n-1.5 <unk>\n-1.1 doch\n\n\\2-grams:\n-0.3 <s> ja -0.1\n-0.7 ja nein "
    "0.2\n-0.2 nein </s>\n-0.6 ja <unk>\n-0.5 nein ja\n\n\\3-grams:\n-0.1 <s> ja nein\n-0.15 ja "
    "nein ja\n\n\\end\\\n";

NgramTrie Model() {
  WriteFile(File("lm.arpa"), kArpa);
  return NgramTrie::Read(File("lm.arpa"));
}

TEST(ArpaFst, SentencesCostWhatTheModelSays) {
  const NgramTrie model = Model();
  WordTable words;
  AddWords(model, false, &words);
  EXPECT_EQ(words.Find("<unk>"), -1);
  EXPECT_EQ(words.Find("<s>"), -1);
  ASSERT_EQ(words.LargestId(), 3);
  ArpaFstOptions opts;
  int64_t left_out = 0;
  const StdVectorFst g = MakeNgramFst(model, words, opts, &left_out);
  EXPECT_EQ(left_out, 2);  // <unk> and "ja <unk>"
  Rng rng(1);
  for (int n = 0; n < 100; ++n) {
    Ids sentence;
    double want = 0;
    int32_t state = model.Begin();
    for (int64_t length = rng.UniformInt(0, 6); length > 0; --length) {
      sentence.push_back(static_cast<int32_t>(rng.UniformInt(1, 3)));
      want -= model.Score(state, model.Words().Find(*words.Word(sentence.back())), &state);
    }
    want -= model.Score(state, model.Eos(), &state);
    // By the one path that never backs off from an n-gram that is there.
    double got = 0;
    int s = g.Start();
    for (size_t i = 0; i <= sentence.size();) {
      bool moved = false;
      if (i == sentence.size() && g.Final(s) != fst::TropicalWeight::Zero()) {
        got += static_cast<double>(g.Final(s).Value());
        break;
      }
      StdArc backoff(0, 0, 0.f, 0);
      for (fst::ArcIterator<StdVectorFst> it(g, s); !it.Done() && !moved; it.Next()) {
        if (it.Value().ilabel == 0) backoff = it.Value();
        if (i == sentence.size() || it.Value().ilabel != sentence[i]) continue;
        got += static_cast<double>(it.Value().weight.Value());
        s = it.Value().nextstate;
        ++i;
        moved = true;
      }
      if (moved) continue;
      got += static_cast<double>(backoff.weight.Value());
      s = backoff.nextstate;
    }
    EXPECT_NEAR(got, want, 1e-5) << n;
    // Others may cost less, as in Kaldi, but not more.
    const auto all = AllOutputs(g, sentence);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_LE(all.begin()->second.best, want + 1e-5);
  }
}

TEST(ArpaFst, SymbolsAndForeignWords) {
  const NgramTrie model = Model();
  WordTable words;
  words.Add("ja");
  ArpaFstOptions opts;
  opts.disambig = words.Add("#0");
  int64_t left_out = 0;
  const StdVectorFst g = MakeNgramFst(model, words, opts, &left_out);
  EXPECT_EQ(left_out, 6);
  std::set<int> ilabels;
  for (int s = 0; s < g.NumStates(); ++s) {
    for (fst::ArcIterator<StdVectorFst> it(g, s); !it.Done(); it.Next())
      ilabels.insert(it.Value().ilabel);
  }
  EXPECT_EQ(ilabels, (std::set<int>{1, 2}));
  WordTable kept;
  AddWords(model, true, &kept);
  EXPECT_GT(kept.Find("<unk>"), 0);
}

UnitTable Units() { return UnitTable({"<blank>", "a", "b", "_"}); }

TEST(Lexicon, ReadsAndRefuses) {
  const std::string path = File("lexicon.txt");
  const auto read = [&](const std::string &text, bool probs) {
    WriteFile(path, text);
    return ReadLexicon(path, Units(), 0, probs);
  };
  const Lexicon l = read("ab a b\n\nab b\n", false);
  ASSERT_EQ(l.size(), 2u);
  EXPECT_EQ(l[0].tokens, (Ids{1, 2}));
  EXPECT_NEAR(read("ab 0.25 a b\n", true)[0].cost, std::log(4), 1e-6);
  const auto error = [&](const std::string &text, bool probs = false) {
    return ErrorOf([&] { read(text, probs); });
  };
  EXPECT_HAS(error("ab a b\nc a x\n"), ":2: word 'c': the unit 'x' is not in the unit table");
  EXPECT_HAS(error("ab\n"), ":1: word 'ab': has no pronunciation");
  EXPECT_HAS(error("ab 0.5\n", true), "has no pronunciation");
  EXPECT_HAS(error("ab 2 a\n", true), "a probability above 0 and up to 1");
  EXPECT_HAS(error("ab a\nab a\n"), ":2: word 'ab': this pronunciation is there twice");
  EXPECT_HAS(error("ab a <blank>\n"), "the blank cannot be part");
  EXPECT_HAS(error("#0 a\n"), "is a symbol of graphs");
  EXPECT_HAS(error("\n"), "no words");
}

TEST(Lexicon, Spells) {
  WordTable words;
  for (const char *word : {"ab", "x", "b", "#0", "<s>", "</s>"}) words.Add(word);
  const UnitTable units = Units();
  const Speller spell = [&](const std::vector<std::string> &w) { return units.Encode(w, "_", -1); };
  int64_t skipped = 0;
  EXPECT_HAS(ErrorOf([&] { SpellLexicon(words, spell, false, &skipped); }), "'x'");
  const Lexicon l = SpellLexicon(words, spell, true, &skipped);
  EXPECT_EQ(skipped, 1);
  ASSERT_EQ(l.size(), 2u);
  EXPECT_EQ(l[0].tokens, (Ids{1, 2}));
  EXPECT_EQ(FindSeparator(l, spell), 3);
  EXPECT_EQ(FindSeparator(l, [&](const auto &w) { return units.Encode(w, "", -1); }), -1);
  EXPECT_THROW(FindSeparator(l, [](const auto &w) { return Ids(w.size(), 1); }), DataError);
}

// A random lexicon with homophones, beginnings of others and several pronunciations, and a random
// language model with back-off.
struct GraphCase {
  UnitTable units = Units();
  WordTable words;
  Lexicon lexicon;
  StdVectorFst grammar;
  LexiconFstOptions opts;
};
GraphCase RandomCase(Rng *rng, int n) {
  GraphCase c;
  std::set<std::pair<std::string, Ids>> seen;
  const int num_words = static_cast<int>(rng->UniformInt(1, 4));
  for (int w = 0; w < num_words; ++w) {
    const std::string word(1, static_cast<char>('p' + w));
    c.words.Add(word);
    for (int64_t p = rng->UniformInt(1, 2); p > 0; --p) {
      Pronunciation pron{word, {}, static_cast<float>(rng->UniformInt(0, 4)) / 4};
      for (int64_t length = rng->UniformInt(1, 2); length > 0; --length)
        pron.tokens.push_back(static_cast<int32_t>(rng->UniformInt(1, 2)));
      if (seen.emplace(word, pron.tokens).second) c.lexicon.push_back(pron);
    }
  }
  c.opts.num_tokens = 4;
  if (n % 3 == 1) c.opts.separator = 3, c.opts.separator_prob = n % 2 == 0 ? 1 : 0.75f;
  if (n % 3 == 2) c.opts.silence = 3, c.opts.silence_prob = 0.25f;
  c.opts.backoff = n % 2 == 0 ? c.words.Add("#0") : -1;
  const auto cost = [rng] { return static_cast<float>(rng->UniformInt(1, 20)) / 8; };
  // State 0 is the unigrams; 1 the start; another one for each word.
  for (int s = 0; s < num_words + 2; ++s) c.grammar.AddState();
  c.grammar.SetStart(1);
  c.grammar.SetFinal(0, cost());
  for (int s = 1; s < num_words + 2; ++s) {
    c.grammar.AddArc(s, StdArc(std::max(0, c.opts.backoff), 0, cost() - 0.5f, 0));
    if (rng->Uniform() < 0.3) c.grammar.SetFinal(s, cost());
  }
  for (int s = 0; s < num_words + 2; ++s) {
    for (int w = 1; w <= num_words; ++w) {
      if (s == 0 || rng->Uniform() < 0.4) c.grammar.AddArc(s, StdArc(w, w, cost(), w + 1));
    }
  }
  return c;
}

// The least costs of token sequences up to max_tokens and the words they stand for.
using Spoken = std::map<std::pair<Ids, Ids>, float>;
void Speak(const GraphCase &c, int state, Ids tokens, Ids words, float cost, size_t max_tokens,
           Spoken *spoken) {
  const auto note = [&](Ids t, float final) {
    if (t.size() > max_tokens) return;
    const auto [found, is_new] = spoken->emplace(std::make_pair(t, words), final);
    if (!is_new) found->second = std::min(found->second, final);
  };
  if (tokens.size() > max_tokens) return;
  if (c.grammar.Final(state) != fst::TropicalWeight::Zero()) {
    const float final = cost + c.grammar.Final(state).Value();
    note(tokens, final);
    if (c.opts.separator >= 0 && !words.empty()) {
      Ids more = tokens;
      more.push_back(c.opts.separator);
      note(more, final - std::log(c.opts.separator_prob));
      if (c.opts.separator_prob < 1) note(tokens, final - std::log(1 - c.opts.separator_prob));
    }
  }
  const float yes = -std::log(c.opts.silence_prob), no = -std::log(1 - c.opts.silence_prob);
  for (fst::ArcIterator<StdVectorFst> it(c.grammar, state); !it.Done(); it.Next()) {
    const StdArc &arc = it.Value();
    const float next = cost + arc.weight.Value();
    if (arc.olabel == 0) {
      Speak(c, arc.nextstate, tokens, words, next, max_tokens, spoken);
      continue;
    }
    for (const Pronunciation &p : c.lexicon) {
      if (c.words.Find(p.word) != arc.ilabel) continue;
      Ids t = tokens, w = words;
      t.insert(t.end(), p.tokens.begin(), p.tokens.end());
      w.push_back(arc.olabel);
      if (c.opts.separator >= 0 && !words.empty()) {
        const float prob = c.opts.separator_prob;
        if (prob < 1)
          Speak(c, arc.nextstate, t, w, next + p.cost - std::log(1 - prob), max_tokens, spoken);
        t.insert(t.begin() + static_cast<std::ptrdiff_t>(tokens.size()), c.opts.separator);
        Speak(c, arc.nextstate, t, w, next + p.cost - std::log(prob), max_tokens, spoken);
        continue;
      }
      if (c.opts.silence < 0) {
        Speak(c, arc.nextstate, t, w, next + p.cost, max_tokens, spoken);
        continue;
      }
      Speak(c, arc.nextstate, t, w, next + p.cost + no, max_tokens, spoken);
      t.push_back(c.opts.silence);
      Speak(c, arc.nextstate, t, w, next + p.cost + yes, max_tokens, spoken);
    }
  }
}

const char *const kNames[] = {"correct", "compact", "minimal", "eesen"};

// The whole chain against the enumeration of all that can be said, for every path of frames.
TEST(CompileGraph, EqualsTheEnumerationOfSentences) {
  Rng rng(21);
  constexpr int kFrames = 4;
  int64_t compared = 0;
  for (int n = 0; n < 60; ++n) {
    const GraphCase c = RandomCase(&rng, n);
    int32_t num_disambig = 0;
    const StdVectorFst l = MakeLexiconFst(c.lexicon, c.words, c.opts, &num_disambig);
    Spoken spoken;
    Speak(c, c.grammar.Start(), {}, {}, c.opts.silence < 0 ? 0 : -std::log(1 - c.opts.silence_prob),
          kFrames, &spoken);
    if (c.opts.silence >= 0) {
      Speak(c, c.grammar.Start(), {c.opts.silence}, {}, -std::log(c.opts.silence_prob), kFrames,
            &spoken);
    }
    CompileGraphOptions opts;
    opts.topology = &FindCtcTopology(kNames[n % 4], "");
    opts.num_tokens = 4;
    CompileGraphNotes notes;
    const StdVectorFst tlg = CompileGraph(l, c.grammar, opts, &notes);
    EXPECT_EQ(notes.sizes.size(), 6u);
    for (int frames = 0; frames <= kFrames; ++frames) {
      for (int trial = 0; trial < 40; ++trial) {
        Ids path, labels;
        for (int i = 0; i < frames; ++i) {
          path.push_back(static_cast<int32_t>(rng.UniformInt(0, 3)));
          labels.push_back(path.back() + 1);
        }
        std::map<Ids, float> want;
        for (const auto &[what, cost] : spoken) {
          if (!CtcPathStandsFor(*opts.topology, 0, path, what.first)) continue;
          const auto [found, is_new] = want.emplace(what.second, cost);
          if (!is_new) found->second = std::min(found->second, cost);
        }
        const WalkedOutputs got = AllOutputs(tlg, labels);
        ASSERT_EQ(got.size(), want.size()) << n << " " << opts.topology->name;
        for (const auto &[words, cost] : want) {
          ASSERT_EQ(got.count(words), 1u) << n;
          ASSERT_NEAR(got.at(words).best, cost, 2e-3) << n;
          ++compared;
        }
      }
    }
  }
  EXPECT_GT(compared, 2000);
}

// LG alone is what T was composed with.
TEST(CompileGraph, WithoutATopology) {
  Rng rng(23);
  for (int n = 0; n < 20; ++n) {
    const GraphCase c = RandomCase(&rng, n);
    int32_t num_disambig = 0;
    const StdVectorFst l = MakeLexiconFst(c.lexicon, c.words, c.opts, &num_disambig);
    CompileGraphOptions opts;
    opts.num_tokens = 4;
    CompileGraphNotes notes;
    const StdVectorFst lg = CompileGraph(l, c.grammar, opts, &notes);
    EXPECT_EQ(notes.sizes.size(), 5u);
    for (int s = 0; s < lg.NumStates(); ++s) {
      for (fst::ArcIterator<StdVectorFst> it(lg, s); !it.Done(); it.Next()) {
        ASSERT_LE(it.Value().ilabel, 4);
        ASSERT_NE(it.Value().ilabel, 1);
      }
    }
    opts.topology = &FindCtcTopology(kNames[n % 4], "");
    const StdVectorFst tlg = CompileGraph(l, c.grammar, opts, &notes);
    ASSERT_TRUE(fst::Equal(ComposeCtcTopology(*opts.topology, 4, 0, lg, 0), tlg));
  }
}

TEST(CompileGraph, ErrorsSayWhatToDo) {
  Rng rng(22);
  GraphCase c = RandomCase(&rng, 0);
  int32_t num_disambig = 0;
  const StdVectorFst l = MakeLexiconFst(c.lexicon, c.words, c.opts, &num_disambig);
  CompileGraphOptions opts;
  opts.topology = &FindCtcTopology("compact", "");
  opts.num_tokens = 4;
  opts.words = &c.words;
  CompileGraphNotes notes;
  const auto error = [&](const StdVectorFst &lexicon, const StdVectorFst &grammar) {
    return ErrorOf([&] { CompileGraph(lexicon, grammar, opts, &notes); });
  };
  const int32_t foreign = c.words.Add("fremd");
  StdVectorFst g = c.grammar;
  g.AddArc(0, StdArc(foreign, foreign, 1.f, 0));
  EXPECT_HAS(error(l, g),
             Cat("1 words of the language model have no pronunciation: 'fremd' (", foreign, ")"));
  opts.skip_missing = true;
  EXPECT_EQ(error(l, g), "(no error)");
  EXPECT_EQ(notes.words_without_pronunciation, 1);
  opts.max_states = 3;
  EXPECT_HAS(error(l, c.grammar), "has more than --max-states=3 states");
  opts.max_states = 0;
  // A circle of back-off arcs, and a word without units.
  g = c.grammar;
  g.AddArc(0, StdArc(c.opts.backoff, 0, -1.f, 1));
  EXPECT_HAS(error(l, g), "a cycle without any token, of cost ");
  StdVectorFst empty = l;
  empty.AddArc(0, StdArc(0, 1, 0.f, 0));
  EXPECT_HAS(error(empty, c.grammar), "of the words '");
  StdVectorFst nothing;
  EXPECT_HAS(error(l, nothing), "L o G is empty");
}

}  // namespace
}  // namespace u2moe
