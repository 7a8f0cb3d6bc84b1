#include "table/utterance-reader.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(LivePiece, KeysThereAndBack) {
  EXPECT_EQ((LivePiece{"live", 1}.Key()), "live-00000001+");
  for (const auto &[utterance, number] : {std::pair<std::string, int64_t>{"a", 1},
                                          {"a-b-00000002+", 99999999},
                                          {"x-", 123456789012}}) {
    const auto piece = LivePiece::Parse(LivePiece{utterance, number}.Key());
    ASSERT_TRUE(piece.has_value()) << utterance;
    EXPECT_EQ(piece->utterance, utterance);
    EXPECT_EQ(piece->number, number);
  }
  for (const char *key :
       {"live-00000001", "live-0000001+", "-00000001+", "live00000001+", "+", "a+", "a-+",
        "a-0000000x+", "live-00000001+ ", "", "-", "a-99999999999999999999999999+"}) {
    EXPECT_FALSE(LivePiece::Parse(key).has_value()) << key;
    EXPECT_NO_THROW(RefuseLivePiece(key));
  }
  EXPECT_THROW(RefuseLivePiece("a-00000002+"), Error);
}

// "key: rows x cols sum" of each utterance, or its error.
std::string ReadAll(const std::string &text, bool take_every_value = true) {
  const std::string path = TempDir() + "/pieces.txt";
  WriteFile(path, text);
  std::string all;
  int n = 0;
  UtteranceReader reader("ark:" + path);
  for (; !reader.Done(); reader.Next()) {
    all += (all.empty() ? "" : "; ") + reader.Key();
    if (!take_every_value && n++ % 2 == 0) continue;
    try {
      const Tensor &x = reader.Value();
      double sum = 0;
      for (int64_t i = 0; i < x.Size(); ++i) sum += x.Data()[i];
      all += Cat(": ", x.Rows(), "x", x.Cols(), " ", sum);
    } catch (const DataError &) {
      all += ": error";
    }
  }
  reader.Close();
  return all;
}

TEST(UtteranceReader, JoinsWhatBelongsTogether) {
  const std::string text =
      "u [ 1 2 ]\n"
      "a-00000001+ [ 1 2\n 3 4 ]\n"
      "a-00000002+ [ 5 6 ]\n"
      "b-00000001+ [ 7 ]\n"
      "b-00000001+ [ 8 ]\n"  // begins anew
      "v-00000001 [ 1 ]\n"
      "c-00000001+ [ 1 ]\n";
  EXPECT_EQ(ReadAll(text), "u: 1x2 3; a: 3x2 21; b: 1x1 7; b: 1x1 8; v-00000001: 1x1 1; c: 1x1 1");
  EXPECT_EQ(ReadAll(text, false), "u; a: 3x2 21; b; b: 1x1 8; v-00000001; c: 1x1 1");
  EXPECT_EQ(ReadAll(""), "");
}

TEST(UtteranceReader, ABadPieceFailsItsRecordingAlone) {
  EXPECT_EQ(ReadAll("a-00000002+ [ 1 ]\na-00000003+ [ 1 ]\nb-00000001+ [ 1 ]\n"),
            "a: error; b: 1x1 1");
  EXPECT_EQ(ReadAll("a-00000001+ [ 1 ]\na-00000003+ [ 1 ]\na-00000004+ [ 1 ]\nu [ 1 ]\n"),
            "a: error; u: 1x1 1");
  EXPECT_EQ(ReadAll("a-00000001+ [ 1 ]\na-00000002+ [ 1 2 ]\nu [ 1 ]\n"), "a: error; u: 1x1 1");
  EXPECT_EQ(ReadAll("a-00000001+ [ 1 ]\na-00000002+ [ x ]\na-00000003+ [ 1 ]\nu [ 1 ]\n"),
            "a: error; u: 1x1 1");
  // The pieces of two recordings must not mix.
  EXPECT_EQ(ReadAll("a-00000001+ [ 1 ]\nb-00000001+ [ 1 ]\na-00000002+ [ 1 ]\n"),
            "a: 1x1 1; b: 1x1 1; a: error");
}

}  // namespace
}  // namespace u2moe
