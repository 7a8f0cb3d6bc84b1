#include "layer/rel-position-attention.h"

#include "layer/ref/attention.h"
#include "support/layer-test.h"
#include "tensor/allocator.h"

namespace u2moe {
namespace {

struct Case {
  std::vector<int64_t> lengths;
  int heads;
  AttentionMask mask;
  bool own_positions;  // each sequence has a piece of the table of its own
};

std::vector<Case> Cases() {
  return {{{1}, 1, AttentionMask::Full(), false},
          {{5, 1, 7}, 2, AttentionMask::Full(), false},
          {{5, 1, 7}, 3, AttentionMask::Full(), true},
          {{9, 4}, 2, AttentionMask::Chunk(3, -1), false},
          {{9, 4}, 1, AttentionMask::Chunk(2, 1), true},
          {{6}, 3, AttentionMask::Chunk(1, 0), false}};
}

PositionRows RandomPositions(Rng *rng, const RaggedShape &shape, bool own, int64_t dim) {
  PositionRows positions;
  positions.table = RandomTensor(rng, own ? shape.TotalRows() : shape.MaxLength(), dim);
  for (int b = 0; b < shape.NumSequences(); ++b)
    positions.begin.push_back(own ? shape.Begin(b) : 0);
  return positions;
}

TEST(RelPositionAttention, IsThePublishedFormWithItsGradients) {
  Context ctx;
  Rng rng(6);
  const int64_t dim = 6;
  for (const Case &c : Cases()) {
    SCOPED_TRACE(Cat(c.lengths.size(), " sequences, heads ", c.heads, ", chunk ", c.mask.chunk));
    const RaggedShape shape = RaggedShape::FromLengths(c.lengths);
    const int64_t rows = shape.TotalRows();
    RelPositionAttention layer(dim, c.heads), grad(dim, c.heads);
    RandomizeParams(&rng, &layer);
    FillParams(kGradStart, &grad);
    const PositionRows positions = RandomPositions(&rng, shape, c.own_positions, dim);
    GuardedMatrix x(RandomTensor(&rng, rows, dim), 3), y(rows, dim, 3), dx(rows, dim, 3),
        dy(RandomTensor(&rng, rows, dim), 3);
    RelPositionAttention::Tape tape;
    layer.Forward(ctx, c.mask, x, shape, positions, {}, y, &tape);
    layer.Backward(ctx, x, shape, positions, tape, dy, &grad, dx);
    EXPECT_TRUE(WrittenInside(&y) && WrittenInside(&dx));

    RefParams params = ParamsOf(&layer);
    RefMatrix ref_x(x.View());
    const RefMatrix upstream(dy.View()), table(positions.table);
    const auto forward = [&] {
      RefMatrix want(rows, dim);
      for (int b = 0; b < shape.NumSequences(); ++b) {
        const int64_t n = shape.Length(b);
        const RefMatrix p = ref::RowRange(table, positions.begin[static_cast<size_t>(b)], n);
        ref::PutRows(ref::RelPositionAttention(params, "", c.heads, c.mask,
                                               ref::RowRange(ref_x, shape.Begin(b), n), p),
                     shape.Begin(b), &want);
      }
      return want;
    };
    const auto loss = [&] { return ref::Dot(upstream, forward()); };
    EXPECT_LT(MaxAbsDiff(y, forward()), 1e-5);
    EXPECT_LT(GradientError(loss, &ref_x, dx), 1e-4);
    // A bias of all keys shifts all scores of a query alike, which softmax does not see.
    ExpectParamGradients(&grad, &params, loss, 1e-4, "linear_k.bias");

    Tensor y1(rows, dim);
    layer.Forward(ctx, c.mask, x, shape, positions, {}, y1, nullptr);
    EXPECT_EQ(MaxAbsDiff(y1, y), 0);
  }
}

// Two streams side by side, chunk by chunk with caches, against the masked layer on the whole.
TEST(RelPositionAttention, StreamsAsTheMaskedLayer) {
  Context ctx;
  Rng rng(7);
  const int64_t dim = 8;
  RelPositionAttention layer(dim, 2);
  RandomizeParams(&rng, &layer);
  const RaggedShape shape = RaggedShape::FromLengths({13, 14});
  const Tensor x = RandomTensor(&rng, shape.TotalRows(), dim);
  const PositionRows positions = RandomPositions(&rng, shape, false, dim);
  for (const int64_t chunk : {1, 3, 5, 20}) {
    for (const int64_t left : {-1, 0, 1, 2, 50}) {
      SCOPED_TRACE(Cat("chunk ", chunk, " left ", left));
      Tensor want(shape.TotalRows(), dim);
      layer.Forward(ctx, AttentionMask::Chunk(chunk, left), x, shape, positions, {}, want, nullptr);
      AttentionCache caches[2];
      for (int64_t begin = 0; begin < shape.MaxLength(); begin += chunk) {
        std::vector<AttentionCache *> live;
        std::vector<int> who;
        RaggedShape part;
        PositionRows rows;
        for (int b = 0; b < 2; ++b) {
          const int64_t n = std::min(chunk, shape.Length(b) - begin);
          if (n <= 0) continue;
          live.push_back(&caches[b]);
          who.push_back(b);
          rows.begin.push_back(part.TotalRows());
          part.Append(n);
        }
        rows.table = Tensor(part.TotalRows(), dim);
        Tensor in(part.TotalRows(), dim), out(part.TotalRows(), dim);
        for (int i = 0; i < part.NumSequences(); ++i) {
          const int b = who[static_cast<size_t>(i)];
          const int64_t n = part.Length(i);
          std::copy_n(shape.Rows(x.View(), b).Row(begin), n * dim, part.Rows(in.View(), i).Data());
          std::copy_n(positions.table.View().Row(begin), n * dim,
                      part.Rows(rows.table.View(), i).Data());
        }
        // One whose results nobody takes over leaves no trace.
        layer.Forward(ctx, AttentionMask::Full(), rows.table, part, rows, live, out, nullptr);
        layer.Forward(ctx, AttentionMask::Full(), in, part, rows, live, out, nullptr);
        for (AttentionCache *cache : live) cache->Commit(left < 0 ? -1 : left * chunk);
        for (int i = 0; i < part.NumSequences(); ++i) {
          const int b = who[static_cast<size_t>(i)];
          EXPECT_LT(MaxAbsDiff(part.Rows(out.View(), i),
                               shape.Rows(want.View(), b).RowRange(begin, part.Length(i))),
                    1e-5)
              << "stream " << b << " frame " << begin;
          if (left >= 0) {
            EXPECT_LE(caches[b].Rows(), left * chunk);
          }
        }
      }
    }
  }
}

// Rows appended and dropped in any amounts, commits left out: always the last of what was appended.
TEST(AttentionCache, KeepsTheLastRows) {
  Rng rng(8);
  for (const int64_t max_rows : {-1, 0, 1, 7, 40}) {
    AttentionCache cache;
    std::vector<float> all;  // the value in column 0 of each row
    for (int step = 0; step < 300; ++step) {
      const int64_t n = rng.UniformInt(1, 9), past = cache.Rows();
      ASSERT_EQ(past, max_rows < 0 ? static_cast<int64_t>(all.size())
                                   : std::min<int64_t>(max_rows, static_cast<int64_t>(all.size())));
      const AttentionCache::Views rows = cache.Extend(Context(), n, 3, 2);
      for (const View &x : {rows.keys, rows.values, rows.key_biases}) {
        ASSERT_EQ(x.Rows(), past + n);
        for (int64_t i = 0; i < past; ++i)
          ASSERT_EQ(x(i, 1), all[all.size() - static_cast<size_t>(past - i)] + 0.5f);
        for (int64_t i = 0; i < n; ++i) x(past + i, 1) = static_cast<float>(step * 10 + i) + 0.5f;
      }
      if (rng.UniformInt(0, 3) == 0) continue;
      for (int64_t i = 0; i < n; ++i) all.push_back(static_cast<float>(step * 10 + i));
      cache.Commit(max_rows);
    }
  }
}

TEST(AttentionCache, SteadyStateAllocatesNothing) {
  AttentionCache cache;
  int64_t before = 0;
  for (int step = 0; step < 1000; ++step) {
    if (step == 20) before = NumSystemAllocations();
    cache.Extend(Context(), 16, 32, 4);
    cache.Commit(64);
  }
  EXPECT_EQ(NumSystemAllocations(), before);
}

}  // namespace
}  // namespace u2moe
