#include "table/kaldi-tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "table/text-tables.h"

namespace u2moe {
namespace {

template <class T>
std::string Raw(const std::vector<T> &values) {
  return std::string(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
}

std::string Int(int32_t value) { return '\4' + Raw(std::vector<int32_t>{value}); }
std::string Binary(const std::string &rest) { return std::string("\0B", 2) + rest; }

template <class Holder>
typename Holder::T Parse(const std::string &bytes) {
  std::istringstream is(bytes);
  typename Holder::T value;
  Holder::Read(is, &value);
  return value;
}

template <class Holder>
std::string Format(bool binary, const typename Holder::T &value) {
  std::ostringstream os;
  Holder::Write(os, binary, value);
  return os.str();
}

std::vector<float> Floats(const Tensor &t) { return {t.Data(), t.Data() + t.Size()}; }

TEST(KaldiTables, MatrixBytes) {
  Tensor m(2, 3);
  for (int i = 0; i < 6; ++i) m.Data()[i] = static_cast<float>(i) / 4;
  EXPECT_EQ(Format<MatrixHolder>(true, m),
            Binary("FM " + Int(2) + Int(3) + Raw<float>({0, .25, .5, .75, 1, 1.25})));
  EXPECT_EQ(Format<MatrixHolder>(false, m), " [\n  0 0.25 0.5 \n  0.75 1 1.25 ]\n");
  EXPECT_EQ(Format<MatrixHolder>(true, Tensor(0, 80)), Binary("FM " + Int(0) + Int(0)));
  EXPECT_EQ(Format<MatrixHolder>(false, Tensor(0, 80)), " [ ]\n");
  EXPECT_EQ(Format<VectorHolder>(true, {1, 2}), Binary("FV " + Int(2) + Raw<float>({1, 2})));
  EXPECT_EQ(Format<VectorHolder>(false, {1.5, -2}), " [ 1.5 -2 ]\n");
  EXPECT_EQ(Format<DoubleMatrixHolder>(true, {1, 2, {1, 2}}),
            Binary("DM " + Int(1) + Int(2) + Raw<double>({1, 2})));
  EXPECT_EQ(Format<DoubleVectorHolder>(true, {3}), Binary("DV " + Int(1) + Raw<double>({3})));
}

TEST(KaldiTables, ReadsBothPrecisions) {
  const std::string fm = Binary("FM " + Int(1) + Int(2) + Raw<float>({0.1f, 2}));
  const std::string dm = Binary("DM " + Int(1) + Int(2) + Raw<double>({0.1, 2}));
  EXPECT_EQ(Floats(Parse<MatrixHolder>(fm)), (std::vector<float>{0.1f, 2}));
  EXPECT_EQ(Floats(Parse<MatrixHolder>(dm)), (std::vector<float>{0.1f, 2}));
  EXPECT_EQ(Parse<DoubleMatrixHolder>(fm).data, (std::vector<double>{0.1f, 2}));
  EXPECT_EQ(Parse<DoubleMatrixHolder>(dm).data, (std::vector<double>{0.1, 2}));
  EXPECT_EQ(Parse<VectorHolder>(Binary("DV " + Int(1) + Raw<double>({0.1}))),
            std::vector<float>{0.1f});
  EXPECT_EQ(Parse<DoubleVectorHolder>(Binary("FV " + Int(1) + Raw<float>({0.1f}))),
            std::vector<double>{0.1f});
  EXPECT_TRUE(Parse<MatrixHolder>(Binary("FM " + Int(0) + Int(80))).Empty());
}

TEST(KaldiTables, CompressedMatrices) {
  // min -1, range 65535: code x of CM and CM2 is x - 1; CM3 has steps of 257.
  const std::string header = Raw<float>({-1, 65535}) + Raw<int32_t>({2, 1});
  const std::string cm = Binary("CM " + header + Raw<uint16_t>({0, 64, 192, 255}));
  for (const auto &[code, want] : std::vector<std::pair<uint8_t, float>>{{0, -1.f},
                                                                         {10, 9.f},
                                                                         {64, 63.f},
                                                                         {65, 64.f},
                                                                         {192, 191.f},
                                                                         {193, 192.f},
                                                                         {255, 254.f}}) {
    const Tensor m = Parse<MatrixHolder>(cm + Raw<uint8_t>({code, 64}));
    ASSERT_EQ(m.Rows(), 2);
    ASSERT_EQ(m.Cols(), 1);
    EXPECT_NEAR(m(0, 0), want, 1e-4) << static_cast<int>(code);
    EXPECT_NEAR(m(1, 0), 63, 1e-4);
  }
  const Tensor two = Parse<MatrixHolder>(Binary("CM2 " + header + Raw<uint16_t>({5, 65535})));
  EXPECT_NEAR(two(0, 0), 4, 1e-3);
  EXPECT_NEAR(two(1, 0), 65534, 1e-2);
  const Tensor three = Parse<MatrixHolder>(Binary("CM3 " + header + Raw<uint8_t>({1, 255})));
  EXPECT_NEAR(three(0, 0), 256, 1e-3);
  EXPECT_NEAR(three(1, 0), 65534, 1e-2);
  EXPECT_TRUE(
      Parse<MatrixHolder>(Binary("CM " + Raw<float>({0, 0}) + Raw<int32_t>({0, 0}))).Empty());
  // CM stores columns one after another, CM2 rows.
  const std::string wide = Raw<float>({0, 65535}) + Raw<int32_t>({1, 2});
  const Tensor columns = Parse<MatrixHolder>(
      Binary("CM " + wide + Raw<uint16_t>({0, 64, 192, 255, 100, 164, 292, 355}) +
             Raw<uint8_t>({64, 64})));
  EXPECT_NEAR(columns(0, 0), 64, 1e-3);
  EXPECT_NEAR(columns(0, 1), 164, 1e-3);
}

TEST(KaldiTables, RandomRoundTrips) {
  Rng rng(3);
  for (const char *options : {"", ",t"}) {
    const std::string ark = File("m.ark"), scp = File("m.scp");
    std::vector<Tensor> all;
    MatrixWriter writer("ark,scp" + std::string(options) + ":" + ark + "," + scp);
    for (int i = 0; i < 20; ++i) {
      const int64_t rows = i == 0 ? 0 : rng.UniformInt(1, 30), cols = rng.UniformInt(1, 90);
      all.push_back(RandomTensor(&rng, rows, i == 0 ? 0 : cols, i % 2 ? 1.f : 1e-30f));
      if (i == 5) {
        all[5](0, 0) = std::numeric_limits<float>::infinity();
        all[5](all[5].Rows() - 1, 0) = -std::numeric_limits<float>::infinity();
      }
      writer.Write("utt-" + std::to_string(i), all.back());
    }
    writer.Close();
    for (const std::string &spec : {"ark:" + ark, "scp:" + scp, "ark:cat " + ark + " |"}) {
      SequentialMatrixReader reader(spec);
      for (const Tensor &want : all) {
        ASSERT_FALSE(reader.Done());
        EXPECT_EQ(reader.Value().Shape(), want.Shape());
        EXPECT_EQ(MaxAbsDiff(reader.Value(), want), 0);
        reader.Next();
      }
      EXPECT_TRUE(reader.Done());
    }
  }
}

TEST(KaldiTables, LargeMatrixCrossesPieces) {
  Rng rng(4);
  const Tensor m = RandomTensor(&rng, 700, 801);  // more than one 1 MiB piece
  const Tensor back = Parse<MatrixHolder>(Format<MatrixHolder>(true, m));
  EXPECT_EQ(MaxAbsDiff(m, back), 0);
  DoubleVectorHolder::T d(300001);
  for (double &x : d) x = rng.Normal();
  EXPECT_EQ(Parse<DoubleVectorHolder>(Format<DoubleVectorHolder>(true, d)), d);
  EXPECT_EQ(Parse<DoubleVectorHolder>(Format<DoubleVectorHolder>(false, d)), d);
}

TEST(KaldiTables, NanSurvives) {
  const float nan = std::nanf("");
  for (bool binary : {true, false}) {
    const auto v = Parse<VectorHolder>(Format<VectorHolder>(binary, {nan, 1, -nan}));
    ASSERT_EQ(v.size(), 3u);
    EXPECT_TRUE(std::isnan(v[0]) && std::isnan(v[2]) && v[1] == 1);
  }
}

TEST(KaldiTables, TextForms) {
  const std::vector<float> want = {1, 2, 3, 4};
  for (const char *text :
       {" [\n  1 2 \n  3 4 ]\n", "[ 1 2\n3 4\n]\n", "[1 2;3 4]", "\n[ 1 2 \r\n 3 4 ]\r\n",
        "[ 1 2 ; 3 4 ; ]\n", "  [\t1\t2\n\n3e0 4.]\n"}) {
    const Tensor m = Parse<MatrixHolder>(text);
    EXPECT_EQ(m.Rows(), 2) << text;
    EXPECT_EQ(Floats(m), want) << text;
  }
  EXPECT_EQ(Parse<MatrixHolder>(" [ ]\n").Size(), 0);
  EXPECT_EQ(Parse<MatrixHolder>(" []\n").Size(), 0);
  EXPECT_EQ(Parse<VectorHolder>("[ 1 2 ]\n"), (std::vector<float>{1, 2}));
  EXPECT_EQ(Parse<VectorHolder>("[ ]\n"), std::vector<float>{});
}

TEST(KaldiTables, BadTextIsSkipped) {
  WriteFile(File("bad"), "a [ 1 x\n 2 3 ]\nb [ 1 2\n3 ]\nc [ 1 2 ]\nd [ 1,5 ]\ne [ 1e99 ]\n");
  SequentialMatrixReader reader("ark:" + File("bad"));
  std::vector<std::string> errors;
  for (; !reader.Done(); reader.Next()) {
    try {
      EXPECT_EQ(reader.Value().Cols(), 2);
    } catch (const DataError &e) {
      errors.push_back(e.what());
    }
  }
  ASSERT_EQ(errors.size(), 4u);
  EXPECT_HAS(errors[0], File("bad") + ": key 'a' at byte 0: 'x' in row 0 is not a number");
  EXPECT_HAS(errors[1], "key 'b' at byte 15: row 1 has 1 numbers, row 0 has 2");
  EXPECT_HAS(errors[2], "'1,5'");
  EXPECT_HAS(errors[3], "'1e99'");
}

TEST(KaldiTables, WrongTypes) {
  const std::string fv = Binary("FV " + Int(1) + Raw<float>({1}));
  const std::string fm = Binary("FM " + Int(1) + Int(1) + Raw<float>({1}));
  EXPECT_HAS(ErrorOf([&] { Parse<MatrixHolder>(fv); }), "found 'FV', which is a vector");
  EXPECT_HAS(ErrorOf([&] { Parse<VectorHolder>(fm); }), "found 'FM', which is a matrix");
  EXPECT_HAS(ErrorOf([&] { Parse<MatrixHolder>(Binary(Int(5) + std::string(30, 'x'))); }),
             "expected a type such as 'FM'");
  EXPECT_HAS(ErrorOf([&] { Parse<MatrixHolder>("/data/raw.ark:12\n"); }),
             "if the file is a script file, write scp:");
  EXPECT_HAS(ErrorOf([&] { Parse<VectorHolder>("[ 1\n 2 ]\n"); }), "a matrix of 2 rows");
  EXPECT_HAS(ErrorOf([&] { Parse<MatrixHolder>(Binary("FM " + Int(3) + Int(0))); }), "corrupt");
  EXPECT_HAS(ErrorOf([&] { Parse<MatrixHolder>(Binary("FM " + Int(-1) + Int(2))); }),
             "negative number of rows (-1)");
}

TEST(KaldiTables, HugeSizesAreNotBelieved) {
  const int32_t big = std::numeric_limits<int32_t>::max();
  const std::string data(100, 'x');
  for (const std::string &bytes :
       {"FM " + Int(big) + Int(big), "DM " + Int(1 << 20) + Int(1 << 19), "FM " + Int(big) + Int(1),
        "CM " + Raw<float>({0, 1}) + Raw<int32_t>({1, big}),
        "CM2 " + Raw<float>({0, 1}) + Raw<int32_t>({big, 9}),
        "CM3 " + Raw<float>({0, 1}) + Raw<int32_t>({big, big})}) {
    EXPECT_HAS(ErrorOf([&] { Parse<MatrixHolder>(Binary(bytes + data)); }), "corrupt");
    EXPECT_HAS(ErrorOf([&] { Parse<DoubleMatrixHolder>(Binary(bytes + data)); }), "corrupt");
  }
  EXPECT_HAS(ErrorOf([&] { Parse<VectorHolder>(Binary("FV " + Int(big) + data)); }), "corrupt");
}

// Cut anywhere or with any byte changed, a table gives values or an Error, never anything else.
TEST(KaldiTables, DamagedFiles) {
  Rng rng(5);
  const std::string floats = "a " + Format<MatrixHolder>(true, RandomTensor(&rng, 3, 2));
  const std::string text = "b " + Format<MatrixHolder>(false, RandomTensor(&rng, 2, 2));
  const std::string packed =
      "c " + Binary("CM " + Raw<float>({-1, 2}) + Raw<int32_t>({2, 3}) +
                    Raw<uint16_t>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}) + "abcdef");
  const std::string whole = floats + text + packed;
  const auto read = [](const std::string &bytes) {
    WriteFile(File("damaged"), bytes);
    int n = 0;
    SequentialMatrixReader reader("ark:" + File("damaged"));
    for (; !reader.Done(); reader.Next(), ++n) reader.Value();
    return n;
  };
  EXPECT_EQ(read(whole), 3);
  const size_t ends[] = {floats.size(), floats.size() + text.size(), whole.size()};
  for (size_t n = 1; n < whole.size(); ++n) {
    // Without the newline after it, a text value is still whole.
    if (n == ends[0] || n == ends[1] || n + 1 == ends[1]) continue;
    EXPECT_HAS(ErrorOf([&] { read(whole.substr(0, n)); }), File("damaged"));
  }
  for (int i = 0; i < 500; ++i) {
    std::string bytes = whole;
    bytes[static_cast<size_t>(rng.UniformInt(0, static_cast<int64_t>(whole.size()) - 1))] =
        static_cast<char>(rng.UniformInt(0, 255));
    ErrorOf([&] { read(bytes); });  // anything but an Error ends the test
  }
}

TEST(KaldiTables, RangesInScripts) {
  Rng rng(6);
  const Tensor m = RandomTensor(&rng, 10, 4);
  MatrixWriter writer("ark:" + File("range.ark"));
  writer.Write("u", m);
  writer.Close();
  const std::string at = " " + File("range.ark") + ":2";
  WriteFile(File("range.scp"), "a" + at + "[2:4]\nb" + at + "[,1:2]\nc" + at + "[0:11,0:0]\nd" +
                                   at + "[10:12]\ne" + at + "[x]\n");
  RandomAccessMatrixReader reader("scp:" + File("range.scp"));
  EXPECT_EQ(MaxAbsDiff(reader.Value("a"), m.View().RowRange(2, 3)), 0);
  EXPECT_EQ(MaxAbsDiff(reader.Value("b"), m.View().ColRange(1, 2)), 0);
  EXPECT_EQ(MaxAbsDiff(reader.Value("c"), m.View().ColRange(0, 1)), 0);
  EXPECT_HAS(ErrorOf([&] { reader.Value("d"); }), "the range 10:12 is outside 0:9");
  EXPECT_HAS(ErrorOf([&] { reader.Value("e"); }), "not of the form first:last");
}

// Every value that script lines of `ranges` take from the one at `at`; "error" for a DataError.
template <class Reader, class Sum>
std::vector<std::string> Ranges(const std::string &at, const std::vector<std::string> &ranges,
                                Sum shape_and_first) {
  std::string scp;
  for (size_t i = 0; i < ranges.size(); ++i) scp += Cat("k", i, " ", at, ranges[i], "\n");
  WriteFile(File("ranges.scp"), scp);
  std::vector<std::string> results;
  Reader reader("scp:" + File("ranges.scp"));
  for (; !reader.Done(); reader.Next()) {
    try {
      results.push_back(shape_and_first(reader.Value()));
    } catch (const DataError &) {
      results.push_back("error");
    }
  }
  return results;
}

TEST(KaldiTables, RangesOfEveryType) {
  // Element (i, j) is 10 i + j: the first one and the shape say which part was taken.
  Tensor m(10, 4);
  DoubleMatrix d{10, 4, {}};
  std::vector<float> v;
  std::vector<double> w;
  std::vector<int32_t> ints;
  for (int i = 0; i < 10; ++i) {
    for (int j = 0; j < 4; ++j) {
      m(i, j) = static_cast<float>(10 * i + j);
      d.data.push_back(10 * i + j);
    }
    v.push_back(static_cast<float>(i));
    w.push_back(i);
    ints.push_back(i);
  }
  const std::string at = File("r.ark");
  const std::vector<std::string> ranges = {
      "[2:4]",  "[:]",     "[3:]",   "[:3]",      "[0:0,1:2]",    "[:,2:]",
      "[,:1]",  "[8:12]",  "[8:13]", "[0:1,2:4]", "[4:3]",        "[10:10]",
      "[-1:2]", "[1:2:3]", "[1]",    "[a:b]",     "[0:1,0:1,0:1]"};
  const std::vector<std::string> want = {"3x4 20", "10x4 0", "7x4 30", "4x4 0", "1x2 1", "10x2 2",
                                         "10x2 0", "2x4 80", "error",  "error", "error", "error",
                                         "error",  "error",  "error",  "error", "error"};
  WriteObject<MatrixHolder>(at, true, m);
  EXPECT_EQ(
      Ranges<SequentialMatrixReader>(
          at, ranges, [](const Tensor &x) { return Cat(x.Rows(), "x", x.Cols(), " ", x(0, 0)); }),
      want);
  WriteObject<DoubleMatrixHolder>(at, true, d);
  EXPECT_EQ(Ranges<SequentialDoubleMatrixReader>(
                at, ranges,
                [](const DoubleMatrix &x) { return Cat(x.rows, "x", x.cols, " ", x.data[0]); }),
            want);
  const auto list = [](const auto &x) { return Cat(x.size(), " ", x[0]); };
  const std::vector<std::string> parts = {"[2:4]", "[:]",    "[3:]",     "[:3]",
                                          "[9:9]", "[8:12]", "[0:1,0:1]"};
  std::vector<std::string> lists = {"3 2", "10 0", "7 3", "4 0", "1 9", "2 8", "error"};
  WriteObject<VectorHolder>(at, true, v);
  EXPECT_EQ(Ranges<SequentialVectorReader>(at, parts, list), lists);
  WriteObject<DoubleVectorHolder>(at, true, w);
  EXPECT_EQ(Ranges<SequentialDoubleVectorReader>(at, parts, list), lists);
  WriteObject<Int32VectorHolder>(at, true, ints);
  lists[5] = "error";
  EXPECT_EQ(Ranges<SequentialInt32VectorReader>(at, parts, list), lists);
  // Of a compressed matrix, and through a command.
  WriteObject<CompressedMatrixHolder>(at, true,
                                      Compress(m, CompressionMethod::kTwoByteSignedInteger));
  const auto first = [](const Tensor &x) { return Cat(x.Rows(), "x", x.Cols(), " ", x(0, 0)); };
  EXPECT_EQ(Ranges<SequentialMatrixReader>("cat " + at + " |", {"[4:5,1:2]"}, first),
            std::vector<std::string>{"2x2 41"});
  WriteFile(File("empty-range.scp"), "a " + at + "[]\n");
  EXPECT_HAS(ErrorOf([] { SequentialMatrixReader("scp:" + File("empty-range.scp")); }),
             "empty-range.scp:1: an empty range []");
  WriteFile(File("no-range.scp"), "a echo T |[0:1]\n");
  EXPECT_HAS(ErrorOf([] { SequentialBoolReader("scp:" + File("no-range.scp")).Value(); }),
             "a range [0:1] cannot be taken from this type");
}

TEST(KaldiTables, HtkAndSphinx) {
  const auto swapped = [](std::string bytes) {
    std::reverse(bytes.begin(), bytes.end());
    return bytes;
  };
  // 2 frames of 3 floats, kind USER (9), big endian.
  const auto htk = [&](int16_t kind, int16_t frame_bytes) {
    std::string bytes = swapped(Raw<int32_t>({2})) + swapped(Raw<int32_t>({100000})) +
                        swapped(Raw<int16_t>({frame_bytes})) + swapped(Raw<int16_t>({kind}));
    for (float x : {1.F, 2.F, 3.F, 4.F, 5.F, -6.F}) bytes += swapped(Raw<float>({x}));
    return bytes;
  };
  const HtkMatrix read = Parse<HtkMatrixHolder>(htk(9, 12));
  EXPECT_EQ(Floats(read.values), (std::vector<float>{1, 2, 3, 4, 5, -6}));
  EXPECT_EQ(read.period, 100000);
  EXPECT_EQ(read.kind, 9);
  std::ostringstream written;
  HtkMatrixHolder::Write(written, true, read);
  EXPECT_EQ(written.str(), htk(9, 12));
  EXPECT_HAS(ErrorOf([&] { HtkMatrixHolder::Write(written, false, read); }), "no text form");
  const HtkMatrix wide{Tensor(1, 8192), 1, 9};
  EXPECT_HAS(ErrorOf([&] { HtkMatrixHolder::Write(written, true, wide); }), "8191 columns at most");
  std::istringstream two(htk(9 | 010000, 12) + "xx" + "next");  // a checksum follows
  HtkMatrix value;
  HtkMatrixHolder::Read(two, &value);
  EXPECT_EQ(value.values.Rows(), 2);
  EXPECT_EQ(value.kind, 9);  // of what is in memory, which has none
  EXPECT_EQ(two.get(), 'n');
  EXPECT_HAS(ErrorOf([&] { Parse<HtkMatrixHolder>(htk(9 | 02000, 12)); }), "compressed");
  EXPECT_HAS(ErrorOf([&] { Parse<HtkMatrixHolder>(htk(0, 2)); }), "waveforms are not read");
  EXPECT_HAS(ErrorOf([&] { Parse<HtkMatrixHolder>(htk(9, 6)); }), "no HTK file");
  EXPECT_HAS(ErrorOf([&] { Parse<HtkMatrixHolder>(htk(9, 16)); }), "the data end after 24 of 32");
  std::vector<float> numbers(26);
  for (size_t i = 0; i < 26; ++i) numbers[i] = static_cast<float>(i);
  std::string big = swapped(Raw<int32_t>({26}));
  for (float x : numbers) big += swapped(Raw<float>({x}));
  const Tensor m = Parse<SphinxMatrixHolder>(big);
  EXPECT_EQ(m.Rows(), 2);
  EXPECT_EQ(Floats(m), numbers);
  EXPECT_HAS(ErrorOf([] { Parse<SphinxMatrixHolder>(Raw<int32_t>({7})); }), "no multiple of 13");
}

TEST(KaldiTables, SingleObjects) {
  const std::string path = File("object");
  WriteObject<VectorHolder>(path, true, {1, 2, 3});
  EXPECT_EQ(ReadObject<VectorHolder>(path), (std::vector<float>{1, 2, 3}));
  EXPECT_HAS(ErrorOf([&] { ReadObject<MatrixHolder>(path); }), path + ": expected a matrix");
}

}  // namespace
}  // namespace u2moe
