#include "table/compressed-matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"

namespace u2moe {
namespace {

using Format = CompressedMatrix::Format;
using Words = std::vector<uint16_t>;
using Bytes = std::vector<uint8_t>;

constexpr float kInf = std::numeric_limits<float>::infinity();

CompressionMethod Method(int n) { return ToCompressionMethod(n); }

Tensor Matrix(int64_t rows, int64_t cols, const std::vector<float> &values) {
  Tensor m(rows, cols);
  std::copy(values.begin(), values.end(), m.Data());
  return m;
}

TEST(CompressedMatrix, CodesByHand) {
  const Tensor m = Matrix(2, 2, {-1, 0, 0.5, 3});
  const CompressedMatrix two = Compress(m, Method(3));
  EXPECT_EQ(two.format, Format::kTwoByte);
  EXPECT_EQ(two.min_value, -1);
  EXPECT_EQ(two.range, 4);
  EXPECT_EQ(two.words, (Words{0, 16384, 24576, 65535}));  // 16383.75 and 24575.625, rounded
  const CompressedMatrix one = Compress(m, Method(5));
  EXPECT_EQ(one.format, Format::kOneByte);
  EXPECT_EQ(one.bytes, (Bytes{0, 64, 96, 255}));  // 63.75, 95.625
  // A fixed interval clips what lies outside, infinities too.
  const Tensor wide = Matrix(1, 5, {-40000, -32768, 0.2F, 32767, kInf});
  EXPECT_EQ(Compress(wide, Method(4)).words, (Words{0, 0, 32768, 65535, 65535}));
  EXPECT_EQ(Compress(wide, Method(6)).bytes, (Bytes{0, 0, 0, 255, 255}));
  EXPECT_EQ(Compress(wide, Method(7)).bytes, (Bytes{0, 0, 51, 255, 255}));
  EXPECT_EQ(Decompress(Compress(Matrix(1, 3, {-7, 0, 12345}), Method(4))),
            (std::vector<float>{-7, 0, 12345}));
}

TEST(CompressedMatrix, PercentilesByHand) {
  // 0...1023 in one column: min 0, range 1023; ranks 0, 256, 768, 1023.
  Tensor m(1024, 1);
  for (int i = 0; i < 1024; ++i) m(i, 0) = static_cast<float>(i * 5 % 1024);
  const CompressedMatrix c = Compress(m, Method(2));
  EXPECT_EQ(c.format, Format::kColumns);
  EXPECT_EQ(c.words, (Words{0, 16400, 49199, 65535}));  // 256 / 1023 * 65535 = 16399.75...
  ASSERT_EQ(c.bytes.size(), 1024u);
  EXPECT_EQ(c.bytes[0], 0);
  const std::vector<float> back = Decompress(c);
  for (int i = 0; i < 1024; ++i) EXPECT_NEAR(back[static_cast<size_t>(i)], m(i, 0), 2.1) << i;
  // Constant columns, and fewer rows than percentiles: codes stay apart.
  EXPECT_EQ(Compress(Matrix(1, 1, {5}), Method(2)).words, (Words{0, 1, 2, 3}));
  EXPECT_EQ(Compress(Matrix(2, 1, {5, 5}), Method(2)).words, (Words{0, 1, 2, 3}));
  const CompressedMatrix top = Compress(Matrix(5, 2, {0, 9, 0, 9, 0, 9, 0, 9, 0, 9}), Method(2));
  EXPECT_EQ(top.words, (Words{0, 1, 2, 3, 65532, 65533, 65534, 65535}));
}

TEST(CompressedMatrix, AutomaticChoosesByRows) {
  Rng rng(1);
  EXPECT_EQ(Compress(RandomTensor(&rng, 8, 3), Method(1)).format, Format::kTwoByte);
  EXPECT_EQ(Compress(RandomTensor(&rng, 9, 3), Method(1)).format, Format::kColumns);
  EXPECT_THROW(ToCompressionMethod(0), UsageError);
  EXPECT_THROW(ToCompressionMethod(8), UsageError);
}

TEST(CompressedMatrix, ErrorsAreAsSmallAsTheCodesAllow) {
  Rng rng(2);
  for (const auto &[rows, cols] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 9}, {4, 3}, {70, 5}}) {
    const Tensor m = RandomTensor(&rng, rows, cols, 10);
    for (const auto &[method, steps] : std::vector<std::pair<int, float>>{{3, 65535}, {5, 255}}) {
      const CompressedMatrix c = Compress(m, Method(method));
      const std::vector<float> back = Decompress(c);
      for (int64_t i = 0; i < m.Size(); ++i) {
        EXPECT_NEAR(back[static_cast<size_t>(i)], m.Data()[i], 0.51F * c.range / steps);
      }
    }
  }
}

TEST(CompressedMatrix, WhatHasNoCodeIsRefused) {
  const float nan = std::nanf("");
  for (int method = 1; method <= 7; ++method) {
    EXPECT_HAS(ErrorOf([&] {
                 Compress(Matrix(2, 2, {0, 1, nan, 2}), Method(method));
               }),
               "row 1, column 0 is NaN");
  }
  for (int method : {1, 2, 3, 5}) {
    for (const auto &values :
         std::vector<std::vector<float>>{{0, kInf}, {-kInf, 0}, {kInf, kInf}, {-3e38F, 3e38F}}) {
      EXPECT_THROW(Compress(Matrix(2, 1, values), Method(method)), DataError);
    }
  }
}

TEST(CompressedMatrix, TablesKeepTheCodes) {
  Rng rng(3);
  const std::string path = TempDir() + "/c.ark";
  std::vector<CompressedMatrix> all = {Compress(Tensor(0, 0), Method(1))};
  for (int method = 2; method <= 7; ++method) {
    all.push_back(Compress(RandomTensor(&rng, 20, method), Method(method)));
  }
  CompressedMatrixWriter writer("ark:" + path);
  for (size_t i = 0; i < all.size(); ++i) writer.Write("k" + std::to_string(i), all[i]);
  writer.Close();
  SequentialCompressedMatrixReader reader("ark:" + path);
  SequentialMatrixReader values("ark:" + path);
  SequentialMatrixReader skipping("ark:" + path);
  for (const CompressedMatrix &want : all) {
    const CompressedMatrix &got = reader.Value();
    EXPECT_TRUE(got.words == want.words && got.bytes == want.bytes && got.range == want.range &&
                got.min_value == want.min_value && got.format == want.format);
    EXPECT_EQ(values.Value().Rows(), want.rows);
    EXPECT_EQ(
        std::vector<float>(values.Value().Data(), values.Value().Data() + values.Value().Size()),
        Decompress(want));
    reader.Next();
    values.Next();
    EXPECT_EQ(skipping.Done(), false);
    skipping.Next();
  }
  EXPECT_TRUE(reader.Done() && values.Done() && skipping.Done());
}

// "CM ", then Kaldi's 20 bytes where 16 are meant.
TEST(CompressedMatrix, ReadsKaldisEmptyMatrix) {
  const std::string path = TempDir() + "/empty.ark";
  WriteFile(path, "a " + std::string("\0BCM \1\0\0\0", 9) + std::string(16, '\0') + "b  [ 1 ]\n");
  SequentialMatrixReader reader("ark:" + path);
  EXPECT_TRUE(reader.Value().Empty());
  reader.Next();
  EXPECT_EQ(reader.Key(), "b");
  EXPECT_EQ(reader.Value()(0, 0), 1);
}

}  // namespace
}  // namespace u2moe
