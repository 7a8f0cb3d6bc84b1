// Tables of Kaldi's basic types. The bytes are what kaldi_native_io 1.23 writes, e.g.
//   with kaldi_native_io.BoolWriter("ark:x") as w: w.write("a", True)
// but for the space at the end of token vectors, which only Kaldi writes.
// With KALDI_EXCHANGE=DIR, every DIR/<type>.in is copied to DIR/<type>.out (tests/cli/interop.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"

namespace u2moe {
namespace {

template <class Holder>
using Table = std::vector<std::pair<std::string, typename Holder::T>>;

template <class Holder>
Table<Holder> Read(const std::string &rspecifier) {
  Table<Holder> table;
  SequentialTableReader<Holder> reader(rspecifier);
  for (; !reader.Done(); reader.Next()) table.emplace_back(reader.Key(), reader.Value());
  return table;
}

template <class Holder>
void Write(const std::string &wspecifier, const Table<Holder> &table) {
  TableWriter<Holder> writer(wspecifier);
  for (const auto &[key, value] : table) writer.Write(key, value);
  writer.Close();
}

// Binary and text forms of a table, both ways, whole and cut.
template <class Holder>
void Check(const Table<Holder> &table, const std::string &binary, const std::string &text) {
  for (const std::string options : {"", ",t"}) {
    const std::string &bytes = options.empty() ? binary : text;
    Write<Holder>("ark" + options + ":" + File("t"), table);
    EXPECT_EQ(ReadFile(File("t")), bytes);
    WriteFile(File("in"), bytes);
    EXPECT_EQ(Read<Holder>("ark:" + File("in")), table);
    RandomAccessTableReader<Holder> random("ark:" + File("in"));
    EXPECT_EQ(random.Value(table.back().first), table.back().second);
    for (size_t n = 1; n < bytes.size(); ++n) {
      WriteFile(File("cut"), bytes.substr(0, n));
      ErrorOf([] { Read<Holder>("ark:" + File("cut")); });  // anything but an Error ends the test
    }
  }
}

std::string operator""_b(const char *bytes, size_t n) { return {bytes, n}; }

TEST(BasicTables, Bytes) {
  Check<BoolHolder>({{"a", true}, {"b", false}}, "a \0BTb \0BF"_b, "a T \nb F \n");
  Check<Int32Holder>({{"a", 5}, {"b", -1}}, "a \0B\4\5\0\0\0b \0B\4\xff\xff\xff\xff"_b,
                     "a 5 \nb -1 \n");
  Check<FloatHolder>({{"a", 1.5F}, {"b", 0.1F}},
                     "a \0B\4\0\0\xc0\x3f"
                     "b \0B\4\xcd\xcc\xcc\x3d"_b,
                     "a 1.5 \nb 0.1 \n");
  Check<DoubleHolder>({{"a", 0.1}}, "a \0B\x08\x9a\x99\x99\x99\x99\x99\xb9\x3f"_b, "a 0.1 \n");
  Check<TokenHolder>({{"a", "x"}, {"b", "\xc3\xbc"}}, "a x\nb \xc3\xbc\n", "a x\nb \xc3\xbc\n");
  Check<TokenVectorHolder>({{"a", {"x", "y"}}, {"b", {}}}, "a x y \nb \n", "a x y \nb \n");
  Check<Int32VectorHolder>({{"a", {7, 8}}, {"b", {}}},
                           "a \0B\4\2\0\0\0\4\7\0\0\0\4\x08\0\0\0b \0B\4\0\0\0\0"_b,
                           "a 7 8 \nb \n");
  Check<Int32VectorVectorHolder>(
      {{"a", {{7}, {}, {1, 2}}}, {"b", {}}},
      "a \0B\4\3\0\0\0\4\1\0\0\0\4\7\0\0\0\4\0\0\0\0\4\2\0\0\0\4\1\0\0\0\4\2\0\0\0b \0B\4\0\0\0\0"_b,
      "a 7 ; ; 1 2 ; \nb \n");
  Check<Int32PairVectorHolder>({{"a", {{1, 2}, {3, 4}}}, {"b", {}}},
                               "a \0B\4\2\0\0\0\4\1\0\0\0\4\2\0\0\0\4\3\0\0\0\4\4\0\0\0"
                               "b \0B\4\0\0\0\0"_b,
                               "a 1 2 ; 3 4 \nb \n");
  Check<FloatPairVectorHolder>({{"a", {{1.5F, 0}}}}, "a \0B\4\1\0\0\0\4\0\0\xc0\x3f\4\0\0\0\0"_b,
                               "a 1.5 0 \n");
}

TEST(BasicTables, TextAsPeopleWriteIt) {
  WriteFile(File("t"), "a 1 2;3 4;\nb 1 2\nc\nd 1 2 ; 3\ne 1 2 3\n");
  SequentialInt32PairVectorReader pairs("ark:" + File("t"));
  std::string sizes;
  for (; !pairs.Done(); pairs.Next()) {
    try {
      sizes += std::to_string(pairs.Value().size());
    } catch (const DataError &) {
      sizes += 'x';
    }
  }
  EXPECT_EQ(sizes, "210xx");
  WriteFile(File("t"), "a 1;2 3;\n");
  EXPECT_EQ(Read<Int32VectorVectorHolder>("ark:" + File("t"))[0].second,
            (std::vector<std::vector<int32_t>>{{1}, {2, 3}}));
  for (const auto &[text, error] : std::vector<std::pair<std::string, std::string>>{
           {"1 ; 2", "does not end in ';'"}, {"1 x ;", "'x' is not a 32-bit integer"}}) {
    WriteFile(File("t"), "a " + text + "\n");
    EXPECT_HAS(ErrorOf([] { Read<Int32VectorVectorHolder>("ark:" + File("t")); }), error);
  }
  WriteFile(File("t"), "a inf\nb -inf\nc 1e-3\nd NaN\n");
  const auto floats = Read<FloatHolder>("ark:" + File("t"));
  EXPECT_TRUE(std::isinf(floats[0].second) && floats[1].second < 0 && std::isnan(floats[3].second));
}

TEST(BasicTables, WrongTypes) {
  const auto error = [](const std::string &bytes, auto holder) {
    WriteFile(File("t"), bytes);
    return ErrorOf([] { Read<decltype(holder)>("ark:" + File("t")); });
  };
  EXPECT_HAS(error("a true\n", BoolHolder()), "'true' is not T or F");
  EXPECT_HAS(error("a \0B\4\5\0\0\0"_b, BoolHolder()), "expected T or F, found '\\x04'");
  EXPECT_HAS(error("a 1 2\n", Int32Holder()), "expected a 32-bit integer, found '1 2'");
  EXPECT_HAS(error("a \n", FloatHolder()), "expected a number that fits, found ''");
  EXPECT_HAS(error("a 1e99\n", FloatHolder()), "'1e99' is not a number that fits");
  EXPECT_HAS(error("a \0B\2\5\0"_b, DoubleHolder()), "found size byte 2");
  EXPECT_HAS(error("a x y\n", TokenHolder()), "expected one word, found 'x y'");
  EXPECT_HAS(error("a \0Bx"_b, TokenHolder()), "binary data where words are expected");
  EXPECT_HAS(error("a \0B\4\xff\xff\xff\x7f\4\xff\xff\xff\x7f"_b, Int32VectorVectorHolder()),
             "the data end after 0 of 10737418235 bytes");
  EXPECT_HAS(error("a \0B\4\xff\xff\xff\x7f\4\1\0\0\0"_b, Int32PairVectorHolder()), "truncated");
  WriteFile(File("t"), "a \0B\x08\x9a\x99\x99\x99\x99\x99\xb9\x3f"_b);
  EXPECT_EQ(Read<FloatHolder>("ark:" + File("t"))[0].second,
            0.1F);  // doubles where floats are wanted
}

TEST(BasicTables, VectorsAloneInAFile) {
  const std::vector<int32_t> ints = {1, -2};
  WriteObject<Int32VectorFileHolder>(File("v"), true, ints);
  EXPECT_EQ(ReadFile(File("v")), "\0B\4\2\0\0\0\1\0\0\0\xfe\xff\xff\xff"_b);
  EXPECT_EQ(ReadObject<Int32VectorFileHolder>(File("v")), ints);
  WriteObject<Int32VectorFileHolder>(File("v"), false, ints);
  EXPECT_EQ(ReadFile(File("v")), "[ 1 -2 ]\n");
  EXPECT_EQ(ReadObject<Int32VectorFileHolder>(File("v")), ints);
  WriteFile(File("v"), "\0B\4\xff\xff\xff\x7f\1\0\0\0"_b);
  EXPECT_HAS(ErrorOf([] { ReadObject<Int32VectorFileHolder>(File("v")); }), "the data end after 4");
  EXPECT_HAS(ErrorOf([] { ReadObject<Int32VectorFileHolder>("echo 1 2; exit 3 |"); }),
             "ended with exit status 3");
}

TEST(BasicTables, RandomRoundTrips) {
  Rng rng(8);
  Table<DoubleHolder> doubles;
  Table<FloatPairVectorHolder> pairs;
  for (int i = 0; i < 200; ++i) {
    const std::string key = "k" + std::to_string(i);
    doubles.emplace_back(key, rng.Normal() * std::pow(10, rng.UniformInt(-300, 300)));
    pairs.emplace_back(key, FloatPairVectorHolder::T(static_cast<size_t>(rng.UniformInt(0, 9))));
    for (auto &[first, second] : pairs.back().second) {
      first = static_cast<float>(rng.Normal());
      second = static_cast<float>(1e-30 * rng.Normal());
    }
  }
  for (const char *options : {"ark:", "ark,t:"}) {
    Write<DoubleHolder>(options + File("t"), doubles);
    EXPECT_EQ(Read<DoubleHolder>("ark:" + File("t")), doubles);
    Write<FloatPairVectorHolder>(options + File("t"), pairs);
    EXPECT_EQ(Read<FloatPairVectorHolder>("ark:" + File("t")), pairs);
  }
}

template <class Holder>
void Exchange(const std::string &name) {
  const char *dir = std::getenv("KALDI_EXCHANGE");
  const std::string path = (dir ? dir : TempDir()) + "/" + name;
  if (!std::filesystem::exists(path + ".in")) return;
  SequentialTableReader<Holder> reader("ark:" + path + ".in");
  TableWriter<Holder> binary("ark:" + path + ".out"), text("ark,t:" + path + ".txt");
  for (; !reader.Done(); reader.Next()) {
    binary.Write(reader.Key(), reader.Value());
    text.Write(reader.Key(), reader.Value());
  }
  binary.Close();
  text.Close();
  EXPECT_TRUE(std::filesystem::exists(path + ".txt"));
}

TEST(BasicTables, ExchangeWithOthers) {
  Exchange<BoolHolder>("Bool");
  Exchange<Int32Holder>("Int32");
  Exchange<FloatHolder>("Float");
  Exchange<DoubleHolder>("Double");
  Exchange<TokenHolder>("Token");
  Exchange<TokenVectorHolder>("TokenVector");
  Exchange<Int32VectorHolder>("Int32Vector");
  Exchange<Int32VectorVectorHolder>("Int32VectorVector");
  Exchange<Int32PairVectorHolder>("Int32PairVector");
  Exchange<FloatPairVectorHolder>("FloatPairVector");
  Exchange<DoubleVectorHolder>("DoubleVector");
  Exchange<DoubleMatrixHolder>("DoubleMatrix");
  Exchange<CompressedMatrixHolder>("CompressedMatrix");
}

}  // namespace
}  // namespace u2moe
