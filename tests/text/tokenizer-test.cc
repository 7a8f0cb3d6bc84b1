#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "support/tiny-word-pieces.h"
#include "util/text.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;
using Words = std::vector<std::string>;

// The units of the tiny model as WeNet has them, with a Chinese character, a symbol, and a run that
// is no piece.
UnitTable TinyUnits() {
  Words units = {"<blank>", "<unk>"};
  for (const WordPiece &p : TinyWordPieces().pieces) {
    if (p.type == WordPiece::kNormal) units.push_back(p.piece);
  }
  for (const char *more : {"\u4e2d", "{NOISE}", "XX", "<sos/eos>"}) units.emplace_back(more);
  return UnitTable(units);
}

// "word:first-last": the tokens of each word.
Words Spans(const Tokenizer &tokenizer, const Ids &ids) {
  Words spans;
  for (const TokenWord &word : tokenizer.DecodeWords(ids))
    spans.push_back(Cat(word.text, ":", word.begin, "-", word.end - 1));
  return spans;
}

std::unique_ptr<Tokenizer> Make(UnitTable units, const std::string &model,
                                const TokenizerOptions &options = {}, bool encoding = true) {
  return MakeTokenizer(std::move(units), "units.txt", model, "tiny.model", options, encoding);
}

TEST(Tokenizer, Letters) {
  const auto letters = Make(UnitTable({"<blank>", "A", "{NOISE}", UnitTable::kSpace, "B"}), "");
  EXPECT_EQ(letters->Encode({"AB", "A"}, -1), (Ids{1, 4, 3, 1}));
  EXPECT_EQ(letters->Decode({1, 4, 3, 1}), (Words{"AB", "A"}));
  EXPECT_EQ(Spans(*letters, {3, 1, 4, 3, 3, 1}), (Words{"AB:1-2", "A:5-5"}));
  EXPECT_THROW(letters->Encode({"A{NOISE}"}, -1), DataError);
}

TEST(Tokenizer, SymbolsAmongLetters) {
  TokenizerOptions options;
  options.non_lang_syms = TempDir() + "/symbols";
  const UnitTable units({"<blank>", "A", "{NOISE}", "[A B]", UnitTable::kSpace, "B", "<", ">"});
  WriteFile(options.non_lang_syms, "{NOISE}\n");
  const auto letters = Make(units, "", options);
  EXPECT_EQ(letters->Encode({"A", "{NOISE}", "B"}, -1), (Ids{1, 2, 5}));
  EXPECT_EQ(letters->Encode({"A{NOISE}{NOISE}", "B", "A"}, -1), (Ids{1, 2, 2, 5, 4, 1}));
  EXPECT_EQ(letters->Encode({"A", "<B>", "A"}, -1), (Ids{1, 6, 5, 7, 1}));  // as WeNet parts it
  EXPECT_EQ(letters->Encode({"<"}, -1), Ids{6});
  EXPECT_EQ(letters->Encode({"<>"}, -1), (Ids{6, 7}));
  EXPECT_EQ(letters->Encode({"<", "{NOISE}"}, -1), (Ids{6, 2}));
  EncodeNotes notes;
  EXPECT_EQ(letters->Encode({"X{NOISE}Y"}, 0, &notes), (Ids{0, 2, 0}));
  EXPECT_EQ(notes.unknown.size(), 2u);
  WriteFile(options.non_lang_syms, "NOISE\n");
  EXPECT_HAS(ErrorOf([&] { Make(units, "", options); }), "symbols:1: 'NOISE' is no symbol");
  WriteFile(options.non_lang_syms, "{NOISE}\n{X}\n");
  EXPECT_HAS(ErrorOf([&] { Make(units, "", options); }),
             "symbols:2: '{X}' is not in the unit table");
}

