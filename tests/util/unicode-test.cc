#include "util/unicode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/error.h"
#include "base/rng.h"
#include "support/test-util.h"
#include "util/text-watch.h"
#include "util/text.h"

namespace u2moe {
namespace {

using Words = std::vector<std::string>;

std::string Encode(uint32_t c) { return EncodeUtf8({c}); }

TEST(Unicode, SplitsAndRefuses) {
  EXPECT_EQ(SplitUtf8(""), Words{});
  EXPECT_EQ(SplitUtf8("aß中😀"), (Words{"a", "ß", "中", "😀"}));
  EXPECT_EQ(EncodeUtf8(DecodeUtf8("aß中😀")), "aß中😀");
  EXPECT_EQ(DecodeUtf8("😀"), std::vector<uint32_t>{0x1F600});
  for (const char *bad :
       {"\xff", "a\x80", "\xc3", "\xe4\xb8", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xe9",
        "\xf4\x90\x80\x80", "\xf0\x80\x80\xaf", "\xc3(", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_THROW(SplitUtf8(bad), DataError) << bad;
    EXPECT_FALSE(IsValidUtf8(bad)) << Printable(bad);
    EXPECT_THROW(ToNfc(bad), DataError) << bad;
    EXPECT_THROW(ToLower(bad), DataError) << bad;
    EXPECT_THROW(FoldCase(bad), DataError) << bad;
    EXPECT_THROW(FoldWidth(bad), DataError) << bad;
    EXPECT_EQ(SplitWords(bad), Words{bad});
  }
  EXPECT_TRUE(IsValidUtf8("a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80"));
}

TEST(Unicode, EveryCodePointThereAndBack) {
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const std::string s = Encode(c) + "x";
    size_t at = 0;
    ASSERT_EQ(NextCodePoint(s, &at), static_cast<int32_t>(c));
    ASSERT_EQ(at, s.size() - 1);
    ASSERT_EQ(SplitWords("a" + s), IsWhiteSpace(c) ? (Words{"a", "x"}) : Words{"a" + s});
    ASSERT_EQ(HasWhiteSpace(s), IsWhiteSpace(c));
    ASSERT_EQ(IsSpace(s[0]), c < 0x80 && IsWhiteSpace(c)) << c;
  }
}

TEST(Unicode, WhiteSpaceIsTheProperty) {
  std::vector<uint32_t> found;
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (IsWhiteSpace(c)) found.push_back(c);
  }
  EXPECT_EQ(found, (std::vector<uint32_t>{0x9,    0xA,    0xB,    0xC,    0xD,    0x20,   0x85,
                                          0xA0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
                                          0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028,
                                          0x2029, 0x202F, 0x205F, 0x3000}));
  EXPECT_EQ(SplitWords(" \u3000a\u2028\u2028\x1c\u00a0\u200b "), (Words{"a", "\x1c", "\u200b"}));
}

TEST(Unicode, InvisibleIsWhatNobodySees) {
  for (uint32_t c : {0x0u,    0x1Cu,   0x7Fu,   0x80u,   0xADu,    0x34Fu,   0x61Cu,   0x115Fu,
                     0x180Eu, 0x200Bu, 0x200Eu, 0x202Eu, 0x2060u,  0x2066u,  0x3164u,  0xE000u,
                     0xFE0Fu, 0xFEFFu, 0xFFFEu, 0xFFFFu, 0xE0001u, 0xE0100u, 0x10FFFFu}) {
    EXPECT_TRUE(IsInvisible(c)) << CodePointName(c);
  }
  for (uint32_t c : {0x9u, 0x20u, 0x41u, 0x85u, 0xA0u, 0x301u, 0x600u, 0x6DDu, 0x200Cu, 0x200Du,
                     0x180Bu, 0x2028u, 0x3000u, 0x4E2Du, 0xFFFDu, 0x1F600u}) {
    EXPECT_FALSE(IsInvisible(c)) << CodePointName(c);
  }
}

// Classes and names are those of utils/u2moe_text.py, for all that both versions of Unicode know.
TEST(Unicode, AgreesWithPython) {
  const std::string file = TempDir() + "/unicode-table";
  if (std::system("python3 -c 'import unicodedata' 2>/dev/null") != 0) GTEST_SKIP() << "no python3";
  ASSERT_EQ(std::system(
                ("python3 '" + SourceDir() + "/tests/support/unicode_table.py' > " + file).c_str()),
            0);
  std::istringstream lines(ReadFile(file));
  std::string code, name;
  bool white_space, invisible;
  int64_t num_compared = 0;
  while (lines >> code >> white_space >> invisible >> std::ws && std::getline(lines, name)) {
    const uint32_t c = static_cast<uint32_t>(std::stoul(code, nullptr, 16));
    if (EndsWith(CodePointName(c), "(unassigned)")) continue;
    ASSERT_EQ(IsWhiteSpace(c), white_space) << name;
    ASSERT_EQ(IsInvisible(c), invisible) << name;
    // Python has no names for some scripts of ideographs.
    if (name.find(' ') != name.npos) {
      ASSERT_EQ(CodePointName(c), name);
    }
    ++num_compared;
  }
  EXPECT_GT(num_compared, 270000);
}

TEST(Unicode, Names) {
  EXPECT_EQ(CodePointName('A'), "U+0041 LATIN CAPITAL LETTER A");
  EXPECT_EQ(CodePointName(0x200B), "U+200B ZERO WIDTH SPACE");
  EXPECT_EQ(CodePointName(0xFEFF), "U+FEFF ZERO WIDTH NO-BREAK SPACE");
  EXPECT_EQ(CodePointName(7), "U+0007 (control)");
  EXPECT_EQ(CodePointName(0xE000), "U+E000 (private use)");
  EXPECT_EQ(CodePointName(0xFFFF), "U+FFFF (unassigned)");
  EXPECT_EQ(KeyProblem("spk-é_中"), "");
  EXPECT_EQ(KeyProblem("u1\u00a0A"), "U+00A0 NO-BREAK SPACE");
  EXPECT_EQ(KeyProblem("\ufeffu1"), "U+FEFF ZERO WIDTH NO-BREAK SPACE");
}

TEST(Unicode, Forms) {
  EXPECT_EQ(ToNfc("e\u0301 \u1112\u1161\u11ab"), "\u00e9 \ud55c");
  EXPECT_EQ(ToNfd("\u00e9"), "e\u0301");
  EXPECT_EQ(ToNfkc("\ufb01\u00b2\uff21"), "fi2A");
  EXPECT_EQ(ToNfc("\ufb01\uff21"), "\ufb01\uff21");
  EXPECT_EQ(ToLower("ABCxyz"), "abcxyz");
  EXPECT_EQ(ToLower("ȘẠҐҚԲꙀ\U00010400Ⴀẞ"), "șạґқբꙁ\U00010428ⴀß");
  EXPECT_EQ(ToLower("ΟΔΟΣ"), "οδος");
  EXPECT_EQ(ToLower("\u0130I"), "i\u0307i");
  EXPECT_EQ(FoldCase("Straße ΟΔΟΣ ς"), "strasse οδοσ σ");
  EXPECT_EQ(FoldWidth("ＡＢ１！ｶﾞ中"), "AB1!カ\u3099中");
  EXPECT_EQ(FoldWidth("\u00b2\ufb01"), "\u00b2\ufb01");
}

// Folding and lowering do not depend on how the text was composed, once it is composed again.
TEST(Unicode, CaseAgreesAcrossForms) {
  for (uint32_t c = 0xA0; c <= 0x1FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const std::string s = Encode(c), d = ToNfd(s);
    ASSERT_EQ(ToNfc(FoldCase(ToNfd(s))), ToNfc(FoldCase(ToNfd(ToNfc(d))))) << CodePointName(c);
  }
}

TEST(Unicode, DisplayWidth) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("中文ａ"), 6u);
  EXPECT_EQ(DisplayWidth("e\u0301\u200b"), 1u);
  EXPECT_EQ(DisplayWidth("\xff"), 1u);
}

