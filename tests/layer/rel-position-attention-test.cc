#include "layer/rel-position-attention.h"

#include "layer/ref/attention.h"
#include "support/layer-test.h"

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
    layer.Forward(ctx, c.mask, x, shape, positions, {}, -1, y, &tape);
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
    layer.Forward(ctx, c.mask, x, shape, positions, {}, -1, y1, nullptr);
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
      layer.Forward(ctx, AttentionMask::Chunk(chunk, left), x, shape, positions, {}, -1, want,
                    nullptr);
      AttentionCache caches[2];
      for (int64_t begin = 0; begin < shape.MaxLength(); begin += chunk) {
        std::vector<AttentionCache *> live;
        std::vector<int> who;
        RaggedShape part;
        PositionRows rows;
        int64_t num_positions = 0;
        for (int b = 0; b < 2; ++b) {
          const int64_t n = std::min(chunk, shape.Length(b) - begin);
          if (n <= 0) continue;
          live.push_back(&caches[b]);
          who.push_back(b);
          part.Append(n);
          rows.begin.push_back(num_positions);
          num_positions += caches[b].k.Rows() + n;
        }
        rows.table = Tensor(num_positions, dim);
        Tensor in(part.TotalRows(), dim), out(part.TotalRows(), dim);
        for (int i = 0; i < part.NumSequences(); ++i) {
          const int b = who[static_cast<size_t>(i)];
          const int64_t past = caches[b].k.Rows(), n = part.Length(i);
          std::copy_n(shape.Rows(x.View(), b).Row(begin), n * dim, part.Rows(in.View(), i).Data());
          std::copy_n(positions.table.View().Row(begin - past), (past + n) * dim,
                      rows.table.View().Row(rows.begin[static_cast<size_t>(i)]));
        }
        layer.Forward(ctx, AttentionMask::Full(), in, part, rows, live,
                      left < 0 ? -1 : left * chunk, out, nullptr);
        for (int i = 0; i < part.NumSequences(); ++i) {
          const int b = who[static_cast<size_t>(i)];
          EXPECT_LT(MaxAbsDiff(part.Rows(out.View(), i),
                               shape.Rows(want.View(), b).RowRange(begin, part.Length(i))),
                    1e-5)
              << "stream " << b << " frame " << begin;
          if (left >= 0) {
            EXPECT_LE(caches[b].k.Rows(), left * chunk);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace u2moe
