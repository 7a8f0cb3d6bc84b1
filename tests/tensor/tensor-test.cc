#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(Tensor, ShapesAsMatrices) {
  struct Case {
    std::vector<int64_t> shape;
    int64_t rows, cols;
    const char *text;
  };
  for (const Case &c : {Case{{}, 0, 0, "[]"},
                        {{5}, 1, 5, "[5]"},
                        {{0}, 1, 0, "[0]"},
                        {{3, 4}, 3, 4, "[3, 4]"},
                        {{0, 4}, 0, 4, "[0, 4]"},
                        {{3, 0}, 3, 0, "[3, 0]"},
                        {{2, 3, 4, 5}, 2, 60, "[2, 3, 4, 5]"},
                        {{0, 3, 4}, 0, 12, "[0, 3, 4]"}}) {
    Tensor t(c.shape);
    EXPECT_EQ(t.Rows(), c.rows) << c.text;
    EXPECT_EQ(t.Cols(), c.cols) << c.text;
    EXPECT_EQ(t.Size(), c.rows * c.cols) << c.text;
    EXPECT_EQ(t.Empty(), t.Size() == 0) << c.text;
    EXPECT_EQ(t.ShapeString(), c.text);
    EXPECT_EQ(t.Shape(), c.shape);
    t.SetZero();
  }
  EXPECT_EQ(Tensor().Rows(), 0);
  EXPECT_TRUE(Tensor().Empty());
}

TEST(Tensor, ImpossibleShapesThrow) {
  EXPECT_THROW(Tensor(-1, 3), Error);
  EXPECT_THROW(Tensor(std::vector<int64_t>{1, 1, 1, 1, 1}), Error);
  const int64_t huge = std::numeric_limits<int64_t>::max() / 2;
  EXPECT_THROW(Tensor(huge, 3), Error);
  EXPECT_THROW(Tensor(std::vector<int64_t>{2, huge, 3}), Error);
  EXPECT_THROW(Tensor(1, int64_t{1} << 50), std::bad_alloc);
}

TEST(Tensor, CopyIsDeepAndMoveEmpties) {
  Tensor a = Tensor::Zeros(2, 3);
  a(1, 2) = 7;
  Tensor b = a;
  b(1, 2) = 8;
  EXPECT_EQ(a(1, 2), 7);
  EXPECT_NE(a.Data(), b.Data());

  const float *data = a.Data();
  Tensor c = std::move(a);
  EXPECT_EQ(c.Data(), data);
  EXPECT_TRUE(a.Empty());  // NOLINT(bugprone-use-after-move): the moved-from state is promised
  EXPECT_EQ(a.Rows(), 0);
  EXPECT_EQ(a.Data(), nullptr);
  b = std::move(c);
  EXPECT_EQ(b.Data(), data);
  EXPECT_EQ(c.Size(), 0);
  Tensor &self = b;
  b = self;
  EXPECT_EQ(b(1, 2), 7);
  b = std::move(self);
  EXPECT_EQ(b(1, 2), 7);
}

TEST(Tensor, CopyOfAStridedView) {
  Rng rng(1);
  Tensor a = RandomTensor(&rng, 4, 6);
  Tensor b = Tensor::Copy(a.View().ColRange(2, 3).RowRange(1, 2));
  ASSERT_EQ(b.Rows(), 2);
  ASSERT_EQ(b.Cols(), 3);
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 3; ++j) EXPECT_EQ(b(i, j), a(i + 1, j + 2));
  }
  EXPECT_EQ(Tensor::Copy(Tensor(0, 3)).Cols(), 3);
}

TEST(Tensor, BorrowedMemoryLivesAsLongAsTheTensor) {
  auto owner = std::make_shared<std::vector<float>>(6, 2.5f);
  std::weak_ptr<std::vector<float>> watch = owner;
  {
    Tensor t = Tensor::Borrow(std::shared_ptr<float>(owner, owner->data()), {2, 3});
    owner.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(t(1, 1), 2.5f);
    Tensor copy = t;
    copy(1, 1) = 0;
    EXPECT_EQ(t(1, 1), 2.5f);
  }
  EXPECT_TRUE(watch.expired());
}

TEST(View, RangesAndShapes) {
  Tensor t(3, 4);
  for (int64_t i = 0; i < 12; ++i) t.Data()[i] = static_cast<float>(i);
  ConstView v = t;
  ConstView part = v.RowRange(1, 2).ColRange(1, 2);
  EXPECT_EQ(part.Stride(), 4);
  EXPECT_EQ(part(0, 0), 5);
  EXPECT_EQ(part(1, 1), 10);
  EXPECT_FALSE(part.Contiguous());
  EXPECT_TRUE(v.RowRange(2, 1).ColRange(1, 2).Contiguous());
  EXPECT_TRUE(v.RowRange(3, 0).Empty());
  EXPECT_EQ(v.Reshape(2, 6)(1, 0), 6);
  EXPECT_THROW(part.Reshape(1, 4), Error);
  EXPECT_THROW(v.Reshape(5, 2), Error);
  EXPECT_NO_THROW(CHECK_SHAPE(v, 3, 4));
  EXPECT_THROW(CHECK_SHAPE(v, 4, 3), Error);
}

TEST(TestUtil, MaxAbsDiffSeesNaNAndInfinity) {
  const float inf = std::numeric_limits<float>::infinity(),
              nan = std::numeric_limits<float>::quiet_NaN();
  auto diff = [](float x, float y) {
    Tensor a = Tensor::Zeros(2, 2), b = Tensor::Zeros(2, 2);
    a(1, 0) = x;
    b(1, 0) = y;
    return MaxAbsDiff(a, b);
  };
  EXPECT_EQ(diff(1, 3), 2);
  EXPECT_EQ(diff(inf, inf), 0);
  EXPECT_EQ(diff(inf, -inf), inf);
  EXPECT_EQ(diff(inf, 1), inf);
  EXPECT_EQ(diff(nan, 1), inf);
  EXPECT_EQ(diff(nan, nan), inf);
  EXPECT_EQ(MaxAbsDiff(Tensor(0, 3), Tensor(0, 3)), 0);
  EXPECT_THROW(MaxAbsDiff(Tensor(1, 3), Tensor(3, 1)), Error);
}

}  // namespace
}  // namespace u2moe