TEST(Tokenizer, WordPiecesNeedAModelToEncode) {
  EXPECT_HAS(ErrorOf([] { Make(TinyUnits(), ""); }), "give the SentencePiece model");
  const auto decoder = Make(TinyUnits(), "", {}, false);
  EXPECT_EQ(decoder->Decode({8, 4, 11, 2, 12}), (Words{"AB", "CAB", "ED"}));
  EXPECT_EQ(Make(TinyUnits(), TinyWordPieces().Bytes(), {}, false)->Decode({8, 4}), Words{"AB"});
  EXPECT_EQ(Spans(*decoder, {8, 4, 11, 2, 12}), (Words{"AB:0-1", "CAB:2-2", "ED:4-4"}));
  EXPECT_EQ(decoder->Decode({}), Words{});
  EXPECT_EQ(decoder->Decode({2, 2}), Words{});
  EXPECT_EQ(decoder->Decode({13, 8, 1, 16}), (Words{"\u4e2d", "A<unk><sos/eos>"}));
  EXPECT_THROW(decoder->Decode({17}), DataError);
  EXPECT_THROW(decoder->Decode({-1}), DataError);
  // Not marked as SentencePiece's: how they join is not known.
  EXPECT_THROW(Make(UnitTable({"<blank>", "A", "THE"}), "", {}, false), Error);
}

TEST(Tokenizer, BytesAreJoined) {
  TinyModel model = TinyWordPieces();
  model.byte_fallback = true;
  Words list = {"<blank>", "\u2581A"};
  for (const WordPiece &p : ParseWordPieceModel(model.Bytes(), "x").pieces) {
    if (p.type == WordPiece::kByte) list.push_back(p.piece);
  }
  ASSERT_EQ(list.size(), 258u);
  const auto decoder = Make(UnitTable(list), "", {}, false);
  EXPECT_EQ(decoder->Decode({1, 2 + 0xC3, 2 + 0x96, 1}), (Words{"A\u00d6", "A"}));
  EXPECT_EQ(decoder->Decode({1, 2 + 0xC3, 1, 2 + 'x'}), (Words{"A\uFFFD", "Ax"}));
  EXPECT_EQ(Spans(*decoder, {1, 2 + 0xC3, 2 + 0x96, 1}), (Words{"A\u00d6:0-2", "A:3-3"}));
  EXPECT_EQ(Spans(*decoder, {2 + ' ', 2 + 0xC3, 1, 2 + 'x'}), (Words{"\uFFFD:1-1", "Ax:2-3"}));
  list.pop_back();  // bytes only where all are there
  EXPECT_EQ(Make(UnitTable(list), "", {}, false)->Decode({1, 2 + 'x'}), Words{"A<0x78>"});
}

TEST(Tokenizer, ModelsThatDoNotFit) {
  const std::string model = TinyWordPieces().Bytes();
  const auto error = [&](const Words &units) {
    return ErrorOf([&] { CheckWordPieces(UnitTable(units), "units.txt", model, "tiny.model"); });
  };
  EXPECT_EQ(error(TinyUnits().Units()), "(no error)");
  testing::internal::CaptureStderr();
  EXPECT_EQ(error({"<blank>", "<unk>", "\u2581A", "<sos/eos>"}), "(no error)");
  EXPECT_HAS(testing::internal::GetCapturedStderr(),
             "only 1 of its 11 pieces are units of units.txt");
  EXPECT_HAS(error({"<blank>", "<unk>", "x", "y"}),
             "tiny.model: none of its 14 pieces is a unit of units.txt");
  EXPECT_HAS(error({"<blank>", "A", "\u2581THE"}),
             "tiny.model: the unit '\u2581THE' of units.txt is none of its pieces");
  EXPECT_THROW(CheckWordPieces(TinyUnits(), "u", "garbage", "m"), DataError);
  TokenizerOptions options;
  options.space_unit = "|";
  EXPECT_THROW(Make(TinyUnits(), model, options), UsageError);
  options = {};
  options.bpe_case = "lower";
  EXPECT_THROW(Make(TinyUnits(), model, options), UsageError);
}

#ifndef U2MOE_SENTENCEPIECE

TEST(Tokenizer, WithoutSentencePiece) {
  try {
    Make(TinyUnits(), TinyWordPieces().Bytes());
    ADD_FAILURE();
  } catch (const UsageError &e) {
    EXPECT_HAS(std::string(e.what()), "libsentencepiece-dev");
  }
}

#else

