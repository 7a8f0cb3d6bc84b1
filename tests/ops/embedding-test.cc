#include "ops/embedding.h"

#include <cstring>
#include <string>

#include "ops/ref/embedding.h"
#include "support/golden-report.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(Embedding, ForwardAndBackward) {
  Context ctx;
  Rng rng(1);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    const int64_t vocabulary = 6;
    const float scale = 5.5f;
    GuardedMatrix table(RandomTensor(&rng, vocabulary, c.cols), c.padding),
        y(c.rows, c.cols, c.padding), dy(RandomTensor(&rng, c.rows, c.cols), c.padding),
        dtable(RandomTensor(&rng, vocabulary, c.cols), c.padding);
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < c.rows; ++i) ids.push_back(static_cast<int32_t>(rng.UniformInt(0, 4)));
    RefMatrix want(c.rows, c.cols), want_grad(dtable.View());
    for (int64_t i = 0; i < c.rows; ++i) {
      for (int64_t j = 0; j < c.cols; ++j) {
        want(i, j) = scale * table.View()(ids[i], j);
        want_grad(ids[i], j) += scale * dy.View()(i, j);
      }
    }
    EmbeddingForward(ctx, table, ids, scale, y);
    EXPECT_LT(MaxAbsDiff(y, want), 1e-5);
    EmbeddingBackward(ctx, ids, scale, dy, dtable);  // adds; row 5 has no token and stays
    EXPECT_LT(MaxAbsDiff(dtable, want_grad), 2e-5);
    EXPECT_TRUE(y.Intact() && dtable.Intact());
  });
}

TEST(Embedding, BadIdsThrow) {
  Context ctx;
  Tensor table(3, 4), y(2, 4);
  EXPECT_THROW(EmbeddingForward(ctx, table, {0, 3}, 1, y), Error);
  EXPECT_THROW(EmbeddingForward(ctx, table, {-1, 0}, 1, y), Error);
  EXPECT_THROW(EmbeddingForward(ctx, table, {0}, 1, y), Error);
  EXPECT_THROW(EmbeddingBackward(ctx, {0, 3}, 1, y, table), Error);
}

TEST(PositionTable, NearTheExactTable) {
  Context ctx;
  Rng rng(3);  // nothing is drawn from it
  ForOpCases(&rng, [&](const OpCase &c) {
    GuardedMatrix y(c.rows, c.cols, c.padding);
    PositionTable(ctx, 0, y);
    EXPECT_LT(MaxAbsDiff(y, ref::PositionTable<double>(0, c.rows, c.cols)), 3e-6);
    EXPECT_TRUE(y.Intact());
  });
}

TEST(PositionTable, AnyBeginGivesTheSameRows) {
  Context ctx;
  ForOpTargets([&](int64_t) {
    Tensor whole(100, 35);
    PositionTable(ctx, 0, whole);
    for (int64_t begin : {0, 1, 63, 99}) {
      Tensor one(1, 35);
      PositionTable(ctx, begin, one);
      EXPECT_EQ(MaxAbsDiff(one, whole.View().RowRange(begin, 1)), 0);
    }
  });
}

TEST(PositionTable, FarPositions) {
  Context ctx;
  Tensor y(3, 16);
  ForOpTargets([&](int64_t) {
    PositionTable(ctx, 1000000, y);  // the angle itself is rounded to 0.03
    EXPECT_LT(MaxAbsDiff(y, ref::PositionTable<double>(1000000, 3, 16)), 0.1);
  });
  EXPECT_THROW(PositionTable(ctx, -1, y), Error);
}

// No maximum: sine and cosine are those of the float32 angle, however large it is.
TEST(PositionTable, FarAnglesAreReducedExactly) {
  Context ctx;
  const int64_t dim = 64;
  ForOpTargets([&](int64_t) {
    for (const int64_t begin : {90000, 1234567, 16777210, 1000000007}) {
      Tensor y(9, dim);
      PositionTable(ctx, begin, y);
      for (int64_t r = 0; r < y.Rows(); ++r) {
        for (int64_t i = 0; i < dim / 2; ++i) {
          const float rate =
              std::exp(static_cast<float>(2 * i) * static_cast<float>(-std::log(10000.0) / dim));
          const double angle = static_cast<float>(begin + r) * rate;
          ASSERT_NEAR(y(r, 2 * i), std::sin(angle), 1e-7) << begin + r << " " << i;
          ASSERT_NEAR(y(r, 2 * i + 1), std::cos(angle), 1e-7) << begin + r << " " << i;
        }
      }
    }
  });
}

// Rows of WeNet's table: 0..63 and six far ones. A Kaldi archive of one float matrix.
TEST(PositionTable, GoldenVectors) {
  const std::string path = GoldenPath("masks/position_table.ark");
  if (path.empty()) GTEST_SKIP() << "no reference vectors masks/position_table.ark";
  const std::string bytes = ReadFile(path), header = std::string("d32 ") + '\0' + "BFM ";
  ASSERT_EQ(bytes.substr(0, header.size()), header);
  int32_t rows = 0, cols = 0;
  std::memcpy(&rows, bytes.data() + header.size() + 1, 4);  // each integer after a byte 4
  std::memcpy(&cols, bytes.data() + header.size() + 6, 4);
  ASSERT_EQ(rows, 70);
  ASSERT_EQ(cols, 32);
  Tensor want(rows, cols), y(rows, cols);
  ASSERT_EQ(bytes.size(), header.size() + 10 + static_cast<size_t>(want.Size()) * sizeof(float));
  std::memcpy(want.Data(), bytes.data() + header.size() + 10,
              static_cast<size_t>(want.Size()) * sizeof(float));
  Context ctx;
  ForOpTargets([&](int64_t) {
    PositionTable(ctx, 0, y.View().RowRange(0, 64));
    const int64_t far[] = {100, 500, 1000, 2000, 3000, 4999};
    for (int64_t i = 0; i < 6; ++i) PositionTable(ctx, far[i], y.View().RowRange(64 + i, 1));
    // An exact table is 2e-6 away in the first rows and 7e-5 in the last: this is the same float32
    // arithmetic, up to the last bit of sin and cos.
    ReportGolden("positions", "masks/position_table.ark", MaxAbsDiff(y, want), 2e-7);
  });
}

}  // namespace
}  // namespace u2moe
