#include "pipeline/nbest-table.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Hyps = std::vector<std::vector<int32_t>>;

NbestTable Make(const std::string &tokens, const std::string &scores) {
  const std::string base = TempDir() + "/nbest";
  WriteFile(base + ".tokens", tokens);
  WriteFile(base + ".scores", scores);
  return NbestTable("ark,t:" + base + ".tokens", "ark,t:" + base + ".scores");
}

std::string Failure(NbestTable *table, const std::string &utterance) {
  try {
    table->Take(utterance);
  } catch (const DataError &e) {
    return e.what();
  }
  return "no DataError";
}

TEST(NbestTable, AnyOrder) {
  std::string tokens, scores;
  for (int n = 11; n >= 1; --n) {
    for (const char *utt : {"spk-1", "spk", "b"}) {
      tokens += std::string(utt) + "-" + std::to_string(n) +
                (n == 3 ? "" : " " + std::to_string(n)) + "\n";
      scores =
          std::string(utt) + "-" + std::to_string(n) + " [ -" + std::to_string(n) + " ]\n" + scores;
    }
  }
  NbestTable table = Make(tokens, scores);
  for (const char *utt : {"spk", "spk-1"}) {
    const NbestList list = table.Take(utt);
    ASSERT_EQ(list.hyps.size(), 11u) << utt;
    for (int n = 1; n <= 11; ++n) {
      const auto i = static_cast<size_t>(n - 1);
      EXPECT_EQ(list.hyps[i], n == 3 ? Hyps::value_type() : Hyps::value_type{n});
      EXPECT_EQ(list.scores[i], -n);
    }
  }
  EXPECT_EQ(table.Rest(), std::vector<std::string>{"b"});
  EXPECT_NE(Failure(&table, "c").find("neither 'c-1' nor 'c'"), std::string::npos);
}

TEST(NbestTable, OneBest) {
  NbestTable plain = Make("a 1 2\na-1 3\nc 4\n", "c [ -3 ]\na [ -1 ]\na-1 [ -2 ]\n");
  EXPECT_EQ(plain.Take("a").hyps, (Hyps{{1, 2}}));
  EXPECT_EQ(plain.Take("a-1").hyps, (Hyps{{3}}));
  EXPECT_EQ(plain.Rest(), std::vector<std::string>{"c"});
  // Utterances whose own names end in numbers.
  NbestTable numbered = Make("utt-1 1\nutt-2 2\n", "utt-1 [ -1 ]\nutt-2 [ -2 ]\n");
  EXPECT_EQ(numbered.Take("utt-2").hyps, (Hyps{{2}}));
  EXPECT_EQ(numbered.Take("utt-1").scores, std::vector<double>{-1});
  EXPECT_TRUE(numbered.Rest().empty());
}

TEST(NbestTable, BadLists) {
  NbestTable table =
      Make("gap-1 1\ngap-3 1\nnoscore-1 1\nnoscore-2 1\ntwice-1 1\ntwice-1 1\nbad-1 x\nlong-1 1\n",
           "gap-1 [ -1 ]\ngap-3 [ -1 ]\nnoscore-1 [ -1 ]\nnotokens-1 [ -1 ]\n"
           "twice-1 [ -1 ]\nbad-1 [ -1 ]\nlong-1 [ -1 -2 ]\n");
  EXPECT_NE(Failure(&table, "gap").find("'gap-2'"), std::string::npos);
  EXPECT_NE(Failure(&table, "noscore").find("'noscore-2'"), std::string::npos);
  EXPECT_NE(Failure(&table, "notokens").find("'notokens-1'"), std::string::npos);
  EXPECT_NE(Failure(&table, "twice").find("twice"), std::string::npos);
  EXPECT_NE(Failure(&table, "bad").find("bad-1"), std::string::npos);
  EXPECT_NE(Failure(&table, "long").find("2 scores"), std::string::npos);
  EXPECT_TRUE(table.Rest().empty());
}

}  // namespace
}  // namespace u2moe
