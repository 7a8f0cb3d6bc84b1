#include "text/word-piece-model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "support/error-test.h"
#include "support/tiny-word-pieces.h"
#include "text/sentence-piece.h"

namespace u2moe {
namespace {

// The message of the DataError that a model gives; "" if it is taken.
std::string ErrorOf(const std::string &bytes) {
  try {
    ParseWordPieceModel(bytes, "tiny.model");
  } catch (const DataError &e) {
    EXPECT_EQ(std::string(e.what()).find("tiny.model: "), 0u) << e.what();
    return e.what();
  }
  return "";
}

std::string ErrorOf(const TinyModel &model) { return ErrorOf(model.Bytes()); }

std::string ErrorOfMap(const std::string &charsmap) {
  TinyModel model = TinyWordPieces();
  model.charsmap = charsmap;
  return ErrorOf(model);
}

TEST(WordPieceModel, SaysWhatItHolds) {
  const WordPieceModel model = ParseWordPieceModel(TinyWordPieces().Bytes(), "x");
  ASSERT_EQ(model.pieces.size(), TinyWordPieces().pieces.size());
  EXPECT_EQ(model.pieces[3].piece, "\u2581");
  EXPECT_EQ(model.pieces[3].score, -3);
  EXPECT_EQ(model.pieces[0].type, WordPiece::kUnknown);
  EXPECT_EQ(model.algorithm, "unigram");
  EXPECT_EQ(model.normalizer, "identity");
  TinyModel bpe = TinyWordPieces();
  bpe.algorithm = 2;
  EXPECT_EQ(ParseWordPieceModel(bpe.Bytes(), "x").algorithm, "bpe");
}

TEST(WordPieceModel, ARealOne) {
  const std::string dir = WenetBpeDir();
  if (dir.empty()) GTEST_SKIP() << "no ../shared/data/wenet-bpe";
  const std::string bytes = ReadWordPieceModel(dir + "/unigram5000.bpemodel");
  const WordPieceModel model = ParseWordPieceModel(bytes, "x");
  EXPECT_EQ(model.pieces.size(), 5000u);
  EXPECT_EQ(model.algorithm, "unigram");
  EXPECT_EQ(model.normalizer, "nmt_nfkc");
  EXPECT_EQ(model.pieces[3].piece, "\u2581THE");
}

TEST(WordPieceModel, OtherFilesAreRefused) {
  for (const char *bytes : {"", "x", "<blank> 0\n<unk> 1\n", "PK\3\4", "\x0a\xff\xff\xff\xff\x7f"})
    EXPECT_HAS(ErrorOf(std::string(bytes)), "is no SentencePiece model");
  EXPECT_THROW(ReadWordPieceModel(TempDir() + "/absent"), Error);
  EXPECT_HAS(ErrorOf(ProtoBytes(2, ProtoNumber(3, 9))), "unknown algorithm 9");
  EXPECT_HAS(ErrorOf(std::string("\x0b\x0c", 2)), "is no SentencePiece model");  // groups
}

TEST(WordPieceModel, PiecesThatSentencePieceBreaksOn) {
  const auto with = [](WordPiece piece) {
    TinyModel model = TinyWordPieces();
    model.pieces.push_back(std::move(piece));
    return ErrorOf(model);
  };
  EXPECT_HAS(with({"", 0, WordPiece::kNormal}), "piece 14 ('') is empty");
  EXPECT_HAS(with({std::string("a\0b", 3), 0, WordPiece::kNormal}), "holds a zero byte");
  EXPECT_HAS(with({"a\xff", 0, WordPiece::kNormal}), "is not UTF-8");
  EXPECT_HAS(with({std::string(200000, 'a'), 0, WordPiece::kNormal}), "has over 4096 bytes");
  EXPECT_HAS(with({"a", HUGE_VALF, WordPiece::kNormal}), "not finite");
  EXPECT_HAS(with({"a", NAN, WordPiece::kNormal}), "not finite");
  EXPECT_HAS(with({"a", 0, static_cast<WordPiece::Type>(7)}), "unknown type 7");
  EXPECT_EQ(with({std::string(4096, 'a'), 0, WordPiece::kNormal}), "");
  TinyModel nested = TinyWordPieces();
  for (size_t n = 1; n <= 32; ++n)
    nested.pieces.push_back({std::string(n, 'x'), 0, WordPiece::kUserDefined});
  EXPECT_EQ(ErrorOf(nested), "");
  nested.pieces.push_back({std::string(33, 'x'), 0, WordPiece::kUserDefined});
  EXPECT_HAS(ErrorOf(nested), "over 32 user-defined symbols begin with one another");
  TinyModel spaces = TinyWordPieces();
  spaces.escape_whitespaces = false;
  EXPECT_HAS(ErrorOf(spaces), "escape_whitespaces=false");
}

TEST(WordPieceModel, CharacterMapsThatSentencePieceBreaksOn) {
  const std::string good = TinyCharsmap({"A", "B", ""});
  EXPECT_EQ(ErrorOfMap(good), "");
  EXPECT_HAS(ErrorOfMap("abc"), "it is cut off");
  EXPECT_HAS(ErrorOfMap(good.substr(0, 2000)), "it is cut off");
  EXPECT_HAS(ErrorOfMap(good.substr(0, good.size() - 2)), "its strings do not end");
  EXPECT_HAS(ErrorOfMap(good.substr(0, 4 + 768 * 4)), "its strings do not end");
  for (const uint32_t size : {0u, 1u, 512u, 1025u, 768u * 4 - 4}) {
    std::string map = good;
    map.replace(0, 4, reinterpret_cast<const char *>(&size), 4);
    EXPECT_HAS(ErrorOfMap(map), Cat("its trie has ", size, " bytes"));
  }
  const auto with = [&](size_t unit, uint32_t value) {
    std::string map = good;
    SetUnit(&map, unit, value);
    return ErrorOfMap(map);
  };
  const uint32_t first = 512 + 'a';
  EXPECT_HAS(with(0, 0x80000000u | 0x200000u << 10), "leads out of itself");
  EXPECT_HAS(with(0, 768u << 10), "leads out of itself");
  EXPECT_HAS(with(first, 0x1FFFFFu << 10 | 512 | 'a'), "leads out of itself");
  EXPECT_HAS(with(first, (first ^ 512) << 10 | 'a'), "leads in a circle");
  EXPECT_HAS(with(first, first << 10 | 'a'), "leads in a circle");  // by way of the root
  EXPECT_HAS(with(513, 0xFFFFFFFFu), "a rule points behind its strings");
  EXPECT_HAS(with(513, 0x80000000u | 5), "a rule points behind its strings");
  EXPECT_EQ(with(513, 0x80000000u | 4), "");
  // Units that nothing leads to may be anything.
  EXPECT_EQ(with(100, 0xFFFFFFFFu), "");
  EXPECT_EQ(ErrorOfMap(TinyCharsmap(std::vector<std::string>(32, "A"))), "");
  EXPECT_HAS(ErrorOfMap(TinyCharsmap(std::vector<std::string>(33, "A"))), "more than 32 rules");
  EXPECT_EQ(ErrorOfMap(TinyCharsmap({std::string(256, 'x')})), "");
  EXPECT_HAS(ErrorOfMap(TinyCharsmap({std::string(257, 'x')})), "a rule has over 256 bytes");
  EXPECT_HAS(ErrorOfMap(TinyCharsmap({"\xc3"})), "not UTF-8");
  // The map that decoding would use is loaded as well.
  EXPECT_HAS(ErrorOf(TinyWordPieces().Bytes() + ProtoBytes(5, ProtoBytes(2, "abc"))), "cut off");
}

#ifdef U2MOE_SENTENCEPIECE

using Pieces = std::vector<std::string>;

TEST(SentencePiece, ReadsWhatWasTaken) {
  TinyModel tiny = TinyWordPieces();
  EXPECT_EQ(SentencePiece(tiny.Bytes(), "x").Encode("CAB ED XB"),
            (Pieces{"\u2581CAB", "\u2581", "ED", "\u2581", "X", "B"}));
  tiny.charsmap = TinyCharsmap({"C", "ED"});
  const SentencePiece mapped(tiny.Bytes(), "x");
  EXPECT_EQ(mapped.Encode("aAB aa aaa"),
            (Pieces{"\u2581CAB", "\u2581", "ED", "\u2581", "ED", "C"}));
  EXPECT_EQ(mapped.Encode(""), Pieces{});
  EXPECT_EQ(mapped.Encode(" \t"), (Pieces{"\u2581", "\t"}));
  EXPECT_THROW(mapped.Encode("a\xff"), DataError);
}

// What is well formed and still no model.
TEST(SentencePiece, RefusesWithItsReason) {
  TinyModel twice = TinyWordPieces();
  twice.pieces.push_back(twice.pieces.back());
  try {
    SentencePiece(twice.Bytes(), "x.model");
    ADD_FAILURE();
  } catch (const DataError &e) {
    EXPECT_HAS(std::string(e.what()), "x.model: SentencePiece refuses it (");
    EXPECT_HAS(std::string(e.what()), "already defined");
  }
  TinyModel no_unk = TinyWordPieces();
  no_unk.pieces.erase(no_unk.pieces.begin());
  EXPECT_THROW(SentencePiece(no_unk.Bytes(), "x"), DataError);
  TinyModel bytes = TinyWordPieces();
  bytes.pieces.push_back({"<0x41>", 0, WordPiece::kByte});
  EXPECT_THROW(SentencePiece(bytes.Bytes(), "x"), DataError);
}

// What passes the parser never breaks SentencePiece: damaged files of each kind.
TEST(SentencePiece, DamagedFiles) {
  std::vector<std::string> seeds;
  for (int algorithm = 1; algorithm <= 4; ++algorithm) {
    seeds.push_back(RichWordPieces(algorithm).Bytes());
  }
  Rng rng(1);
  int taken = 0, refused = 0;
  for (int n = 0; n < 2000; ++n) {
    std::string bytes = seeds[static_cast<size_t>(rng.UniformInt(0, 3))];
    for (int64_t k = rng.UniformInt(1, 3); k > 0; --k) {
      const auto at =
          static_cast<size_t>(rng.UniformInt(0, static_cast<int64_t>(bytes.size()) - 1));
      bytes[at] = static_cast<char>(rng.UniformInt(0, 255));
    }
    try {
      ParseWordPieceModel(bytes, "x");
      const SentencePiece pieces(bytes, "x");
      for (const char *text : {"CAB ED aaaa aa EE DE", "\u2581\u2581 \u4e2d ab", ""})
        pieces.Encode(text);
      ++taken;
    } catch (const DataError &) {
      ++refused;
    }
  }
  EXPECT_GT(taken, 100);
  EXPECT_GT(refused, 100);
}

#endif

}  // namespace
}  // namespace u2moe