TEST(Tokenizer, WordPieces) {
  const std::string model = TinyWordPieces().Bytes();
  const auto pieces = Make(TinyUnits(), model);
  // By id: 2 ▁, 3 A, 4 B, 5 C, 6 D, 7 E, 8 ▁A, 9 ▁B, 10 AB, 11 ▁CAB, 12 ED, 13 中, 14 {NOISE}, 15
  // XX.
  EXPECT_EQ(pieces->Encode({"CAB", "ED"}, -1), (Ids{11, 2, 12}));
  EXPECT_EQ(pieces->Encode({}, -1), Ids{});
  EXPECT_EQ(pieces->Encode({"cab", "Ed"}, -1), (Ids{11, 2, 12})) << "no piece has small letters";
  EXPECT_EQ(pieces->Encode({"A\u4e2dB"}, -1), (Ids{8, 13, 9}));
  EXPECT_EQ(pieces->Encode({"\u4e2d\u4e2d", "A"}, -1), (Ids{13, 13, 8}));
  EXPECT_EQ(pieces->Encode({"\u4e2d", "\u4e2d"}, -1), (Ids{13, 13}));
  EXPECT_EQ(pieces->Encode({"AXXA"}, -1), (Ids{8, 15, 3})) << "a run that is a unit, but no piece";
  EXPECT_EQ(pieces->Encode({"AXXXA"}, 1), (Ids{8, 1, 3}));
  EXPECT_THROW(pieces->Encode({"A\xff"}, 1), DataError);
  for (const Words &words : {Words{"CAB", "ED"}, Words{"A"}, Words{}, Words{"\u4e2d", "AB"}})
    EXPECT_EQ(pieces->Decode(pieces->Encode(words, -1)), words);
}

TEST(Tokenizer, CaseOfWordPieces) {
  TinyModel model = TinyWordPieces();
  TokenizerOptions keep, upper;
  keep.bpe_case = "keep";
  upper.bpe_case = "upper";
  EXPECT_EQ(Make(TinyUnits(), model.Bytes(), keep)->Encode({"aB"}, 1), (Ids{2, 1, 4}));
  model.pieces.push_back({"b", -4, WordPiece::kNormal});
  EXPECT_EQ(Make(TinyUnits(), model.Bytes())->Encode({"AB"}, 1), (Ids{2, 10}));
  EXPECT_EQ(Make(TinyUnits(), model.Bytes())->Encode({"Ab"}, 1), (Ids{8, 1})) << "b is not a unit";
  EXPECT_EQ(Make(TinyUnits(), model.Bytes(), upper)->Encode({"Ab"}, 1), (Ids{2, 10}));
}

TEST(Tokenizer, PiecesThatTheTableLacksAreNamed) {
  TinyModel model = TinyWordPieces();
  model.pieces.push_back({"\u00c9", -4, WordPiece::kNormal});
  Words list = TinyUnits().Units();
  list.push_back("\u00c9");
  const auto pieces = Make(UnitTable(list), model.Bytes());
  EXPECT_EQ(
      ErrorOf([&] { pieces->Encode({"A\u00d6"}, -1); }),
      "the piece '\u00d6' (U+00D6 LATIN CAPITAL LETTER O WITH DIAERESIS) is not in the unit table; "
      "normalise the text, add the unit, or map unknown ones with --unk=<unk>");
  EXPECT_HAS(ErrorOf([&] { pieces->Encode({"AQQ"}, -1); }), "the piece 'QQ' is not");
  EXPECT_HAS(ErrorOf([&] { pieces->Encode({"AE\u0301"}, -1); }), "write it in NFC");
  EncodeNotes notes;
  EXPECT_EQ(pieces->Encode({"AE\u0301", "QQ"}, 1, &notes), (Ids{8, 7, 1, 2, 1}));
  EXPECT_EQ(notes.unknown, (Words{"'\u0301' (U+0301 COMBINING ACUTE ACCENT)", "'QQ'"}));
  EXPECT_FALSE(notes.composition) << "QQ would still be unknown";
  pieces->Encode({"AE\u0301"}, 1, &notes);
  EXPECT_TRUE(notes.composition);
  EXPECT_FALSE(notes.has_space_unit);
  EXPECT_EQ(pieces->Encode({"A\u2581A"}, 1, &notes), (Ids{8, 8}));
  EXPECT_TRUE(notes.has_space_unit);
  EXPECT_TRUE(notes.unknown.empty());
}

