#include "ops/tree-attention.h"

#include <array>

#include "ops/ref/tree-attention.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

// Trees of several roots; back: how far behind a node its parent may be.
std::vector<int32_t> RandomParents(Rng *rng, int64_t nodes, int64_t back) {
  std::vector<int32_t> parents;
  for (int64_t i = 0; i < nodes; ++i) {
    const int64_t lowest = std::max<int64_t>(-1, i - back);
    parents.push_back(static_cast<int32_t>(rng->UniformInt(lowest, i - 1)));
  }
  return parents;
}

TEST(TreeAttention, EqualsEveryPathAlone) {
  Context ctx;
  Rng rng(1);
  ForOpTargets(&rng, [&](int64_t) {
    for (const auto &[nodes, heads, dk, back] :
         std::vector<std::array<int64_t, 4>>{{0, 1, 3, 1},
                                             {1, 2, 1, 1},
                                             {6, 1, 5, 1},
                                             {9, 3, 8, 9},
                                             {40, 2, 33, 2},
                                             {70, 9, 3, 1},  // a path of 70, more heads than 8
                                             {70, 2, 64, 3}}) {
      const int64_t dim = heads * dk;
      const std::vector<int32_t> parents = RandomParents(&rng, nodes, back);
      GuardedMatrix q(RandomTensor(&rng, nodes, dim), 3), k(RandomTensor(&rng, nodes, dim), 2),
          v(RandomTensor(&rng, nodes, dim), 1), y(nodes, dim, 5);
      TreeAttention(ctx, static_cast<int>(heads), parents, q, k, v, y);
      const RefMatrix want =
          ref::TreeAttention(static_cast<int>(heads), parents, RefMatrix(q.View()),
                             RefMatrix(k.View()), RefMatrix(v.View()));
      EXPECT_LT(MaxAbsDiff(y, want), 2e-6) << nodes;
      EXPECT_TRUE(y.Intact());
    }
  });
}

TEST(TreeAttention, ARowDependsOnItsPathOnly) {
  Context ctx;
  Rng rng(2);
  const int64_t nodes = 50, dim = 24;
  ForOpTargets(&rng, [&](int64_t) {
    const std::vector<int32_t> parents = RandomParents(&rng, nodes, 4);
    const Tensor q = RandomTensor(&rng, nodes, dim), k = RandomTensor(&rng, nodes, dim),
                 v = RandomTensor(&rng, nodes, dim);
    Tensor y(nodes, dim);
    TreeAttention(ctx, 3, parents, q, k, v, y);
    for (int64_t i = 0; i < nodes; ++i) {
      std::vector<int32_t> path;
      for (int32_t j = static_cast<int32_t>(i); j >= 0; j = parents[static_cast<size_t>(j)]) {
        path.insert(path.begin(), j);
      }
      const int64_t length = static_cast<int64_t>(path.size());
      Tensor pq(length, dim), pk(length, dim), pv(length, dim), py(length, dim);
      std::vector<int32_t> chain;
      for (int64_t r = 0; r < length; ++r) {
        const int64_t from = path[static_cast<size_t>(r)];
        chain.push_back(static_cast<int32_t>(r) - 1);
        std::copy_n(q.View().Row(from), dim, pq.View().Row(r));
        std::copy_n(k.View().Row(from), dim, pk.View().Row(r));
        std::copy_n(v.View().Row(from), dim, pv.View().Row(r));
      }
      TreeAttention(ctx, 3, chain, pq, pk, pv, py);
      for (int64_t c = 0; c < dim; ++c) EXPECT_EQ(py(length - 1, c), y(i, c));
    }
  });
}

TEST(TreeAttention, AddedNodesAreThoseOfTheWhole) {
  Context ctx;
  Rng rng(3);
  const int64_t nodes = 30, dim = 24;
  ForOpTargets(&rng, [&](int64_t) {
    const std::vector<int32_t> parents = RandomParents(&rng, nodes, 4);
    const Tensor q = RandomTensor(&rng, nodes, dim), k = RandomTensor(&rng, nodes, dim),
                 v = RandomTensor(&rng, nodes, dim);
    Tensor whole(nodes, dim);
    TreeAttention(ctx, 3, parents, q, k, v, whole);
    for (const int64_t added : {0, 1, 2, 7, 29, 30}) {
      Tensor y(added, dim);
      TreeAttention(ctx, 3, parents, q.View().RowRange(nodes - added, added), k, v, y);
      EXPECT_TRUE(SameBits(y.View(), whole.View().RowRange(nodes - added, added))) << added;
    }
  });
}

TEST(TreeAttention, WrongTreesThrow) {
  Context ctx;
  Tensor x = Tensor::Zeros(2, 4), y(2, 4);
  EXPECT_THROW(TreeAttention(ctx, 2, {-1, 1}, x, x, x, y), Error);
  EXPECT_THROW(TreeAttention(ctx, 2, {-2, 0}, x, x, x, y), Error);
  EXPECT_THROW(TreeAttention(ctx, 2, {-1}, x, x, x, y), Error);
  EXPECT_THROW(TreeAttention(ctx, 3, {-1, 0}, x, x, x, y), Error);
  const Tensor more = Tensor::Zeros(3, 4);
  EXPECT_THROW(TreeAttention(ctx, 2, {-1, 0}, more, x, x, Tensor(3, 4)), Error);
  EXPECT_THROW(TreeAttention(ctx, 2, {-1, 0, 3}, x, more, more, y), Error);
  ForOpTargets([&](int64_t target) {
    if (target != 0) return;  // CUDA's
    for (const auto &parents : {std::vector<int32_t>{-1, 1}, {-2, 0}, {-1, 2}}) {
      TreeAttention(ctx, 2, parents, x, x, x, y);
      EXPECT_TRUE(std::isnan(y(1, 0)));
    }
  });
}

}  // namespace
}  // namespace u2moe
