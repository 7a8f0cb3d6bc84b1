#include "tensor/ragged.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(RaggedShape, Empty) {
  const RaggedShape s;
  EXPECT_EQ(s.NumSequences(), 0);
  EXPECT_EQ(s.TotalRows(), 0);
  EXPECT_EQ(s.MaxLength(), 0);
}

TEST(RaggedShape, OffsetsAndRows) {
  RaggedShape s = RaggedShape::FromLengths({3, 0, 4});
  s.Append(1);
  EXPECT_EQ(s.NumSequences(), 4);
  EXPECT_EQ(s.TotalRows(), 8);
  EXPECT_EQ(s.MaxLength(), 4);
  EXPECT_EQ(s.Begin(2), 3);
  EXPECT_EQ(s.End(2), 7);
  EXPECT_EQ(s.Length(1), 0);

  Rng rng(1);
  Tensor x = RandomTensor(&rng, 8, 5);
  ConstView rows = s.Rows(ConstView(x), 2);
  EXPECT_EQ(rows.Rows(), 4);
  EXPECT_EQ(rows(0, 1), x(3, 1));
  s.Rows(x.View(), 3)(0, 0) = 9;
  EXPECT_EQ(x(7, 0), 9);
  EXPECT_TRUE(s.Rows(ConstView(x), 1).Empty());
}

TEST(RaggedShape, Single) {
  EXPECT_EQ(RaggedShape::Single(7).NumSequences(), 1);
  EXPECT_EQ(RaggedShape::Single(7).TotalRows(), 7);
}

TEST(RaggedShape, NegativeLengthThrows) {
  RaggedShape s;
  EXPECT_THROW(s.Append(-1), Error);
}

}  // namespace
}  // namespace u2moe
