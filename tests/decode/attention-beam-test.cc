// Label-synchronous search against exhaustive search, and against a naive beam that has no early
// end, no trees and no forward variables.
#include "decode/attention-beam.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <set>

#include "base/error.h"
#include "decode/allowed-words.h"
#include "decode/ctc-align.h"
#include "decode/naive-ctc.h"
#include "decode/naive-words.h"
#include "decode/word-posterior.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;

// A decoder whose log-probabilities are random, but the same for the same labels.
class FakeDecoder : public LabelDecoder {
 public:
  FakeDecoder(uint64_t seed, int32_t vocab, int32_t end, bool coarse)
      : seed_(seed), vocab_(vocab), end_(end), coarse_(coarse) {}

  std::vector<float> Next(const Ids &labels) const {
    uint64_t hash = seed_;
    for (const int32_t label : labels) hash = hash * 1000003 + static_cast<uint64_t>(label) + 7;
    Rng rng(hash);
    std::vector<double> p;
    double sum = 0;
    for (int32_t c = 0; c < vocab_; ++c) {
      // Coarse numbers make ties.
      p.push_back(coarse_ ? std::exp2(static_cast<double>(rng.UniformInt(0, 2)))
                          : std::exp(static_cast<double>(rng.Normal())));
      sum += p.back();
    }
    std::vector<float> logp;
    for (const double x : p) logp.push_back(static_cast<float>(std::log(x / sum)));
    return logp;
  }

  int32_t EndLabel() const override { return end_; }
  ConstView Extend(Span<int32_t> labels, Span<int32_t> parents) override {
    out_ = Tensor(static_cast<int64_t>(labels.size()), vocab_);
    for (size_t i = 0; i < labels.size(); ++i) {
      Ids path;
      if (parents[i] >= 0) {
        path = paths_.at(static_cast<size_t>(parents[i]));
        path.push_back(labels[i]);
      } else {
        EXPECT_TRUE(paths_.empty());
      }
      pending_.push_back(path);
      const std::vector<float> row = Next(path);
      std::copy(row.begin(), row.end(), out_.View().Row(static_cast<int64_t>(i)));
    }
    paths_.insert(paths_.end(), pending_.begin(), pending_.end());
    pending_.clear();
    return out_;
  }
  size_t NumNodes() const { return paths_.size(); }

 private:
  const uint64_t seed_;
  const int32_t vocab_, end_;
  const bool coarse_;
  std::vector<Ids> paths_, pending_;
  Tensor out_;
};

struct Naive {
  Ids tokens;
  double attention = 0, ctc = 0, score = 0;
  bool ended = false;
};

using CtcTable = std::map<Ids, double>;

// A hypothesis by definition.
Naive Judge(const AttentionBeamOptions &opts, const FakeDecoder &decoder, const CtcTable *ctc,
            const Ids &tokens, bool ended) {
  Naive h;
  h.tokens = tokens;
  h.ended = ended;
  Ids so_far;
  for (const int32_t label : tokens) {
    h.attention += static_cast<double>(decoder.Next(so_far)[static_cast<size_t>(label)]);
    so_far.push_back(label);
  }
  if (ended) {
    h.attention +=
        static_cast<double>(decoder.Next(so_far)[static_cast<size_t>(decoder.EndLabel())]);
  }
  const double weight = static_cast<double>(opts.ctc_weight);
  h.score = (1 - weight) * h.attention +
            static_cast<double>(opts.length_bonus) * static_cast<double>(tokens.size());
  if (ctc != nullptr) {
    const auto exact = ctc->find(tokens);
    const double p = ended ? (exact == ctc->end() ? 0 : exact->second) : NaivePrefix(*ctc, tokens);
    h.ctc = std::log(p);
    h.score += weight * h.ctc;
  }
  return h;
}

