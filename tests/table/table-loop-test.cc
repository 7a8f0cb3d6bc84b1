#include "table/table-loop.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/test-util.h"
#include "table/speaker-map.h"
#include "table/text-tables.h"

namespace u2moe {
namespace {

TEST(TransformTable, OneEntryOutOfEach) {
  const std::string in = TempDir() + "/in", out = TempDir() + "/out";
  WriteFile(in, "a 1\nb x\nc 3\nd 4\ne 5\n");
  OptionParser po("test");
  UtteranceTally tally(&po);
  TransformTable<Int32Holder, Int32VectorHolder>(
      "ark:" + in, "ark,t:" + out, &tally,
      [](const std::string &key, int32_t value) -> std::optional<std::vector<int32_t>> {
        if (key == "c") throw DataError("three");
        if (key == "d") return std::nullopt;
        return std::vector<int32_t>{value, value};
      });
  EXPECT_EQ(ReadFile(out), "a 1 1 \ne 5 5 \n");
  EXPECT_EQ(tally.NumDone(), 3);  // d is done, with nothing to write
  EXPECT_EQ(tally.NumFailed(), 2);
}

TEST(TransformTable, NoFileAfterAnError) {
  const std::string in = TempDir() + "/in2", out = TempDir() + "/out2";
  WriteFile(in, "a 1\nb 2\n");
  OptionParser po("test");
  UtteranceTally tally(&po);
  EXPECT_THROW((TransformTable<Int32Holder, Int32Holder>("ark:" + in, "ark:" + out, &tally,
                                                         [](const std::string &, int32_t v) {
                                                           if (v == 2) throw Error("broken");
                                                           return v;
                                                         })),
               Error);
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(SpeakerMap, MapsOrNot) {
  const std::string path = TempDir() + "/utt2spk";
  WriteFile(path, "u1 s1\nu2 s1 s2\n");
  SpeakerMap none(""), map("ark:" + path);
  EXPECT_EQ(none.KeyOf("u1"), "u1");
  EXPECT_EQ(map.KeyOf("u1"), "s1");
  EXPECT_THROW(map.KeyOf("u2"), DataError);
  EXPECT_THROW(map.KeyOf("u3"), DataError);
}

}  // namespace
}  // namespace u2moe
