#include "text/text-norm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/rng.h"
#include "support/test-util.h"
#include "util/text.h"

namespace u2moe {
namespace {

using Words = std::vector<std::string>;

TEST(TextNormalizer, Steps) {
  EXPECT_EQ(TextNormalizer("").Name(), "none");
  EXPECT_EQ(TextNormalizer("none").Apply({"A.", "\xff"}), (Words{"A.", "\xff"}));
  const TextNormalizer lower("lowercase");
  EXPECT_EQ(lower.Apply({"ABC", "ÀÖØÞ×ß", "ĀĿŹŸ", "ΑΩΆΈΌΏ", "АЯЁЇ", "中１"}),
            (Words{"abc", "àöøþ×ß", "āŀźÿ", "αωάέόώ", "аяёї", "中１"}));
  EXPECT_EQ(lower.Apply({"ȘẠҐҚԲ", "\u0130", "ΣΑΣ", "\u00c9", "E\u0301", "\U00010400"}),
            (Words{"șạґқբ", "i\u0307", "σας", "\u00e9", "\u00e9", "\U00010428"}));
  const TextNormalizer both("lowercase,no-punctuation");
  EXPECT_EQ(both.Apply({"Don't", "«Stop»,", "...", "x-Ray。", "¿Qué?", "don’t", "！"}),
            (Words{"don't", "stop", "x-ray", "qué", "don’t"}));
  // Quotes that look like apostrophes; dashes; signs of other scripts; symbols.
  EXPECT_EQ(both.Apply({"‘Tea’", "'Tea'", "-", "th-", "a–b", "؟", "किम्।", "„x“", "c++", "5€", "＋",
                        "°", "−"}),
            (Words{"tea", "tea", "th-", "ab", "किम्", "x", "c", "5€", "°", "−"}));
  EXPECT_EQ(TextNormalizer("nfc").Apply({"E\u0301", "\uff21", "Ａ."}),
            (Words{"\u00c9", "\uff21", "Ａ."}));
  EXPECT_EQ(TextNormalizer("nfkc").Apply({"\ufb01", "\ufdfa", "Ａ"}),
            (Words{"fi", "صلى", "الله", "عليه", "وسلم", "A"}));
  EXPECT_EQ(TextNormalizer("casefold").Apply({"Straße", "ΟΔΟΣ", "\u1fb3", "\u03b1\u0345"}),
            (Words{"strasse", "οδοσ", "\u03b1\u03b9", "\u03b1\u03b9"}));
  EXPECT_EQ(TextNormalizer("width").Apply({"ＡＢ１", "ｶﾞ", "\ufb01"}),
            (Words{"AB1", "ガ", "\ufb01"}));
  EXPECT_EQ(TextNormalizer("width,no-punctuation,casefold").Name(),
            "width,no-punctuation,casefold");
  EXPECT_EQ(both.Name(), "lowercase,no-punctuation");
  EXPECT_EQ(TextNormalizer("uppercase").Apply({"straße", "σας", "ǆ", "e\u0301"}),
            (Words{"STRASSE", "ΣΑΣ", "Ǆ", "\u00c9"}));
  EXPECT_THROW(TextNormalizer("upper"), UsageError);
  EXPECT_THROW(lower.Apply({"\xff"}), DataError);
}

std::string MapFile(const std::string &contents) {
  const std::string path = TempDir() + "/map";
  WriteFile(path, contents);
  return path;
}

TEST(WordMap, WordsAndSequences) {
  const WordMap map(
      MapFile("\xef\xbb\xbfuh\r\ncolour color\ncan't can not\n\n"
              "hong kong\thongkong\nhong kong bank\tHSBC bank\nmister \t\nstra\xc3\x9f"
              "e strasse"));
  EXPECT_EQ(map.Apply({"uh", "colour", "can't", "uh", "x"}), (Words{"color", "can", "not", "x"}));
  EXPECT_EQ(map.Apply({"hong", "kong", "hong"}), (Words{"hongkong", "hong"}));
  EXPECT_EQ(map.Apply({"hong", "kong", "bank", "kong"}), (Words{"HSBC", "bank", "kong"}));
  EXPECT_EQ(map.Apply({"hong", "uh", "kong"}), (Words{"hong", "kong"})) << "not looked at again";
  EXPECT_EQ(map.Apply({"mister", "x"}), Words{"x"});
  EXPECT_EQ(map.Apply({"stra\u00dfe"}), Words{"strasse"});
  EXPECT_EQ(map.Apply({}), Words{});
  EXPECT_EQ(WordMap().Apply({"a"}), Words{"a"});
  EXPECT_TRUE(WordMap(MapFile("")).Empty());
}

TEST(WordMap, BadFiles) {
  const auto error = [](const std::string &contents) -> std::string {
    try {
      WordMap map(MapFile(contents));
    } catch (const DataError &e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(error("a b\nc d\na x\n").find("map:3: 'a' stands in line 1 already"),
            std::string::npos);
  EXPECT_NE(error("a  b\tc\na b\tx\n").find("map:2: 'a b' stands in line 1"), std::string::npos);
  EXPECT_NE(error("e\u0301 x\n\u00e9 y\n").find("map:2: "), std::string::npos);
  EXPECT_NE(error("a b\n\tx\n").find("map:2: no words before the tab"), std::string::npos);
  EXPECT_NE(error("a\xff b\n").find("map:1: not UTF-8"), std::string::npos);
  EXPECT_NE(error(std::string("a\0b c\n", 6)).find("map:1: a zero byte"), std::string::npos);
  EXPECT_THROW(WordMap(TempDir() + "/absent"), Error);
}

// The definition, word for word: at each place the longest sequence.
Words Mapped(const std::vector<std::pair<Words, Words>> &rules, const Words &words) {
  Words result;
  for (size_t i = 0; i < words.size();) {
    const std::pair<Words, Words> *best = nullptr;
    for (const auto &rule : rules) {
      const size_t n = rule.first.size();
      if (i + n > words.size() ||
          !std::equal(rule.first.begin(), rule.first.end(), words.begin() + static_cast<long>(i)))
        continue;
      if (best == nullptr || n > best->first.size()) best = &rule;
    }
    if (best == nullptr) {
      result.push_back(words[i++]);
    } else {
      result.insert(result.end(), best->second.begin(), best->second.end());
      i += best->first.size();
    }
  }
  return result;
}

TEST(WordMap, EqualsItsDefinition) {
  Rng rng(5);
  const auto some = [&](int64_t least, int64_t most) {
    Words words;
    for (int64_t n = rng.UniformInt(least, most); n > 0; --n)
      words.emplace_back(1, static_cast<char>('a' + rng.UniformInt(0, 2)));
    return words;
  };
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<std::pair<Words, Words>> rules;
    std::string lines;
    for (int64_t n = rng.UniformInt(0, 6); n > 0; --n) {
      const Words from = some(1, 3), to = some(0, 3);
      if (std::any_of(rules.begin(), rules.end(), [&](const auto &r) { return r.first == from; }))
        continue;
      rules.emplace_back(from, to);
      lines += Join(from, " ") + "\t" + Join(to, " ") + "\n";
    }
    const WordMap map(MapFile(lines));
    const Words words = some(0, 10);
    EXPECT_EQ(map.Apply(words), Mapped(rules, words)) << lines;
  }
}

TEST(TextNormalizer, TheMapIsAStep) {
  const std::string path = MapFile("dont do not\nnew york\tny\n");
  EXPECT_EQ(TextNormalizer("casefold,map", path).Apply({"DONT", "New", "York"}),
            (Words{"do", "not", "ny"}));
  EXPECT_EQ(TextNormalizer("map,casefold", path).Apply({"DONT", "New", "York"}),
            (Words{"dont", "new", "york"}));
  EXPECT_EQ(TextNormalizer("nfkc,map", path).Apply({"\ufb01new\u00a0york"}),
            (Words{"finew", "york"}));
  EXPECT_THROW(TextNormalizer("lowercase,map"), UsageError);
  EXPECT_THROW(TextNormalizer("lowercase", path), UsageError);
}

TEST(TextNormalizer, HashesNameANormalisation) {
  EXPECT_EQ(TextNormalizer("none").Hash(), "");
  EXPECT_EQ(TextNormalizer("none").Label(), "none");
  const std::string lower = TextNormalizer("lowercase").Hash();
  EXPECT_EQ(lower.size(), 8u);
  EXPECT_EQ(TextNormalizer("none,lowercase").Hash(), lower);
  EXPECT_NE(TextNormalizer("casefold").Hash(), lower);
  EXPECT_NE(TextNormalizer("lowercase,nfkc").Hash(), TextNormalizer("nfkc,lowercase").Hash());
  EXPECT_EQ(TextNormalizer("lowercase").Label(), "lowercase (" + lower + ")");
  const std::string one = TextNormalizer("map", MapFile("a b\nc d e\n")).Hash();
  EXPECT_EQ(TextNormalizer("map", MapFile("c  d e\r\na\tb\n")).Hash(), one);
  EXPECT_NE(TextNormalizer("map", MapFile("a b\nc d\n")).Hash(), one);
  EXPECT_NE(TextNormalizer("map", MapFile("a\tb c\nd e\n")).Hash(), one);
}

}  // namespace
}  // namespace u2moe
