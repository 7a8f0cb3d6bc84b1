#include "util/unit-table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "support/test-util.h"
#include "util/text-tables.h"
#include "util/utf8.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;
using Words = std::vector<std::string>;

TEST(Utf8, SplitsAndRefuses) {
  EXPECT_EQ(SplitUtf8(""), Words{});
  EXPECT_EQ(SplitUtf8("aß中😀"), (Words{"a", "ß", "中", "😀"}));
  EXPECT_EQ(EncodeUtf8(DecodeUtf8("aß中😀")), "aß中😀");
  EXPECT_EQ(DecodeUtf8("😀"), std::vector<uint32_t>{0x1F600});
  for (const char *bad :
       {"\xff", "a\x80", "\xc3", "\xe4\xb8", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf0\x80\x80\xaf", "\xc3(", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_THROW(SplitUtf8(bad), DataError) << bad;
  }
}

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

TEST(UnitTable, Decode) {
  const std::string space = UnitTable::kSpace;
  EXPECT_EQ(kUnits.Decode({3, 4, 6, 5}, space), (Words{"AB", "Ü"}));
  EXPECT_EQ(kUnits.Decode({6, 3, 6, 6, 4, 6}, space), (Words{"A", "B"}));
  EXPECT_EQ(kUnits.Decode({}, space), Words{});
  EXPECT_EQ(kUnits.Decode({6}, space), Words{});
  EXPECT_EQ(kUnits.Decode({3, 1}, space), Words{"A<unk>"});
  EXPECT_EQ(kUnits.Decode({3, 5}, ""), Words{"AÜ"});
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
