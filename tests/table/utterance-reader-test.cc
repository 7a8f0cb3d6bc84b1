#include "table/utterance-reader.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "support/test-util.h"
#include "table/live-writer.h"

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

// Each utterance piece by piece: "key: rows rows ...", or its error.
std::string ReadPieces(const std::string &text, int most) {
  const std::string path = TempDir() + "/pieces.txt";
  WriteFile(path, text);
  std::string all;
  UtteranceReader reader("ark:" + path);
  for (; !reader.Done(); reader.Next()) {
    all += (all.empty() ? "" : "; ") + reader.Key() + ":";
    try {
      Tensor piece;
      for (int i = 0; i < most && reader.InPieces() && reader.NextPiece(&piece); ++i)
        all += Cat(" ", piece.Rows());
      if (!reader.InPieces()) all += Cat(" whole ", reader.Value().Rows());
    } catch (const DataError &e) {
      all += std::string(e.what()).find("broke off") == std::string::npos ? " error" : " broken";
    }
  }
  return all;
}

TEST(UtteranceReader, PieceByPiece) {
  const std::string text =
      "u [ 1 2 ]\n"
      "a-00000001+ [ 1 2\n 3 4 ]\n"
      "a-00000002+ [ 5 6 ]\n"
      "a-00000003+ [ 7 8 ]\n"
      "b-00000001+ [ 7 ]\n"
      "b-00000001+ [ 8 ]\n"
      "v [ 1 ]\n";
  EXPECT_EQ(ReadPieces(text, 9), "u: whole 1; a: 2 1 1; b: 1; b: 1; v: whole 1");
  // One that is left before its end does not get in the way of others.
  EXPECT_EQ(ReadPieces(text, 1), "u: whole 1; a: 2; b: 1; b: 1; v: whole 1");
  EXPECT_EQ(ReadPieces(text, 0), "u: whole 1; a:; b:; b:; v: whole 1");
  EXPECT_EQ(ReadPieces("a-00000001+ [ 1 ]\na-00000003+ [ 1 ]\na-00000004+ [ 1 ]\nu [ 1 ]\n", 9),
            "a: 1 error; u: whole 1");
  EXPECT_EQ(ReadPieces("a-00000001+ [ 1 ]\na-00000002+ [ 1 2 ]\nu [ 1 ]\n", 9),
            "a: 1 error; u: whole 1");
}

TEST(LiveMatrixWriter, FilesHaveWholesAndPipesPieces) {
  const std::string file = TempDir() + "/live.txt", pipe = TempDir() + "/pipe.txt";
  for (const std::string &out : {"ark,t:" + file, "ark,t:| cat >" + pipe}) {
    LiveMatrixWriter writer(out);
    Tensor rows(2, 1);
    rows.SetZero();
    writer.Write("u", rows);
    writer.Begin("a");
    writer.Add(Tensor());  // no frames yet
    writer.Add(rows);
    writer.Add(Tensor::Zeros(1, 1));
    writer.End();
    writer.Begin("b");
    writer.Add(rows);
    writer.Abort();
    writer.Begin("c");
    writer.Abort();
    writer.Write("v", rows);
    writer.Close();
  }
  EXPECT_EQ(ReadFile(file), "u  [\n  0 \n  0 ]\na  [\n  0 \n  0 \n  0 ]\nv  [\n  0 \n  0 ]\n");
  EXPECT_EQ(ReadAll(ReadFile(pipe)), "u: 2x1 0; a: 3x1 0; b: error; v: 2x1 0");
  EXPECT_EQ(ReadPieces(ReadFile(pipe), 9), "u: whole 2; a: 2 1; b: 2 broken; v: whole 2");
}

}  // namespace
}  // namespace u2moe
