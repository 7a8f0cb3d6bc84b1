#include "score/align.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/rng.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;

Ids Letters(const std::string &s) { return Ids(s.begin(), s.end()); }

std::string Letters(const std::vector<Edit> &edits) {
  std::string s;
  for (Edit e : edits) s += "CSDI"[static_cast<size_t>(e)];
  return s;
}

EditCounts Count(const std::vector<Edit> &edits) {
  EditCounts c;
  for (Edit e : edits) {
    c.correct += e == Edit::kCorrect;
    c.substitutions += e == Edit::kSubstitution;
    c.deletions += e == Edit::kDeletion;
    c.insertions += e == Edit::kInsertion;
  }
  return c;
}

TEST(Aligner, ByHand) {
  struct Case {
    const char *ref, *hyp, *kaldi, *sclite;
  };
  const Case cases[] = {
      {"", "", "", ""},
      {"", "ab", "II", "II"},
      {"ab", "", "DD", "DD"},
      {"abc", "abc", "CCC", "CCC"},
      {"abc", "axc", "CSC", "CSC"},
      {"abc", "ac", "CDC", "CDC"},
      {"ac", "abc", "CIC", "CIC"},
      {"a", "b", "S", "S"},
      // One correct letter costs sclite 3 + 3, two substitutions cost 4 + 4; Kaldi counts 2 either
      // way, and prefers the insertion at the end.
      {"ab", "bc", "DCI", "DCI"},
      // Two alignments with one correct letter; which of them is taken is the tie rule.
      {"aa", "a", "CD", "DC"},
      {"a", "aa", "CI", "IC"},
  };
  for (const Case &c : cases) {
    std::vector<Edit> edits;
    EditCounts counts = Aligner(AlignRule::kKaldi).Align(Letters(c.ref), Letters(c.hyp), &edits);
    EXPECT_TRUE(counts == Count(edits));
    EXPECT_EQ(Letters(edits), c.kaldi) << c.ref << " / " << c.hyp;
    counts = Aligner(AlignRule::kSclite).Align(Letters(c.ref), Letters(c.hyp), &edits);
    EXPECT_TRUE(counts == Count(edits));
    EXPECT_EQ(Letters(edits), c.sclite) << c.ref << " / " << c.hyp;
  }
}

// The cheapest of all alignments, by trying them all.
int64_t CheapestByTrying(const Ids &ref, size_t i, const Ids &hyp, size_t j, int sub, int other) {
  if (i == ref.size()) return static_cast<int64_t>(hyp.size() - j) * other;
  if (j == hyp.size()) return static_cast<int64_t>(ref.size() - i) * other;
  return std::min(
      {(ref[i] == hyp[j] ? 0 : sub) + CheapestByTrying(ref, i + 1, hyp, j + 1, sub, other),
       other + CheapestByTrying(ref, i + 1, hyp, j, sub, other),
       other + CheapestByTrying(ref, i, hyp, j + 1, sub, other)});
}

// Kaldi carries the counts along with the costs instead of tracing back. This is its recurrence in
// a direct form; both must split errors in the same way.
EditCounts KaldiByCounts(const Ids &ref, const Ids &hyp) {
  struct Cell {
    int64_t cost;
    EditCounts counts;
  };
  std::vector<Cell> row(ref.size() + 1);
  for (size_t j = 0; j <= ref.size(); ++j) {
    row[j] = {static_cast<int64_t>(j), {0, 0, static_cast<int64_t>(j), 0}};
  }
  for (size_t i = 0; i < hyp.size(); ++i) {
    std::vector<Cell> next(row.size());
    next[0] = row[0];
    ++next[0].cost, ++next[0].counts.insertions;
    for (size_t j = 1; j <= ref.size(); ++j) {
      const bool same = hyp[i] == ref[j - 1];
      const int64_t ins = row[j].cost + 1, del = next[j - 1].cost + 1,
                    sub = row[j - 1].cost + !same;
      if (sub < ins && sub < del) {
        next[j] = {sub, row[j - 1].counts};
        ++(same ? next[j].counts.correct : next[j].counts.substitutions);
      } else if (del < ins) {
        next[j] = {del, next[j - 1].counts};
        ++next[j].counts.deletions;
      } else {
        next[j] = {ins, row[j].counts};
        ++next[j].counts.insertions;
      }
    }
    row = next;
  }
  return row.back().counts;
}

