// Errors on listed words and on all others.
#include "score/biased-wer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/rng.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Words = std::vector<std::string>;

WerResult Score(const std::vector<Transcript> &refs, const std::vector<Transcript> &hyps) {
  return ScoreTranscripts(refs, hyps, WerOptions(), true);
}

TEST(BiasedWer, ByHand) {
  const BiasedWords list({{"ZOE"}, {"NEW", "YORK"}, {"ZOE"}});
  EXPECT_EQ(list.NumPhrases(), 2);
  EXPECT_EQ(list.Mark({"NEW", "YORK", "NEW", "ZOE", "YORK"}),
            (std::vector<bool>{true, true, false, true, false}));
  EXPECT_EQ(list.Mark({"A", "NEW"}), (std::vector<bool>{false, false}));
  EXPECT_TRUE(list.Mark({}).empty());
  const WerResult r =
      Score({{"u1", {"ZOE", "IN", "NEW", "YORK"}}, {"u2", {"A", "B"}}, {"u3", {"ZOE"}}},
            {{"u1", {"SO", "IN", "NEW", "YORK", "ZOE"}}, {"u2", {"A", "ZOE"}}, {"u3", {}}});
  const BiasedParts parts = SplitBiased(r, list);
  // ZOE by SO, and away; one ZOE too much. B by ZOE is an error of B.
  EXPECT_EQ(parts.biased.totals, (EditCounts{2, 1, 1, 1}));
  EXPECT_EQ(parts.unbiased.totals, (EditCounts{2, 1, 0, 0}));
  EXPECT_EQ(parts.biased.sentence_errors, 2);
  EXPECT_EQ(parts.unbiased.sentence_errors, 1);
}

TEST(BiasedWer, PartsAddUp) {
  Rng rng(1);
  const auto text = [&] {
    Words words;
    for (int64_t n = rng.UniformInt(0, 8); n > 0; --n)
      words.push_back(std::string(1, static_cast<char>('a' + rng.UniformInt(0, 4))));
    return words;
  };
  for (int n = 0; n < 30; ++n) {
    std::vector<Transcript> refs, hyps;
    for (int i = 0; i < 20; ++i) {
      refs.push_back({"u" + std::to_string(i), text()});
      hyps.push_back({refs.back().key, text()});
    }
    std::vector<Words> phrases;
    while (static_cast<int>(phrases.size()) < 1 + n % 4) {
      const Words phrase = text();
      if (!phrase.empty() && phrase.size() < 4) phrases.push_back(phrase);
    }
    const WerResult r = Score(refs, hyps);
    const BiasedParts parts = SplitBiased(r, BiasedWords(phrases));
    ASSERT_EQ(parts.biased.utterances.size(), r.utterances.size());
    for (size_t i = 0; i < r.utterances.size(); ++i) {
      EditCounts sum = parts.biased.utterances[i].counts;
      sum += parts.unbiased.utterances[i].counts;
      EXPECT_EQ(sum, r.utterances[i].counts);
      EXPECT_EQ(parts.biased.utterances[i].key, r.utterances[i].key);
    }
    EditCounts sum = parts.biased.totals;
    sum += parts.unbiased.totals;
    EXPECT_EQ(sum, r.totals);
  }
}

TEST(BiasedWer, TextAndJson) {
  const WerResult first = Score({{"u1", {"ZOE", "A"}}, {"u2", {"B", "ZOE"}}},
                                {{"u1", {"SO", "A"}}, {"u2", {"B", "SO"}}}),
                  second = Score({{"u1", {"ZOE", "A"}}, {"u2", {"B", "ZOE"}}},
                                 {{"u1", {"ZOE", "A"}}, {"u2", {"B", "ZOE"}}});
  BiasedReport biased(BiasedWords({{"ZOE"}}), first, &second);
  WerReport report;
  report.first = &first;
  std::vector<WerComparison> others(1);
  others[0].result = second;
  CompareSystems(first, {}, 100, 1, &others);
  report.others = &others;
  report.bootstrap = &others[0].bootstrap;
  report.drawn = "2 utterances";
  report.seed = 1;
  biased.Draw({}, 100, 1);
  biased.AddTo(&report);
  std::ostringstream os;
  WriteWerText(os, report);
  const std::string text = os.str();
  EXPECT_NE(
      text.find("%B-WER 100.00 [ 2 / 2, 0 ins, 0 del, 2 sub ] of 1 phrases\n"
                "B-WER interval 95% [ 100.00, 100.00 ]\n"
                "B-WER second 0.00 [ 0 / 2, 0 ins, 0 del, 0 sub ], interval 95% [ 0.00, 0.00 ]\n"
                "B-WER difference -100.00 (second - first), interval 95% [ -100.00, -100.00 ]: "
                "the second is better\n"
                "%U-WER 0.00 [ 0 / 2, 0 ins, 0 del, 0 sub ] of 1 phrases\n"),
      std::string::npos)
      << text;
  std::ostringstream json_stream;
  WriteWerJson(json_stream, report);
  const auto json = nlohmann::json::parse(json_stream.str());
  EXPECT_EQ(json["phrases"], 1);
  EXPECT_EQ(json["biased"]["errors"], 2);
  EXPECT_EQ(json["biased"]["second"]["errors"], 0);
  EXPECT_EQ(json["biased"]["interval95"][0], 100);
  EXPECT_EQ(json["unbiased"]["units"], 2);
  EXPECT_EQ(json["biased"]["errors"].get<int>() + json["unbiased"]["errors"].get<int>(),
            json["errors"].get<int>());
}

TEST(BiasedWer, Files) {
  const std::string path = TempDir() + "/words";
  WriteFile(path, "\xef\xbb\xbfZoë\t3.5\n \nNew  York\n:2\n");
  const BiasedWords list(path, TextNormalizer("lowercase"));
  EXPECT_EQ(list.NumPhrases(), 3);
  EXPECT_EQ(list.Mark({"zoë", "new", "york", ":2", "Zoë"}),
            (std::vector<bool>{true, true, true, true, false}));
  WriteFile(path, "\n \t2\n");
  EXPECT_THROW(BiasedWords(path, TextNormalizer("none")), Error);
  WriteFile(path, "A\n\xff\n");
  EXPECT_THROW(BiasedWords(path, TextNormalizer("none")), Error);
  EXPECT_THROW(BiasedWords(path + "-absent", TextNormalizer("none")), Error);
}

}  // namespace
}  // namespace u2moe
