#include "feat/frame-join.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(ConcatFrames, OneAfterAnother) {
  Rng rng(1);
  const Tensor a = RandomTensor(&rng, 3, 4), b = RandomTensor(&rng, 1, 4);
  const Tensor y = ConcatFrames({a, Tensor(0, 0), b, a});
  ASSERT_EQ(y.Rows(), 7);
  EXPECT_EQ(MaxAbsDiff(y.View().RowRange(0, 3), a), 0);
  EXPECT_EQ(MaxAbsDiff(y.View().RowRange(3, 1), b), 0);
  EXPECT_EQ(MaxAbsDiff(y.View().RowRange(4, 3), a), 0);
  EXPECT_EQ(ConcatFrames({Tensor(0, 0), Tensor(0, 0)}).Rows(), 0);
  EXPECT_THROW(ConcatFrames({a, RandomTensor(&rng, 3, 5)}), DataError);
}

TEST(PasteFrames, SideBySide) {
  Rng rng(2);
  const Tensor a = RandomTensor(&rng, 5, 2), b = RandomTensor(&rng, 4, 3),
               c = RandomTensor(&rng, 6, 1);
  EXPECT_THROW(PasteFrames({a, b}, 0), DataError);
  EXPECT_THROW(PasteFrames({a, b, c}, 1), DataError);
  const Tensor y = PasteFrames({a, b, c}, 2);
  ASSERT_EQ(y.Rows(), 4);
  ASSERT_EQ(y.Cols(), 6);
  EXPECT_EQ(MaxAbsDiff(y.View().ColRange(0, 2), a.View().RowRange(0, 4)), 0);
  EXPECT_EQ(MaxAbsDiff(y.View().ColRange(2, 3), b), 0);
  EXPECT_EQ(MaxAbsDiff(y.View().ColRange(5, 1), c.View().RowRange(0, 4)), 0);
  EXPECT_THROW(PasteFrames({a, Tensor(0, 0)}, 100), DataError);
}

}  // namespace
}  // namespace u2moe