// Extends everything by everything, sorts, cuts; until nothing is left to extend.
std::vector<Naive> NaiveBeam(const AttentionBeamOptions &opts, int64_t max_length, int32_t vocab,
                             const FakeDecoder &decoder, const CtcTable *ctc, size_t beam) {
  std::vector<Naive> places(1);
  for (int64_t step = 0; step < max_length; ++step) {
    std::vector<Naive> next;
    for (const Naive &p : places) {
      if (p.ended) {
        next.push_back(p);
        continue;
      }
      const std::vector<float> logp = decoder.Next(p.tokens);
      Ids labels;
      for (int32_t c = 0; c < vocab; ++c) labels.push_back(c);
      std::stable_sort(labels.begin(), labels.end(), [&](int32_t a, int32_t b) {
        return logp[static_cast<size_t>(a)] > logp[static_cast<size_t>(b)];
      });
      const size_t kept = ctc != nullptr ? static_cast<size_t>(opts.pre_beam) : labels.size();
      size_t num_labels = 0;
      for (size_t i = 0; i < labels.size(); ++i) {
        const bool ended = labels[i] == decoder.EndLabel();
        if (!ended && ++num_labels > kept) continue;
        Ids tokens = p.tokens;
        if (!ended) tokens.push_back(labels[i]);
        const Naive h = Judge(opts, decoder, ctc, tokens, ended);
        if (std::isfinite(h.score)) next.push_back(h);
      }
    }
    std::stable_sort(next.begin(), next.end(),
                     [](const Naive &a, const Naive &b) { return a.score > b.score; });
    if (next.size() > beam) next.resize(beam);
    places = next;
  }
  for (Naive &h : places) {
    h.score /= std::pow(std::max<double>(1, static_cast<double>(h.tokens.size())),
                        static_cast<double>(opts.length_penalty));
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Naive &a, const Naive &b) { return a.score > b.score; });
  if (places.size() > static_cast<size_t>(opts.nbest)) {
    places.resize(static_cast<size_t>(opts.nbest));
  }
  return places;
}

struct Case {
  AttentionBeamOptions opts;
  int32_t vocab, end, blank;
  Tensor logp;
  std::optional<CtcTable> table;
  std::unique_ptr<CtcPrefixScorer> scorer;

  Case(Rng *rng, int64_t frames) : vocab(4) {
    end = static_cast<int32_t>(rng->UniformInt(0, 3));
    blank = (end + 1) % 4;
    logp = RandomLogProbs(rng, frames, vocab);
  }
  void AddCtc() {
    table = NaiveCtc(logp, blank);
    scorer = std::make_unique<CtcPrefixScorer>(logp, blank);
  }
};

void ExpectEqual(const std::vector<AttentionHypothesis> &got, const std::vector<Naive> &want,
                 const std::string &what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].tokens, want[i].tokens) << what << " " << i;
    EXPECT_EQ(got[i].ended, want[i].ended) << what << " " << i;
    EXPECT_NEAR(got[i].attention, want[i].attention, 1e-9) << what << " " << i;
    // The naive prefix probability has what comes after, whose sum is 1 but for float32.
    EXPECT_NEAR(got[i].ctc, want[i].ctc, 1e-6) << what << " " << i;
    EXPECT_NEAR(got[i].total, want[i].score, 1e-6) << what << " " << i;
  }
}

// Each kind of score, beams from 1 to all, and lengths from 1 on: the same lists as the naive beam,
// which never ends early.
TEST(AttentionBeam, EqualsTheNaiveBeam) {
  Rng rng(1);
  int num_short = 0, num_cut = 0, num_empty = 0;
  for (int n = 0; n < 300; ++n) {
    Case c(&rng, rng.UniformInt(1, 4));
    c.opts.ctc_weight = n % 3 == 0 ? 0 : n % 3 == 1 ? 0.3f : 1;
    c.opts.beam = static_cast<int32_t>(rng.UniformInt(1, 6));
    c.opts.nbest = static_cast<int32_t>(rng.UniformInt(1, c.opts.beam));
    c.opts.pre_beam = static_cast<int32_t>(rng.UniformInt(1, 4));
    if (n % 4 == 1) c.opts.length_bonus = static_cast<float>(rng.Normal());
    if (n % 4 == 2) c.opts.length_penalty = 0.5f * static_cast<float>(rng.Normal());
    if (n % 5 == 0) c.opts.max_length_ratio = 0.6f;
    c.opts.Check();
    if (c.opts.ctc_weight > 0) c.AddCtc();
    FakeDecoder decoder(static_cast<uint64_t>(n), c.vocab, c.end, false);
    const auto got = AttentionBeamSearch(c.opts, c.logp.Rows(), c.scorer.get(), &decoder);
    const int64_t max_length = c.opts.MaxLength(c.logp.Rows());
    const auto want = NaiveBeam(c.opts, max_length, c.vocab, decoder, c.table ? &*c.table : nullptr,
                                static_cast<size_t>(c.opts.beam));
    ExpectEqual(got, want, std::to_string(n) + ": " + c.opts.ToString());
    num_short += decoder.NumNodes() < static_cast<size_t>(max_length);
    num_cut += !got[0].ended;
    num_empty += got[0].tokens.empty();
  }
  EXPECT_GT(num_short, 20);  // ended early, or with all
  EXPECT_GT(num_cut, 20);
  EXPECT_GT(num_empty, 20);
}

