#include "util/unit-table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/error-test.h"
#include "support/test-util.h"
#include "table/text-tables.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;
using Words = std::vector<std::string>;

const UnitTable kUnits({"<blank>", "<unk>", "<sos/eos>", "A", "B", "Ü", UnitTable::kSpace});

TEST(UnitTable, Encode) {
  const std::string space = UnitTable::kSpace;
  EXPECT_EQ(kUnits.Encode({"AB", "Ü"}, space, -1), (Ids{3, 4, 6, 5}));
  EXPECT_EQ(kUnits.Encode({"AB", "Ü"}, "", -1), (Ids{3, 4, 5}));
  EXPECT_EQ(kUnits.Encode({}, space, -1), Ids{});
  EXPECT_EQ(kUnits.Encode({"AXB"}, space, 1), (Ids{3, 1, 4}));
  try {
    kUnits.Encode({"A", "BX"}, space, -1);
    ADD_FAILURE();
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find("'X' of the word 'BX'"), std::string::npos) << e.what();
  }
  EXPECT_THROW(kUnits.Encode({"A", "B"}, "|", -1), UsageError);
  EXPECT_EQ(kUnits.Encode({"A"}, "|", -1), Ids{3});
  EXPECT_THROW(kUnits.Encode({"\xff"}, space, 1), DataError);
}

TEST(UnitTable, LettersThatTheTableLacksAreNamed) {
  const UnitTable composed({"<blank>", "\u00e9", "e"}), decomposed({"<blank>", "e", "\u0301"});
  const auto error = [](const UnitTable &units, const std::string &word) {
    return ErrorOf([&] { units.Encode({word}, "", -1); });
  };
  EXPECT_EQ(
      error(composed, "e\u200be"),
      "'\\u{200B}' of the word 'e\\u{200B}e' (U+200B ZERO WIDTH SPACE) is not in the unit table; "
      "normalise the text, add the unit, or map unknown ones with --unk=<unk>");
  EXPECT_NE(error(composed, "e\u0301").find("(U+0301 COMBINING ACUTE ACCENT)"), std::string::npos);
  EXPECT_NE(error(composed, "e\u0301").find("in its composed form: write the text in NFC"),
            std::string::npos);
  EXPECT_NE(error(decomposed, "\u00e9").find("in its decomposed form: write the text in NFD"),
            std::string::npos);
  EXPECT_EQ(error(composed, "e\u0301x").find("composed form"), std::string::npos);

  EncodeNotes notes;
  EXPECT_EQ(composed.Encode({"e\u0301", "e"}, "", 0, &notes), (Ids{2, 0, 2}));
  EXPECT_EQ(notes.unknown, Words{"'\u0301' (U+0301 COMBINING ACUTE ACCENT)"});
  EXPECT_TRUE(notes.composition);
  EXPECT_FALSE(notes.has_space_unit);
  EXPECT_EQ(kUnits.Encode({"A\u2581B"}, UnitTable::kSpace, 1, &notes), (Ids{3, 6, 4}));
  EXPECT_TRUE(notes.has_space_unit);
  EXPECT_TRUE(notes.unknown.empty());
}

TEST(UnitTable, WordPiecesAreRefused) {
  for (const char *piece : {"\u2581THE", "\u2581A", "ing", "##s", "\u4e2d\u6587", "@@x", "<a",
                            "e\u0301s", "<>ab", "AH0"}) {
    EXPECT_TRUE(IsWordPiece(piece)) << piece;
    EXPECT_NE(ErrorOf([&] {
                UnitTable({"<blank>", "A", piece}).RequireLetters("units.txt");
              }).find(std::string("units.txt: unit '") + piece + "' (id 2) is a word piece"),
              std::string::npos)
        << piece;
  }
  for (const char *letter : {"A", "\u00e9", "e\u0301", "\u0301", "\u2581", "<blank>", "<sos/eos>",
                             "[NOISE]", "\U0001F600", "<", "\u0915\u094d", "\u200d", "\u3000"}) {
    EXPECT_FALSE(IsWordPiece(letter)) << letter;
  }
  kUnits.RequireLetters("units.txt");
}

