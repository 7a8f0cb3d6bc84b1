#include "layer/position-projections.h"

#include "base/thread-pool.h"
#include "ops/embedding.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

// Pieces, several pieces, and what lies beyond those that are kept; several threads at once.
TEST(PositionProjections, AreTheMappedTable) {
  const Context ctx;
  Rng rng(9);
  const int64_t dim = 24, kept = PositionProjections::kMaxKept;
  Linear map(dim, dim, false);
  RandomizeParams(&rng, &map);
  map.SetPacked(PackedMatrix::Pack(map.Weight(), WeightFormat::kFloat32));
  const int64_t positions = kept + 300;
  Tensor table(positions, dim), want(positions, dim);
  PositionTable(ctx, 0, table);
  map.Forward(ctx, table, want);
  PositionProjections projections;
  ThreadPool pool(4);
  std::vector<double> worst(300);
  pool.ParallelFor(300, [&](int64_t i) {
    Rng own(static_cast<uint64_t>(i));
    const int64_t first = i == 0 ? 0 : own.UniformInt(0, positions - 1);
    const int64_t n =
        i == 0 ? positions : own.UniformInt(0, std::min<int64_t>(150, positions - first));
    Tensor got(n, dim);
    projections.Rows(Context(), map, first, got);
    worst[static_cast<size_t>(i)] = MaxAbsDiff(got, want.View().RowRange(first, n));
  });
  for (const double w : worst) EXPECT_EQ(w, 0);
  Tensor far(2, dim), far_table(2, dim), far_want(2, dim);
  PositionTable(ctx, 5000000, far_table);
  map.Forward(ctx, far_table, far_want);
  projections.Rows(ctx, map, 5000000, far);
  EXPECT_EQ(MaxAbsDiff(far, far_want), 0);
}

}  // namespace
}  // namespace u2moe
