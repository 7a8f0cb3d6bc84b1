#include "util/text.h"

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>

#include "base/error.h"
#include "base/rng.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Words = std::vector<std::string>;

std::string ErrorOf(const std::function<void()> &fn) {
  try {
    fn();
  } catch (const Error &e) {
    return e.what();
  }
  return "";
}

TEST(Text, Splits) {
  EXPECT_EQ(SplitWords("  a\tbc \r\n"), (Words{"a", "bc"}));
  EXPECT_EQ(SplitWords(" \n"), Words{});
  EXPECT_EQ(Split("a,,b", ','), (Words{"a", "", "b"}));
  EXPECT_EQ(Split("", ','), Words{""});
  EXPECT_EQ(Join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(Trim(" \ta b\n"), "a b");
  EXPECT_EQ(Trim("  "), "");
}

TEST(Text, UnicodeSpacesArePartOfWords) {
  EXPECT_EQ(SplitWords("a\xc2\xa0z \xe3\x80\x80"), (Words{"a\xc2\xa0z", "\xe3\x80\x80"}));
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

TEST(Text, ChecksUtf8) {
  EXPECT_TRUE(IsValidUtf8("a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80"));
  for (const char *bad :
       {"\xe9", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe4\xbd", "\x80"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << Printable(bad);
  }
  EXPECT_EQ(Printable("a\nb\x01\xff"), "a\\x0ab\\x01\\xff");
  EXPECT_EQ(Printable("abcdef", 3), "abc...");
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
  EXPECT_NE(ErrorOf([&] { ReadTable(path + ".absent"); }).find(path + ".absent"),
            std::string::npos);
}

}  // namespace
}  // namespace u2moe