TEST(Aligner, CheapestAmongAllAndKaldisSplit) {
  Rng rng(4);
  for (int k = 0; k < 300; ++k) {
    Ids ref(static_cast<size_t>(rng.UniformInt(0, 6))),
        hyp(static_cast<size_t>(rng.UniformInt(0, 6)));
    for (int32_t &w : ref) w = static_cast<int32_t>(rng.UniformInt(0, 2));
    for (int32_t &w : hyp) w = static_cast<int32_t>(rng.UniformInt(0, 2));
    std::vector<Edit> edits;
    const EditCounts a = Aligner(AlignRule::kKaldi).Align(ref, hyp, &edits);
    EXPECT_EQ(a.Errors(), CheapestByTrying(ref, 0, hyp, 0, 1, 1));
    EXPECT_TRUE(a == Count(edits));
    EXPECT_TRUE(a == KaldiByCounts(ref, hyp));
    EXPECT_EQ(a.RefLength(), static_cast<int64_t>(ref.size()));
    const EditCounts b = Aligner(AlignRule::kSclite).Align(ref, hyp, &edits);
    EXPECT_EQ(4 * b.substitutions + 3 * (b.deletions + b.insertions),
              CheapestByTrying(ref, 0, hyp, 0, 4, 3));
    EXPECT_TRUE(b == Count(edits));
    EXPECT_EQ(b.correct + b.substitutions + b.insertions, static_cast<int64_t>(hyp.size()));
  }
}

TEST(Aligner, GoldenCounts) {
  const std::string path = GoldenPath("wer/counts.json");
  if (path.empty()) GTEST_SKIP() << "no wer/counts.json";
  const auto golden = nlohmann::json::parse(ReadFile(path));
  std::map<std::string, int32_t> vocabulary;
  const auto ids = [&](const std::string &text) {
    Ids result;
    std::istringstream is(text);
    for (std::string w; is >> w;) {
      result.push_back(
          vocabulary.emplace(w, static_cast<int32_t>(vocabulary.size())).first->second);
    }
    return result;
  };
  Aligner kaldi(AlignRule::kKaldi), sclite(AlignRule::kSclite);
  EditCounts kaldi_totals, sclite_totals;
  for (const auto &u : golden["utterances"]) {
    const Ids ref = ids(u["ref"]), hyp = ids(u["hyp"]);
    const EditCounts a = kaldi.Align(ref, hyp), b = sclite.Align(ref, hyp);
    const auto &j = u["jiwer"], &s = u["sclite"];
    EXPECT_EQ(a.Errors(), j["s"].get<int64_t>() + j["d"].get<int64_t>() + j["i"].get<int64_t>())
        << u["id"];
    EXPECT_TRUE((b == EditCounts{s["c"], s["s"], s["d"], s["i"]})) << u["id"];
    kaldi_totals += a;
    sclite_totals += b;
  }
  const auto &j = golden["totals"]["jiwer"], &s = golden["totals"]["sclite"];
  EXPECT_EQ(kaldi_totals.Errors(), j["errors"].get<int64_t>());
  EXPECT_EQ(kaldi_totals.RefLength(), j["n"].get<int64_t>());
  EXPECT_TRUE((sclite_totals == EditCounts{s["c"], s["s"], s["d"], s["i"]}));
}

TEST(Aligner, RefusesWhatDoesNotFit) {
  const Ids longish(100000);
  EXPECT_THROW(Aligner(AlignRule::kKaldi).Align(longish, longish), DataError);
}

TEST(AlignRule, Parse) {
  EXPECT_TRUE(ParseAlignRule("kaldi") == AlignRule::kKaldi);
  EXPECT_TRUE(ParseAlignRule("sclite") == AlignRule::kSclite);
  EXPECT_THROW(ParseAlignRule("nist"), UsageError);
}

}  // namespace
}  // namespace u2moe
