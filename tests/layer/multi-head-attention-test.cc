#include "layer/multi-head-attention.h"

#include <numeric>

#include "layer/ref/attention.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

struct Case {
  const char *name;
  std::vector<int64_t> x_lengths, memory_lengths;  // no memory: self-attention
  std::vector<int> key_index;
  AttentionMask mask;
};

std::vector<Case> Cases() {
  return {{"self, one row", {1}, {}, {0}, AttentionMask::Causal()},
          {"self, causal", {4, 1, 6}, {}, {0, 1, 2}, AttentionMask::Causal()},
          {"self, full", {3, 5}, {}, {0, 1}, AttentionMask::Full()},
          {"cross", {3, 5}, {7, 2}, {0, 1}, AttentionMask::Full()},
          {"hypotheses share memory", {2, 4, 1}, {3, 5, 6}, {1, 1, 0}, AttentionMask::Full()},
          {"one key", {4}, {1}, {0}, AttentionMask::Full()}};
}

RefMatrix Reference(const Case &c, int heads, const RefParams &p, const RefMatrix &x,
                    const RefMatrix &memory) {
  const RaggedShape shape = RaggedShape::FromLengths(c.x_lengths),
                    memory_shape = c.memory_lengths.empty()
                                       ? shape
                                       : RaggedShape::FromLengths(c.memory_lengths);
  RefMatrix y(x.rows, x.cols);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const int m = c.key_index[static_cast<size_t>(b)];
    ref::PutRows(ref::MultiHeadAttention(
                     p, "", heads, c.mask, ref::RowRange(x, shape.Begin(b), shape.Length(b)),
                     ref::RowRange(memory, memory_shape.Begin(m), memory_shape.Length(m))),
                 shape.Begin(b), &y);
  }
  return y;
}

TEST(MultiHeadAttention, IsTheReferenceWithItsGradients) {
  Context ctx;
  Rng rng(4);
  for (const Case &c : Cases()) {
    for (const int heads : {1, 3}) {
      SCOPED_TRACE(Cat(c.name, ", heads ", heads));
      const int64_t dim = 6;
      const bool self = c.memory_lengths.empty();
      const RaggedShape shape = RaggedShape::FromLengths(c.x_lengths),
                        memory_shape = self ? shape : RaggedShape::FromLengths(c.memory_lengths);
      MultiHeadAttention layer(dim, heads), grad(dim, heads);
      RandomizeParams(&rng, &layer);
      FillParams(kGradStart, &grad);
      GuardedMatrix x(RandomTensor(&rng, shape.TotalRows(), dim), 3),
          other(RandomTensor(&rng, memory_shape.TotalRows(), dim), 3), y(shape.TotalRows(), dim, 3),
          dx(shape.TotalRows(), dim, 3), dmemory(memory_shape.TotalRows(), dim, 3),
          dy(RandomTensor(&rng, shape.TotalRows(), dim), 3);
      const ConstView memory = self ? ConstView(x.View()) : ConstView(other.View());
      MultiHeadAttention::Tape tape;
      layer.Forward(ctx, c.mask, x, shape, memory, memory_shape, c.key_index, y, &tape);
      layer.Backward(ctx, x, shape, memory, memory_shape, c.key_index, tape, dy, &grad, dx,
                     dmemory);
      EXPECT_TRUE(WrittenInside(&y) && WrittenInside(&dx) && WrittenInside(&dmemory));

      RefParams params = ParamsOf(&layer);
      RefMatrix ref_x(x.View()), ref_memory(memory);
      const RefMatrix upstream(dy.View());
      const auto forward = [&] {
        return Reference(c, heads, params, ref_x, self ? ref_x : ref_memory);
      };
      const auto loss = [&] { return ref::Dot(upstream, forward()); };
      EXPECT_LT(MaxAbsDiff(y, forward()), 1e-5);
      if (self) {  // x is queries and memory
        for (int64_t i = 0; i < shape.TotalRows(); ++i) {
          for (int64_t j = 0; j < dim; ++j) dx.View()(i, j) += dmemory.View()(i, j);
        }
      } else {
        EXPECT_LT(GradientError(loss, &ref_memory, dmemory), 1e-4);
      }
      EXPECT_LT(GradientError(loss, &ref_x, dx), 1e-4);
      // A bias of all keys shifts all scores of a query alike, which softmax does not see.
      ExpectParamGradients(&grad, &params, loss, 1e-4, "linear_k.bias");

      // Inference gives the same bits.
      Tensor y1(shape.TotalRows(), dim);
      layer.Forward(ctx, c.mask, x, shape, memory, memory_shape, c.key_index, y1, nullptr);
      EXPECT_EQ(MaxAbsDiff(y1, y), 0);
    }
  }
}

// A batch of sequences gives each what it gives alone.
TEST(MultiHeadAttention, SequencesDoNotMix) {
  Context ctx;
  Rng rng(5);
  const int64_t dim = 8;
  MultiHeadAttention layer(dim, 2);
  RandomizeParams(&rng, &layer);
  const RaggedShape shape = RaggedShape::FromLengths({5, 1, 9});
  const Tensor x = RandomTensor(&rng, shape.TotalRows(), dim);
  Tensor y(shape.TotalRows(), dim);
  layer.Forward(ctx, AttentionMask::Full(), x, shape, x, shape, {0, 1, 2}, y, nullptr);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const ConstView own = shape.Rows(x.View(), b);
    const RaggedShape single = RaggedShape::Single(shape.Length(b));
    Tensor alone(shape.Length(b), dim);
    layer.Forward(ctx, AttentionMask::Full(), own, single, own, single, {0}, alone, nullptr);
    EXPECT_LT(MaxAbsDiff(alone, shape.Rows(y.View(), b)), 1e-6) << b;
  }
}

}  // namespace
}  // namespace u2moe
