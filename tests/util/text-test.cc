#include "util/text.h"

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/rng.h"
#include "support/error-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Words = std::vector<std::string>;

TEST(Text, Splits) {
  for (auto split : {SplitFields, SplitWords}) {
    EXPECT_EQ(split("  a\tbc \r\n"), (Words{"a", "bc"}));
    EXPECT_EQ(split(" \n"), Words{});
  }
  EXPECT_EQ(Split("a,,b", ','), (Words{"a", "", "b"}));
  EXPECT_EQ(Split("", ','), Words{""});
  EXPECT_EQ(Join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(Trim(" \ta b\n"), "a b");
  EXPECT_EQ(Trim("  "), "");
}

TEST(Text, UnicodeSpacesSeparateWordsNotFields) {
  EXPECT_EQ(SplitFields("a\u00a0z \u3000"), (Words{"a\u00a0z", "\u3000"}));
  EXPECT_EQ(SplitWords("a\u00a0z \u3000"), (Words{"a", "z"}));
}

TEST(Text, ParsesIntegersStrictly) {
  int32_t i = 0;
  EXPECT_TRUE(ParseNumber("-2147483648", &i));
  EXPECT_EQ(i, std::numeric_limits<int32_t>::min());
  EXPECT_TRUE(ParseNumber("+7", &i));
  EXPECT_EQ(i, 7);
  for (const char *bad : {"", "+", "-", "+-1", "1.0", "1 ", " 1", "0x10", "2147483648", "1e3"}) {
    EXPECT_FALSE(ParseNumber(bad, &i)) << bad;
  }
  int64_t j = 0;
  EXPECT_TRUE(ParseNumber("9223372036854775807", &j));
  EXPECT_FALSE(ParseNumber("9223372036854775808", &j));
}

TEST(Text, ParsesReals) {
  float f = 0;
  EXPECT_TRUE(ParseNumber("1.5e2", &f));
  EXPECT_EQ(f, 150);
  EXPECT_TRUE(ParseNumber("-Inf", &f));
  EXPECT_EQ(f, -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(ParseNumber("NaN", &f));
  EXPECT_TRUE(std::isnan(f));
  EXPECT_TRUE(ParseNumber("1e-50", &f));
  EXPECT_EQ(f, 0);
  EXPECT_TRUE(ParseNumber("-1e-40", &f));
  EXPECT_LT(f, 0);
  for (const char *bad : {"", ".", "1,5", "1.5x", "1e39", "-1e39", "0x1p3", "1 2"}) {
    EXPECT_FALSE(ParseNumber(bad, &f)) << bad;
  }
  double d = 0;
  EXPECT_TRUE(ParseNumber("1e39", &d));
  EXPECT_EQ(d, 1e39);
  EXPECT_TRUE(ParseNumber("1e-400", &d));
  EXPECT_EQ(d, 0);
  EXPECT_FALSE(ParseNumber("1e400", &d));
}

template <class Real, class Bits>
void RoundTrip(uint64_t seed) {
  Rng rng(seed);
  for (int i = 0; i < 20000; ++i) {
    const Bits bits = static_cast<Bits>(rng.Next());
    Real x, y = 0;
    std::memcpy(&x, &bits, sizeof(x));
    ASSERT_TRUE(ParseNumber(NumberToString(x), &y)) << NumberToString(x);
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(y));
    } else {
      ASSERT_EQ(x, y) << NumberToString(x);
      ASSERT_EQ(std::signbit(x), std::signbit(y));
    }
  }
}

TEST(Text, RealsOfRandomBitsRoundTrip) {
  RoundTrip<float, uint32_t>(1);
  RoundTrip<double, uint64_t>(2);
  EXPECT_EQ(NumberToString(0.1f), "0.1");
  EXPECT_EQ(NumberToString(-0.0f), "-0");
  EXPECT_EQ(NumberToString(-std::nanf("")), "nan");
}

TEST(Text, NumbersDoNotFollowTheLocale) {
  const std::string place = TempDir() + "/locales";
  // Few systems have this locale, but all that have localedef can make it.
  const std::string make = "mkdir " + place + " && localedef -i de_DE -f UTF-8 " + place +
                           "/de_DE.UTF-8 >/dev/null 2>&1";
  if (std::system(make.c_str()) == 0) setenv("LOCPATH", place.c_str(), 1);
  const bool made = std::setlocale(LC_ALL, "de_DE.UTF-8") != nullptr;
  unsetenv("LOCPATH");
  if (!made) GTEST_SKIP() << "localedef cannot make de_DE.UTF-8 (package locales)";
  ASSERT_STREQ(std::localeconv()->decimal_point, ",");
  float f = 0;
  EXPECT_TRUE(ParseNumber("1.5", &f));
  EXPECT_EQ(NumberToString(1.5f), "1.5");
  EXPECT_FALSE(ParseNumber("1,5", &f));
  std::setlocale(LC_ALL, "C");
}

TEST(Text, ReadsTables) {
  const std::string path = TempDir() + "/table";
  WriteFile(path, "\xef\xbb\xbfu1 sp\xc3\xa9 a\r\n\n  u2\tx  y \nu3 z w");
  const std::vector<TableLine> table = ReadTable(path, 2, 2);
  ASSERT_EQ(table.size(), 3u);
  EXPECT_EQ(table[0].key, "u1");
  EXPECT_EQ(table[0].values, (Words{"sp\xc3\xa9", "a"}));
  EXPECT_EQ(table[1].values, (Words{"x", "y"}));
  EXPECT_EQ(table[2].line, 4);
  // Values are separated by Unicode's white space, lines end at \n only.
  WriteFile(path,
            "u1 a\u00a0b\u2028c\u0085d\x0b"
            "e\n");
  EXPECT_EQ(ReadTable(path)[0].values, (Words{"a", "b", "c", "d", "e"}));
  WriteFile(path, "\u3000 1\n\u200b 2\n");
  EXPECT_EQ(ReadTable(path, 1, 1, TableKeys::kSymbols)[0].key, "\u3000");
  WriteFile(path, "");
  EXPECT_TRUE(ReadTable(path).empty());
}

TEST(Text, TableErrorsNameFileAndLine) {
  const std::string path = TempDir() + "/bad-table";
  WriteFile(path, "a 1\nb\n");
  EXPECT_NE(ErrorOf([&] { ReadMap(path); }).find(path + ":2: expected a key and 1 value"),
            std::string::npos);
  WriteFile(path, "a 1\n\na 2\n");
  EXPECT_NE(ErrorOf([&] { ReadMap(path); }).find(":3: key 'a' was already in line 1"),
            std::string::npos);
  WriteFile(path, "a caf\xe9\n");
  EXPECT_NE(ErrorOf([&] { ReadTable(path); }).find(":1: not UTF-8"), std::string::npos);
  for (const auto &[key, name] : {std::pair("u1\u00a0A", "U+00A0 NO-BREAK SPACE"),
                                  std::pair("\u200bu1", "U+200B ZERO WIDTH SPACE"),
                                  std::pair("u\u00ad1", "U+00AD SOFT HYPHEN")}) {
    WriteFile(path, std::string("u0 x\n") + key + " y\n");
    EXPECT_NE(ErrorOf([&] { ReadMap(path); }).find(std::string("' holds ") + name),
              std::string::npos)
        << ErrorOf([&] { ReadMap(path); });
  }
  EXPECT_NE(ErrorOf([&] { ReadTable(path + ".absent"); }).find(path + ".absent"),
            std::string::npos);
}

}  // namespace
}  // namespace u2moe
