#include "lm/arpa-reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/error-test.h"
#include "util/text.h"

namespace u2moe {
namespace {

const char kSmall[] =
    "\\data\\\nngram 1=4\nngram 2=3\n\n\\1-grams:\n-1.5\t<s>\t-0.25\n-0.5\t</s>\n-0.75\ta\t-0.125\n"
    "-1\t<unk>\n\n\\2-grams:\n-0.25\t<s> a\n-0.5\ta a\n-0.75 a </s>\n\n\\end\\\n";

std::string Write(const std::string &text) {
  WriteFile(File("x.arpa"), text);
  return File("x.arpa");
}

// kSmall with one change.
std::string Changed(const std::string &from, const std::string &to) {
  std::string s = kSmall;
  const size_t at = s.find(from);
  EXPECT_NE(at, s.npos) << from;
  return s.replace(at, from.size(), to);
}

// Every n-gram in one line, and the number of words at the end.
std::string ReadAll(const std::string &rxfilename) {
  ArpaReader reader(rxfilename);
  std::string out;
  ArpaNgram n;
  while (reader.Next(&n)) {
    out += Cat(n.line, ":", n.log10_prob);
    for (const int32_t w : n.words) out += " " + reader.Words().Word(w);
    out += Cat(" ", n.log10_backoff, "\n");
  }
  EXPECT_FALSE(reader.Next(&n));
  return out + Cat(reader.Bos(), " ", reader.Eos(), " ", reader.Unk(), " rounded ",
                   reader.RoundedDown(), "\n");
}

std::string ErrorIn(const std::string &text) {
  return ErrorOf([&] { ReadAll(Write(text)); });
}

TEST(ArpaReader, ReadsWhatIsThere) {
  const std::string expected =
      "6:-1.5 <s> -0.25\n7:-0.5 </s> 0\n8:-0.75 a -0.125\n9:-1 <unk> 0\n12:-0.25 <s> a 0\n"
      "13:-0.5 a a 0\n14:-0.75 a </s> 0\n0 1 3 rounded 0\n";
  EXPECT_EQ(ReadAll(Write(kSmall)), expected);
  EXPECT_EQ(ReadAll("cat " + Write(kSmall) + " |"), expected);
  WriteFile(File("small"), kSmall);
  EXPECT_EQ(ReadAll("gzip -c " + File("small") + " | gunzip -c |"), expected);
  // A preamble, carriage returns, and the spaces of irstlm.
  std::string s = Changed("ngram 1=4", "ngram  1=         4");
  for (size_t i = 0; (i = s.find('\n', i)) != s.npos; i += 2) s.replace(i, 1, "\r\n");
  EXPECT_EQ(ReadAll(Write(s)), expected);
  EXPECT_HAS(ReadAll(Write("\xef\xbb\xbfmade by hand\n\n" + std::string(kSmall))), "8:-1.5 <s>");
  EXPECT_HAS(ReadAll(Write(Changed("-1.5\t<s>", "-inf\t<s>"))), "6:-99 <s>");
  EXPECT_HAS(ReadAll(Write(Changed("<unk>", "<UNK>"))), "0 1 3 rounded 0");
  EXPECT_HAS(ReadAll(Write(Changed("<unk>", "b"))), "0 1 -1 rounded 0");
  EXPECT_HAS(ReadAll(Write(Changed("-0.5\ta a", "1e-7 a a"))), "13:0 a a 0\n");
  EXPECT_HAS(ReadAll(Write(Changed("-0.5\ta a", "1e-7 a a"))), "rounded 1");
  EXPECT_HAS(ReadAll(Write(Changed("ngram 2=3", "ngram 2=3\nngram 3=0"))), "0 1 3");
}

TEST(ArpaReader, UnigramsAloneAreAModel) {
  EXPECT_EQ(ReadAll(Write("\\data\\\nngram 1=2\n\\1-grams:\n-0.1 </s>\n-99 <s>\n\\end\\")),
            "4:-0.1 </s> 0\n5:-99 <s> 0\n1 0 -1 rounded 0\n");
}

TEST(ArpaReader, ErrorsNameTheLineAndSayWhatToDo) {
  const struct {
    const char *from, *to, *line, *message;
  } kCases[] = {
      {"\\data\\\n", "\\date\\\n", "", "'\\1-grams:' before \\data\\"},
      {"\\data\\\n", "iARPA\n\n\\data\\\n", ":1: ", "compile-lm FILE --text=yes"},
      {"\\data\\\n", "blmt 3 12 20 21\n", ":1: ", "compiled model of irstlm"},
      {"\\data\\\n", "mmap lm http://kheafield.com/code\n", ":1: ", "compiled model of KenLM"},
      {"\\data\\\n", "\x1f\x8b\x08\n", ":1: ", "gunzip -c FILE |"},
      {"ngram 1=4\nngram 2=3\n", "", ":3: ", "no line such as 'ngram 1=1000'"},
      {"ngram 1=4\n", "", ":2: ", "the count of order 2 where that of order 1 belongs"},
      {"ngram 2=3\n", "ngram 2=3\nngram 2=3\n", ":4: ", "order 2 where that of order 3"},
      {"ngram 1=4", "ngram 1=four", ":2: ", "'ngram 1=four'"},
      {"ngram 1=4", "ngram 1=-4", ":2: ", "'ngram 1=-4'"},
      {"ngram 1=4", "ngram 1 4", ":2: ", "'ngram 1 4'"},
      {"ngram 1=4", "ngram 1=99999999999999999999", ":2: ", "expected a line such as"},
      {"ngram 1=4", "ngram 1=5",
       ":11: ", "\\1-grams: ends here with 4 n-grams, but \\data\\ says ngram 1=5"},
      {"ngram 1=4", "ngram 1=3", ":9: ", "more than the 3 n-grams"},
      {"ngram 2=3", "ngram 2=9223372036854775807", ":16: ", "ends here with 3 n-grams"},
      {"ngram 2=3", "ngram 2=2", ":14: ", "more than the 2 n-grams"},
      {"ngram 2=3", "ngram 2=3\nngram 3=1", ":17: ", "expected \\3-grams:, of which"},
      {"\\1-grams:", "\\2-grams:", ":5: ", "expected \\1-grams:"},
      {"\\2-grams:", "\\1-grams:", ":11: ", "does not follow here"},
      {"\\2-grams:", "\\3-grams:", ":11: ", "does not follow here"},
      {"\\2-grams:", "\\two-grams:", ":11: ", "expected \\2-grams: or \\end\\"},
      {"\n\\2-grams:", "", ":11: ", "more than the 4 n-grams"},
      {"\\end\\\n", "", ":15: ", "ends without \\end\\"},
      {"\\end\\", "\\end\\\n\\data\\", ":17: ", "after \\end\\; is this two models in one?"},
      {"-0.75\ta\t", "nan\ta\t", ":8: ", "probability 'nan' is not a number"},
      {"-0.75\ta\t", "minus\ta\t", ":8: ", "probability 'minus' is not a number"},
      {"-0.75\ta\t", "0.1\ta\t", ":8: ", "is above 1"},
      {"-0.75\ta\t", "inf\ta\t", ":8: ", "probability 'inf' is infinite"},
      {"-0.75\ta\t", "-1e300\ta\t", ":8: ", "out of range"},
      {"a\t-0.125", "a\tnan", ":8: ", "back-off weight 'nan'"},
      {"a\t-0.125", "a\t-0.125\t1", ":8: ", "found 4 fields"},
      {"-0.75\ta\t-0.125", "-0.75", ":8: ", "found 1 fields"},
      {"-1\t<unk>", "-1\ta", ":9: ", "the 1-gram 'a' occurs a second time"},
      {"a </s>", "b </s>", ":14: ", "'b' is not among the 1-grams"},
      {"-1\t<unk>", "-1\t\xff", ":9: ", "not UTF-8: '\\xff'"},
      {"<s>\t-0.25", "<S>\t-0.25", ":11: ", "without <s>"},
      {"-0.5\t</s>", "-0.5\t<e>", ":11: ", "without </s>"},
  };
  for (const auto &c : kCases) {
    const std::string e = ErrorIn(Changed(c.from, c.to));
    EXPECT_HAS(e, File("x.arpa") + c.line) << c.to;
    EXPECT_HAS(e, c.message) << c.to;
  }
  EXPECT_HAS(ErrorIn(""), "no line \\data\\");
  EXPECT_HAS(ErrorIn("\\data\\\nngram 1=2\n"), "is it cut off?");
  EXPECT_HAS(ErrorIn("\\data\\\nngram 1=1\n\\1-grams:\n-1 a\n\\end\\"), "without <s>");
  EXPECT_HAS(ErrorIn("\\data\\\nngram 1=0\n\\end\\"), "without <s>");
  EXPECT_HAS(ErrorIn(std::string(100000, 'x')), "more than 65536 bytes");
  EXPECT_HAS(ErrorIn(std::string(4, '\0') + "\n\\data\\\n"), "zero byte");
  EXPECT_HAS(ErrorOf([] { ReadAll("false |"); }), "false");
  std::string seventeen = "\\data\\\n";
  for (int n = 1; n <= 17; ++n) seventeen += Cat("ngram ", n, "=1\n");
  EXPECT_HAS(ErrorIn(seventeen), "at most 16");
}

// Wherever a file is cut, the reader says so.
TEST(ArpaReader, EveryBeginningOfAFileIsAnError) {
  const std::string whole = kSmall;
  for (size_t size = 0; size + 1 < whole.size(); ++size) {
    EXPECT_NE(ErrorIn(whole.substr(0, size)), "(no error)") << size;
  }
}

}  // namespace
}  // namespace u2moe