TEST(UnitTable, Decode) {
  const std::string space = UnitTable::kSpace;
  EXPECT_EQ(kUnits.Decode({3, 4, 6, 5}, space), (Words{"AB", "Ü"}));
  EXPECT_EQ(kUnits.Decode({6, 3, 6, 6, 4, 6}, space), (Words{"A", "B"}));
  EXPECT_EQ(kUnits.Decode({}, space), Words{});
  EXPECT_EQ(kUnits.Decode({6}, space), Words{});
  EXPECT_EQ(kUnits.Decode({3, 1}, space), Words{"A<unk>"});
  EXPECT_EQ(kUnits.Decode({3, 5}, ""), Words{"AÜ"});
  // No word can hold white space, which WeNet's dictionaries have as a unit.
  const UnitTable wide({"A", "\u3000", "\u00a0", UnitTable::kSpace});
  EXPECT_EQ(wide.Decode({0, 1, 0, 2, 0, 3, 0, 0}, space), (Words{"A", "A", "A", "AA"}));
  EXPECT_THROW(kUnits.Decode({7}, space), DataError);
  EXPECT_THROW(kUnits.Decode({-1}, space), DataError);
}

TEST(UnitTable, Files) {
  const std::string path = TempDir() + "/units.txt";
  WriteFile(path, "B 1\n<blank> 0\n\xe2\x96\x81 2\n");
  const UnitTable units = UnitTable::Read(path);
  EXPECT_EQ(units.Units(), (Words{"<blank>", "B", UnitTable::kSpace}));
  EXPECT_EQ(units.Find("B"), 1);
  EXPECT_EQ(units.Find("C"), -1);
  const struct {
    const char *contents, *complaint;
  } cases[] = {
      {"", "no units"},      {"A 0\nB 2\n", "units.txt:2"}, {"A 0\nB 0\n", "belongs to 'A'"},
      {"A 0\nB x\n", "'x'"}, {"A 0\nB -1\n", "'-1'"},       {"A 0\nA 1\n", "units.txt:2"},
      {"A\n", "units.txt:1"}};
  for (const auto &c : cases) {
    WriteFile(path, c.contents);
    try {
      UnitTable::Read(path);
      ADD_FAILURE() << c.contents;
    } catch (const Error &e) {
      EXPECT_NE(std::string(e.what()).find(c.complaint), std::string::npos) << e.what();
    }
  }
  EXPECT_THROW(UnitTable::Read(path + ".absent"), Error);
}

// The reference's units cover all its transcripts, and ids come back as the same words.
TEST(UnitTable, FsddTranscripts) {
  const std::string dir = FsddDir();
  if (dir.empty()) GTEST_SKIP() << "no ../shared/data/fsdd";
  const auto config = nlohmann::json::parse(ReadFile(dir + "/wenet_moe/config.json"));
  const UnitTable units(config["units"].get<Words>());
  const std::string space = config["space_unit"];
  int num_texts = 0;
  for (const char *set : {"train", "dev", "test_clean", "test_noisy"}) {
    SequentialTokenVectorReader reader("ark:" + dir + "/data/" + set + "/text");
    for (; !reader.Done(); reader.Next(), ++num_texts) {
      const Ids ids = units.Encode(reader.Value(), space, -1);
      EXPECT_EQ(units.Decode(ids, space), reader.Value()) << reader.Key();
      size_t letters = reader.Value().size() - 1;
      for (const std::string &w : reader.Value()) letters += w.size();
      EXPECT_EQ(ids.size(), letters);
    }
  }
  EXPECT_EQ(num_texts, 1620);
}

}  // namespace
}  // namespace u2moe