// A beam for everything finds the best of all sequences.
TEST(AttentionBeam, WideBeamIsExhaustive) {
  Rng rng(2);
  for (int n = 0; n < 60; ++n) {
    Case c(&rng, rng.UniformInt(1, 4));
    c.opts.ctc_weight = n % 2 == 0 ? 0 : 0.4f;
    if (c.opts.ctc_weight > 0) c.AddCtc();
    c.opts.beam = 400;
    c.opts.nbest = 5;
    c.opts.pre_beam = c.vocab;
    FakeDecoder decoder(static_cast<uint64_t>(n + 1000), c.vocab, c.end, false);
    const auto got = AttentionBeamSearch(c.opts, c.logp.Rows(), c.scorer.get(), &decoder);
    std::vector<Naive> all;
    const std::function<void(const Ids &)> go = [&](const Ids &tokens) {
      const auto length = static_cast<int64_t>(tokens.size());
      const CtcTable *table = c.table ? &*c.table : nullptr;
      const bool cut = length == c.logp.Rows();
      const Naive h = Judge(c.opts, decoder, table, tokens, !cut);
      if (std::isfinite(h.score)) all.push_back(h);
      if (cut) return;
      for (int32_t label = 0; label < c.vocab; ++label) {
        if (label == c.end) continue;
        Ids longer = tokens;
        longer.push_back(label);
        go(longer);
      }
    };
    go({});
    std::sort(all.begin(), all.end(),
              [](const Naive &a, const Naive &b) { return a.score > b.score; });
    all.resize(std::min<size_t>(all.size(), 5));
    ExpectEqual(got, all, std::to_string(n));
  }
}

TEST(AttentionBeam, TiesGoToTheBetterParentAndTheLowerLabel) {
  for (int n = 0; n < 100; ++n) {
    AttentionBeamOptions opts;
    opts.ctc_weight = 0;
    opts.beam = 4;
    opts.nbest = 4;
    FakeDecoder decoder(static_cast<uint64_t>(n), 4, 0, true);
    ExpectEqual(AttentionBeamSearch(opts, 4, nullptr, &decoder),
                NaiveBeam(opts, 4, 4, decoder, nullptr, 4), std::to_string(n));
  }
}

// A decoder that likes nothing but one label, or nothing at all.
class FlatDecoder : public LabelDecoder {
 public:
  explicit FlatDecoder(float value) : value_(value) {}
  int32_t EndLabel() const override { return 2; }
  ConstView Extend(Span<int32_t> labels, Span<int32_t>) override {
    out_ = Tensor(static_cast<int64_t>(labels.size()), 3);
    for (int64_t i = 0; i < out_.Rows(); ++i) {
      for (int64_t c = 0; c < 3; ++c) out_(i, c) = value_;
      out_(i, 1) = 0;
    }
    return out_;
  }

 private:
  float value_;
  Tensor out_;
};

TEST(AttentionBeam, EndsWhereTheDecoderNeverDoes) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  AttentionBeamOptions opts;
  opts.ctc_weight = 0;
  FlatDecoder endless(-kInf);
  auto got = AttentionBeamSearch(opts, 7, nullptr, &endless);
  EXPECT_EQ(got[0].tokens, Ids(7, 1));
  EXPECT_FALSE(got[0].ended);
  EXPECT_EQ(got[0].total, 0);
  opts.max_length_ratio = 0.01f;  // one step at least
  got = AttentionBeamSearch(opts, 7, nullptr, &endless);
  EXPECT_EQ(got[0].tokens, Ids(1, 1));
  // Joint: CTC has no room for so many labels, and the decoder no end.
  opts.max_length_ratio = 1;
  opts.ctc_weight = 0.5f;
  Rng rng(3);
  const CtcPrefixScorer scorer(RandomLogProbs(&rng, 7, 3), 0);
  EXPECT_THROW(AttentionBeamSearch(opts, 7, &scorer, &endless), DataError);
  FlatDecoder nan(std::nanf(""));
  EXPECT_THROW(AttentionBeamSearch(opts, 7, &scorer, &nan), DataError);
}

