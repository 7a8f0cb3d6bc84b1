#include "base/span.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace u2moe {
namespace {

int Sum(Span<int> span) {
  int sum = 0;
  for (const int i : span) sum += i;
  return sum;
}

TEST(Span, TakesWhatLiesInARow) {
  const std::vector<int> v = {1, 2, 3};
  const std::array<int, 2> a = {4, 5};
  EXPECT_EQ(Sum(v), 6);
  EXPECT_EQ(Sum(a), 9);
  EXPECT_EQ(Sum({7, 8}), 15);
  EXPECT_EQ(Sum({v.data() + 1, 2}), 5);
  EXPECT_EQ(Sum({}), 0);
}

TEST(Span, Elements) {
  std::vector<int> v = {1, 2, 3};
  const Span<int> span = v;
  EXPECT_EQ(span.size(), 3u);
  EXPECT_EQ(span[1], 2);
  EXPECT_EQ(span.back(), 3);
  v[1] = 9;  // the span sees it
  EXPECT_EQ(span[1], 9);
  EXPECT_TRUE(Span<int>().empty());
  EXPECT_FALSE(span.empty());
}

}  // namespace
}  // namespace u2moe