TEST(Tokenizer, SymbolsAmongPieces) {
  TokenizerOptions options;
  options.non_lang_syms = TempDir() + "/piece-symbols";
  WriteFile(options.non_lang_syms, "{NOISE}\n");
  const auto pieces = Make(TinyUnits(), TinyWordPieces().Bytes(), options);
  EXPECT_EQ(pieces->Encode({"a", "{noise}", "b"}, -1), (Ids{8, 14, 9}));
  EXPECT_EQ(pieces->Encode({"{NOISE}"}, -1), Ids{14});
  EXPECT_EQ(Make(TinyUnits(), TinyWordPieces().Bytes())->Encode({"{NOISE}"}, 1), (Ids{2, 1, 7, 1}));
}

// The best of all ways to cut a word, by the scores of the pieces.
double BestCut(const std::vector<WordPiece> &pieces, const std::string &text) {
  if (text.empty()) return 0;
  double best = -1e9;
  for (const WordPiece &p : pieces) {
    if (p.type != WordPiece::kNormal || !StartsWith(text, p.piece)) continue;
    best = std::max(best, p.score + BestCut(pieces, text.substr(p.piece.size())));
  }
  return best;
}

TEST(Tokenizer, NoOtherCutIsBetter) {
  const TinyModel model = TinyWordPieces();
  const auto pieces = Make(TinyUnits(), model.Bytes());
  Rng rng(3);
  for (int n = 0; n < 200; ++n) {
    std::string word;
    for (int64_t k = rng.UniformInt(1, 8); k > 0; --k)
      word += static_cast<char>('A' + rng.UniformInt(0, 4));
    double score = 0;
    std::string joined;
    for (const int32_t id : pieces->Encode({word}, -1)) {
      const std::string &unit = pieces->Units().Unit(id);
      joined += unit;
      for (const WordPiece &p : model.pieces) score += p.piece == unit ? p.score : 0;
    }
    EXPECT_EQ(joined, UnitTable::kSpace + word);
    EXPECT_DOUBLE_EQ(score, BestCut(model.pieces, UnitTable::kSpace + word)) << word;
  }
}

// Texts of WeNet's own test of its BpeTokenizer, with the ids that it gives.
TEST(Tokenizer, AsWenet) {
  const std::string dir = WenetBpeDir();
  if (dir.empty()) GTEST_SKIP() << "no ../shared/data/wenet-bpe";
  const auto pieces =
      Make(UnitTable::Read(dir + "/words.txt"), ReadFile(dir + "/unigram5000.bpemodel"));
  const std::pair<const char *, Ids> cases[] = {
      {"震东好帅", {1, 1, 1, 1}},
      {" 吴迪也好帅 ", {1, 1, 1, 1, 1}},
      {"binbin is also handsome", {347, 2216, 346, 2216, 2332, 143, 1990}},
      {" life is short i use wenet ", {2568, 2332, 3968, 2152, 4699, 4833, 2926, 4366}},
      {"超哥 is the most handsome 吧", {1, 1, 2332, 4435, 2860, 1990, 1}},
      {" 人生苦短i use wenet ", {1, 1, 1, 1, 2152, 4699, 4833, 2926, 4366}},
      {"人生苦短I USE WENET", {1, 1, 1, 1, 2152, 4699, 4833, 2926, 4366}},
      {"zhendong ist so schön", {3, 4999, 2048, 1248, 2960, 2332, 4366, 4072, 3844, 1, 2901}},
      {" zhendong ist so schön ", {3, 4999, 2048, 1248, 2960, 2332, 4366, 4072, 3844, 1, 2901}},
      {"It's okay", {2344, 2, 3790, 3010, 2418, 4979}}};
  for (const auto &[text, ids] : cases) EXPECT_EQ(pieces->Encode(SplitWords(text), 1), ids) << text;
  EXPECT_EQ(pieces->Decode({2344, 2, 3790, 3010, 2418, 4979}), (Words{"IT'S", "OKAY"}));
  EXPECT_EQ(pieces->Units().Size(), 5002);
}

#endif

}  // namespace
}  // namespace u2moe