TEST(AttentionBeam, CtcScoresOfWhatWasFoundWithoutThem) {
  Rng rng(4);
  for (int n = 0; n < 40; ++n) {
    Case c(&rng, rng.UniformInt(1, 4));
    c.AddCtc();
    c.opts.ctc_weight = 0;
    c.opts.nbest = 3;
    c.opts.beam = 3;
    FakeDecoder decoder(static_cast<uint64_t>(n), c.vocab, c.end, false);
    for (const auto &h : AttentionBeamSearch(c.opts, c.logp.Rows(), c.scorer.get(), &decoder)) {
      const auto exact = c.table->find(h.tokens);
      const double want =
          h.ended ? (exact == c.table->end() ? 0 : exact->second) : NaivePrefix(*c.table, h.tokens);
      if (want == 0) {
        EXPECT_TRUE(std::isinf(h.ctc));
      } else {
        EXPECT_NEAR(h.ctc, std::log(want), 1e-6);
      }
      EXPECT_EQ(h.total, h.attention);
    }
  }
}

// Words of the list and no others, and of a beam for everything the best of all sequences of them.
TEST(AttentionBeam, AllowedWordsEqualExhaustiveSearchOfThem) {
  Rng rng(5);
  int num_found = 0;
  for (int n = 0; n < 150; ++n) {
    Case c(&rng, rng.UniformInt(1, 5));
    c.opts.ctc_weight = n % 3 == 0 ? 0 : n % 3 == 1 ? 0.4f : 1;
    if (n % 4 == 1) c.opts.length_bonus = static_cast<float>(rng.Normal());
    c.AddCtc();
    // Two tokens are left beside blank and end, or one and the boundary.
    Ids letters;
    for (int32_t k = 0; k < c.vocab; ++k) {
      if (k != c.end && k != (c.end + 1) % 4) letters.push_back(k);
    }
    int32_t boundary = -1;
    if (n % 2 == 0) {
      boundary = letters.back();
      letters.pop_back();
    }
    std::vector<Ids> list = RandomWords(&rng, 0, static_cast<int32_t>(letters.size()));
    for (Ids &word : list) {
      for (int32_t &token : word) token = letters[static_cast<size_t>(token)];
    }
    const std::set<Ids> words(list.begin(), list.end());
    const AllowedWords allowed(list, boundary);
    const auto are_words = [&](const Ids &tokens) { return AreWords(words, boundary, tokens, 0); };
    const CtcTable *table = c.opts.ctc_weight > 0 ? &*c.table : nullptr;
    const CtcPrefixScorer *scorer = table != nullptr ? c.scorer.get() : nullptr;
    FakeDecoder decoder(static_cast<uint64_t>(n + 2000), c.vocab, c.end, false);
    std::vector<Naive> all;
    const std::function<void(const Ids &)> go = [&](const Ids &tokens) {
      const bool cut = static_cast<int64_t>(tokens.size()) == c.logp.Rows();
      if (are_words(tokens)) {
        const Naive h = Judge(c.opts, decoder, table, tokens, !cut);
        if (std::isfinite(h.score)) all.push_back(h);
      }
      for (int32_t label = 0; !cut && label < c.vocab; ++label) {
        if (label == c.end) continue;
        Ids longer = tokens;
        longer.push_back(label);
        go(longer);
      }
    };
    go({});
    std::sort(all.begin(), all.end(),
              [](const Naive &a, const Naive &b) { return a.score > b.score; });
    c.opts.beam = 2000;
    c.opts.pre_beam = c.vocab;
    c.opts.nbest = 5;
    all.resize(std::min<size_t>(all.size(), 5));
    const auto wide = AttentionBeamSearch(c.opts, c.logp.Rows(), scorer, &decoder, &allowed);
    ExpectEqual(wide, all, std::to_string(n));
    for (const int32_t beam : {1, 2, 3}) {
      c.opts.beam = c.opts.nbest = beam;
      c.opts.pre_beam = 1;
      FakeDecoder again(static_cast<uint64_t>(n + 2000), c.vocab, c.end, false);
      for (const auto &h : AttentionBeamSearch(c.opts, c.logp.Rows(), scorer, &again, &allowed)) {
        EXPECT_TRUE(are_words(h.tokens)) << n << ", beam " << beam;
        num_found += !h.tokens.empty();
      }
    }
  }
  EXPECT_GT(num_found, 100);
}