TEST(Unicode, PrintableShowsWhatCannotBeSeen) {
  EXPECT_EQ(Printable("a\nb\x01\xff"), "a\\x0ab\\x01\\xff");
  EXPECT_EQ(Printable("é\xff中"), "é\\xff中");
  EXPECT_EQ(Printable("a\u200bb\u00a0\ufeff\u3000\u202e\u200d\U000e0001"),
            "a\\u{200B}b\\u{A0}\\u{FEFF}\\u{3000}\\u{202E}\\u{200D}\\u{E0001}");
  EXPECT_EQ(Printable("abcdef", 3), "abc...");
  EXPECT_EQ(Printable("abc", 3), "abc");
  EXPECT_EQ(Printable("中文字", 7), "中文...");
  EXPECT_EQ(Printable("中文字", 9), "中文字");
  // Whatever is cut, what is printed is UTF-8.
  Rng rng(3);
  for (int i = 0; i < 2000; ++i) {
    std::string s;
    for (int64_t n = rng.UniformInt(0, 20); n > 0; --n) {
      s += rng.Uniform() < 0.2 ? std::string(1, static_cast<char>(rng.Next()))
                               : Encode(static_cast<uint32_t>(rng.UniformInt(0, 0xD7FF)));
    }
    const std::string shown = Printable(s, static_cast<size_t>(rng.UniformInt(0, 30)));
    ASSERT_TRUE(IsValidUtf8(shown)) << shown;
    for (uint32_t c : DecodeUtf8(shown)) ASSERT_FALSE(IsInvisible(c)) << shown;
  }
}

TEST(TextWatch, TellsEachCodePointOnce) {
  TextWatch watch("ark:text");
  watch.Look("u1", "plain words");
  watch.Look("u2", "a\u200bb \u3000 c\u200b");
  watch.Look("u3", "\u200b");
  watch.Look("u4\u00a0x", "");
  watch.Look("u5", "नमस्‍ते می\u200cخواهم \xff");
  testing::internal::CaptureStderr();
  watch.Report();
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(
      said.find("U+200B ZERO WIDTH SPACE is invisible, so that words which look the same differ; "
                "remove it: 3 times, first in utterance u2\n"),
      std::string::npos)
      << said;
  EXPECT_NE(
      said.find("U+3000 IDEOGRAPHIC SPACE separates words, as a space does: 1 time, in utterance "
                "u2\n"),
      std::string::npos)
      << said;
  EXPECT_NE(
      said.find("U+00A0 NO-BREAK SPACE in the key, which ends only at a space or tab: 1 time, in "
                "utterance u4\\u{A0}x\n"),
      std::string::npos)
      << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 3) << said;
}

TEST(TextWatch, ManyKindsAreCounted) {
  TextWatch watch("ark:text");
  for (uint32_t c = 0xE000; c < 0xE040; ++c) watch.Look("u", Encode(c));
  testing::internal::CaptureStderr();
  watch.Report();
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 21) << said;
  EXPECT_NE(said.find("and 44 others"), std::string::npos) << said;
}

}  // namespace
}  // namespace u2moe