// Words for which there is no room, or no time: what was begun is taken back.
TEST(AttentionBeam, AWordThatDoesNotFitIsTakenBack) {
  FlatDecoder endless(-std::numeric_limits<float>::infinity());
  AttentionBeamOptions opts;
  opts.ctc_weight = 0;
  const AllowedWords one({{1, 1, 1}}, 0);
  // After seven labels of which the third ends a word, and nothing may follow but the boundary.
  FlatDecoder likes(-1);
  for (const auto &h : AttentionBeamSearch(opts, 7, nullptr, &likes, &one)) {
    EXPECT_TRUE(h.tokens.empty() || h.tokens == Ids({1, 1, 1}) || h.tokens == Ids({1, 1, 1, 0}) ||
                h.tokens == Ids({1, 1, 1, 0, 1, 1, 1}));
  }
  // The limit falls into the only word that is there.
  auto got = AttentionBeamSearch(opts, 2, nullptr, &endless, &one);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_TRUE(got[0].tokens.empty());
  EXPECT_FALSE(got[0].ended);
  // CTC has room for one label of the three, and the decoder no end.
  opts.ctc_weight = 0.5f;
  Rng rng(6);
  const CtcPrefixScorer scorer(RandomLogProbs(&rng, 3, 3), 0);
  const AllowedWords other({{1, 1, 1}}, -1);
  got = AttentionBeamSearch(opts, 3, &scorer, &endless, &other);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_TRUE(got[0].tokens.empty());
}

// Who says a word that is not on the list is heard as one that is, but not for sure.
TEST(AttentionBeam, AWordOutsideTheListIsNotSure) {
  Rng rng(7);
  constexpr int32_t kVocab = 7, kEnd = 6;
  const AllowedWords allowed({{2, 3}, {4, 5, 2}, {3, 4}}, 1);
  const auto confidence = [&](float ctc_weight, const Ids &said) {
    Tensor logp(static_cast<int64_t>(said.size()), kVocab);
    for (size_t t = 0; t < said.size(); ++t) {
      for (int32_t k = 0; k < kVocab; ++k) {
        logp(static_cast<int64_t>(t), k) =
            k == said[t] ? -0.001f : std::log(0.001f / (kVocab - 1)) + 0.1f * rng.Normal();
      }
    }
    const CtcPrefixScorer ctc(logp, 0);
    AttentionBeamOptions opts;
    opts.ctc_weight = ctc_weight;
    FakeDecoder decoder(static_cast<uint64_t>(rng.UniformInt(0, 1000)), kVocab, kEnd, false);
    const Ids tokens = AttentionBeamSearch(opts, logp.Rows(), &ctc, &decoder, &allowed)[0].tokens;
    if (tokens.empty()) return -1.0;
    const CtcAlignment alignment = AlignCtc(logp, tokens, 0);
    return CtcWordPosteriors(logp, alignment.tokens, {{"", 0, static_cast<int32_t>(tokens.size())}},
                             0)[0];
  };
  int num_heard = 0;
  for (int trial = 0; trial < 30; ++trial) {
    for (const float weight : {0.5f, 1.0f}) {
      EXPECT_GT(confidence(weight, {0, 2, 0, 3, 0}), 0.9);
      EXPECT_GT(confidence(weight, {4, 0, 5, 0, 2, 0}), 0.9);
      for (const Ids &outside : {Ids{0, 5, 0, 3, 0}, Ids{4, 0, 5, 0, 3, 0}}) {
        const double p = confidence(weight, outside);
        num_heard += p >= 0;
        EXPECT_LT(p, 0.1);
      }
    }
    // The decoder alone hears whatever it likes; its words are no surer for that.
    EXPECT_LT(confidence(0, {0, 5, 0, 0, 3, 0, 5, 0}), 0.1);
  }
  EXPECT_GT(num_heard, 20);
}

TEST(AttentionBeam, Options) {
  const auto bad = [](auto change) {
    AttentionBeamOptions opts;
    change(&opts);
    EXPECT_THROW(opts.Check(), UsageError);
  };
  using Opts = AttentionBeamOptions;
  bad([](Opts *o) { o->beam = 0; });
  bad([](Opts *o) { o->nbest = 0; });
  bad([](Opts *o) { o->nbest = 11; });
  bad([](Opts *o) { o->ctc_weight = 1.1f; });
  bad([](Opts *o) { o->ctc_weight = std::nanf(""); });
  bad([](Opts *o) { o->pre_beam = -1; });
  bad([](Opts *o) { o->length_bonus = std::nanf(""); });
  bad([](Opts *o) { o->max_length_ratio = 0; });
  bad([](Opts *o) { o->length_bonus = o->length_penalty = 1; });
  AttentionBeamOptions opts;
  opts.Check();
  EXPECT_EQ(opts.MaxLength(0), 1);
  EXPECT_EQ(opts.MaxLength(9), 9);
  opts.max_length_ratio = 0.3f;
  EXPECT_EQ(opts.MaxLength(10), 3);
}

}  // namespace
}  // namespace u2moe
