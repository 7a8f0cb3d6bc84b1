#include "ops/attention.h"

#include <array>
#include <nlohmann/json.hpp>

#include "ops/ref/attention.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

struct Case {
  int64_t tq, tk;
  int heads;
  int64_t dk;
  AttentionMask mask;
  bool bias;
};

const AttentionMask kFull = AttentionMask::Full(), kCausal = AttentionMask::Causal();

// Odd sizes, one row, one head, more and fewer keys than queries, rows that see no key.
std::vector<Case> SmallCases() {
  return {{1, 1, 1, 1, kFull, false},
          {1, 7, 1, 5, kFull, true},
          {3, 1, 2, 3, kFull, true},
          {6, 6, 3, 4, kCausal, false},
          {9, 9, 1, 8, AttentionMask::Chunk(4, -1), true},
          {11, 11, 2, 3, AttentionMask::Chunk(2, 1), true},
          {7, 7, 2, 5, AttentionMask::Chunk(3, 0), true},
          {5, 12, 2, 6, kFull, true},
          {12, 5, 2, 7, kCausal, true},
          {9, 4, 1, 3, AttentionMask::Chunk(2, 1), true},  // the last rows see no key
          {2, 0, 2, 2, kFull, true}};
}

// Sizes with whole and broken tiles, several blocks of rows, and the real ones.
std::vector<Case> LargeCases() {
  return {{70, 70, 4, 24, kFull, true},
          {70, 131, 3, 17, kFull, true},
          {200, 200, 2, 24, AttentionMask::Chunk(16, 2), true},
          {200, 200, 2, 24, AttentionMask::Chunk(25, -1), true},
          {150, 150, 2, 8, AttentionMask::Chunk(100, 0), false},
          {130, 130, 2, 64, kCausal, false},
          {250, 250, 2, 64, kFull, true},
          {5, 4000, 1, 16, kFull, true},
          {60, 4000, 1, 16, kFull, false},
          // Heads of more columns than a block of a GPU has, at the edges of its tiles.
          {70, 70, 1, 128, AttentionMask::Chunk(8, 1), true},
          {33, 65, 2, 129, kFull, true},
          {3, 32, 1, 700, kFull, true},
          {20, 33, 1, 260, kCausal, true}};
}

struct Inputs {
  Inputs(Rng *rng, const Case &c, int64_t padding)
      : q(RandomTensor(rng, c.tq, c.heads * c.dk), padding),
        k(RandomTensor(rng, c.tk, c.heads * c.dk), padding),
        v(RandomTensor(rng, c.tk, c.heads * c.dk), padding),
        bias(RandomTensor(rng, c.tk, c.heads), padding),
        y(c.tq, c.heads * c.dk, padding) {}
  ConstView Bias(const Case &c) { return c.bias ? ConstView(bias.View()) : ConstView(); }

  GuardedMatrix q, k, v, bias, y;
};

std::string Describe(const Case &c) {
  return Cat("Tq ", c.tq, " Tk ", c.tk, " heads ", c.heads, " dk ", c.dk, " mask ",
             static_cast<int>(c.mask.kind), " chunk ", c.mask.chunk, " left ", c.mask.left);
}

TEST(Attention, ForwardIsTheReference) {
  Context ctx;
  Rng rng(1);
  std::vector<Case> cases = SmallCases();
  for (const Case &c : LargeCases()) cases.push_back(c);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : cases) {
      SCOPED_TRACE(Describe(c));
      for (int64_t padding : {0, 5}) {
        Inputs in(&rng, c, padding);
        Tensor probs;
        AttentionForward(ctx, c.heads, c.mask, in.q, in.k, in.v, in.Bias(c), in.y, &probs);
        const RefMatrix want =
            ref::Attention<double>(c.heads, c.mask, RefMatrix(in.q), RefMatrix(in.k),
                                   RefMatrix(in.v), RefMatrix(in.Bias(c)));
        EXPECT_LT(MaxAbsDiff(in.y, want), 3e-6);
        EXPECT_TRUE(in.y.Intact() && in.q.Intact() && in.k.Intact() && in.v.Intact());

        // The probabilities: of the mask's shape, with sum 1.
        ASSERT_EQ(probs.Size(), c.heads * c.tq * c.tk);
        for (int64_t r = 0; r < c.heads * c.tq; ++r) {
          const int64_t i = r % c.tq, begin = c.mask.Begin(i), end = c.mask.End(i, c.tk);
          double sum = 0;
          for (int64_t j = 0; j < c.tk; ++j) {
            const float p = probs.Data()[r * c.tk + j];
            if (j < begin || j >= end) {
              ASSERT_EQ(p, 0.f);
            }
            sum += p;
          }
          ASSERT_NEAR(sum, begin < end ? 1 : 0, 1e-5);
        }

        // Inference gives the same bits.
        const Tensor y1 = Tensor::Copy(in.y.View());
        AttentionForward(ctx, c.heads, c.mask, in.q, in.k, in.v, in.Bias(c), in.y, nullptr);
        EXPECT_EQ(MaxAbsDiff(in.y, y1), 0);
      }
    }
  });
}

TEST(Attention, BackwardIsTheGradient) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : SmallCases()) {
      SCOPED_TRACE(Describe(c));
      for (int64_t padding : {0, 5}) {
        Inputs in(&rng, c, padding);
        GuardedMatrix dy(RandomTensor(&rng, c.tq, c.heads * c.dk), padding),
            dq(c.tq, c.heads * c.dk, padding), dk(c.tk, c.heads * c.dk, padding),
            dv(c.tk, c.heads * c.dk, padding), dbias(c.tk, c.heads, padding);
        Tensor probs;
        AttentionForward(ctx, c.heads, c.mask, in.q, in.k, in.v, in.Bias(c), in.y, &probs);
        AttentionBackward(ctx, c.heads, in.q, in.k, in.v, probs, dy, dq, dk, dv,
                          c.bias ? dbias.View() : View());
        EXPECT_TRUE(dq.Intact() && dk.Intact() && dv.Intact() && dbias.Intact());

        RefMatrix q(in.q), k(in.k), v(in.v), bias(in.Bias(c));
        const RefMatrix upstream(dy.View());
        const auto loss = [&] {
          return ref::Dot(upstream, ref::Attention<double>(c.heads, c.mask, q, k, v, bias));
        };
        EXPECT_LT(GradientError(loss, &q, dq), 1e-5);
        EXPECT_LT(GradientError(loss, &k, dk), 1e-5);
        EXPECT_LT(GradientError(loss, &v, dv), 1e-5);
        if (c.bias) {
          EXPECT_LT(GradientError(loss, &bias, dbias), 1e-5);
        }
      }
    }
  });
}

// Large shapes against the gradient written out in double.
TEST(Attention, BackwardOfLargeShapes) {
  Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : LargeCases()) {
      SCOPED_TRACE(Describe(c));
      Inputs in(&rng, c, 3);
      const int64_t dim = c.heads * c.dk;
      GuardedMatrix dy(RandomTensor(&rng, c.tq, dim), 3), dq(c.tq, dim, 3), dk(c.tk, dim, 3),
          dv(c.tk, dim, 3), dbias(c.tk, c.heads, 3);
      Tensor probs;
      AttentionForward(ctx, c.heads, c.mask, in.q, in.k, in.v, in.Bias(c), in.y, &probs);
      AttentionBackward(ctx, c.heads, in.q, in.k, in.v, probs, dy, dq, dk, dv, dbias);
      EXPECT_TRUE(dq.Intact() && dk.Intact() && dv.Intact() && dbias.Intact());

      RefMatrix q(in.q), k(in.k), v(in.v), g(dy), want_q(c.tq, dim), want_k(c.tk, dim),
          want_v(c.tk, dim), want_bias(c.tk, c.heads);
      const double scale = 1 / std::sqrt(static_cast<double>(c.dk));
      for (int h = 0; h < c.heads; ++h) {
        for (int64_t i = 0; i < c.tq; ++i) {
          const float *p = probs.Data() + (h * c.tq + i) * c.tk;
          std::vector<double> dp(static_cast<size_t>(c.tk), 0.0);
          double mean = 0;
          for (int64_t j = 0; j < c.tk; ++j) {
            double &x = dp[static_cast<size_t>(j)];
            for (int64_t d = h * c.dk; d < (h + 1) * c.dk; ++d) x += g(i, d) * v(j, d);
            mean += p[j] * x;
          }
          for (int64_t j = 0; j < c.tk; ++j) {
            const double ds = scale * p[j] * (dp[static_cast<size_t>(j)] - mean);
            want_bias(j, h) += ds;
            for (int64_t d = h * c.dk; d < (h + 1) * c.dk; ++d) {
              want_q(i, d) += ds * k(j, d);
              want_k(j, d) += ds * q(i, d);
              want_v(j, d) += p[j] * g(i, d);
            }
          }
        }
      }
      EXPECT_LT(MaxAbsDiff(dq, want_q), 1e-5);
      EXPECT_LT(MaxAbsDiff(dk, want_k), 1e-5);
      EXPECT_LT(MaxAbsDiff(dv, want_v), 1e-5);
      EXPECT_LT(MaxAbsDiff(dbias, want_bias), 1e-5);
    }
  });
}

// A query row must not feel which other rows are in the call: streaming relies on it.
TEST(Attention, RowsDoNotDependOnEachOther) {
  Context ctx;
  Rng rng(4);
  const Case c{150, 150, 2, 24, kFull, true};
  ForOpTargets(&rng, [&](int64_t) {
    Inputs in(&rng, c, 0);
    AttentionForward(ctx, 2, kFull, in.q, in.k, in.v, in.bias, in.y, nullptr);
    Tensor y1(7, 48);
    for (int64_t i : {0, 3, 63, 100, 143}) {
      AttentionForward(ctx, 2, kFull, in.q.View().RowRange(i, 7), in.k, in.v, in.bias, y1, nullptr);
      EXPECT_EQ(MaxAbsDiff(y1, in.y.View().RowRange(i, 7)), 0);
    }
    // Chunk after chunk with all earlier keys is the chunk mask.
    AttentionForward(ctx, 2, AttentionMask::Chunk(16, -1), in.q, in.k, in.v, in.bias, in.y,
                     nullptr);
    for (int64_t i = 0; i < 150; i += 16) {
      const int64_t n = std::min<int64_t>(16, 150 - i);
      AttentionForward(ctx, 2, kFull, in.q.View().RowRange(i, n), in.k.View().RowRange(0, i + n),
                       in.v.View().RowRange(0, i + n), in.bias.View().RowRange(0, i + n),
                       y1 = Tensor(n, 48), nullptr);
      EXPECT_LT(MaxAbsDiff(y1, in.y.View().RowRange(i, n)), 1e-6);
    }
  });
}

// On CUDA nor may it feel how many rows there are, few or many, how long other sequences of the
// launch are, or whether rows are read four floats at a time.
TEST(Attention, OnCudaARowHasTheSameBitsInAnyCompany) {
  Context ctx;
  Rng rng(13);
  ForOpTargets(&rng, [&](int64_t target) {
    if (target != 0) return;  // CUDA's
    for (const int64_t dk : {8, 64, 132}) {
      for (const AttentionMask &mask : {kFull, AttentionMask::Chunk(16, 1)}) {
        const int64_t rows = 40, dim = 2 * dk;
        SCOPED_TRACE(dk);
        Inputs in(&rng, {rows, rows, 2, dk, mask, true}, 1);
        const Tensor q = Tensor::Copy(in.q.View()), k = Tensor::Copy(in.k.View()),
                     v = Tensor::Copy(in.v.View());
        Tensor probs, whole_probs, y(rows, dim);
        AttentionForward(ctx, 2, mask, in.q, in.k, in.v, in.bias, in.y, &whole_probs);
        AttentionForward(ctx, 2, mask, q, k, v, in.bias, y, &probs);
        EXPECT_TRUE(SameBits(y, in.y));
        EXPECT_TRUE(SameBits(probs, whole_probs));
        for (const int64_t some : {1, 2, 4, 5, 16, 17}) {
          Tensor few(some, dim);
          AttentionForward(ctx, 2, mask, q.View().RowRange(0, some), k, v, in.bias, few, nullptr);
          EXPECT_TRUE(SameBits(few.View(), y.View().RowRange(0, some))) << some;
        }
        if (mask.kind == AttentionMask::Kind::kFull) continue;
        // A chunk with the keys that it sees, as in a stream.
        Tensor chunk(16, dim);
        const auto to_chunk = [](const Tensor &x) { return x.View().RowRange(0, 32); };
        AttentionForward(ctx, 2, kFull, q.View().RowRange(16, 16), to_chunk(k), to_chunk(v),
                         in.bias.View().RowRange(0, 32), chunk, nullptr);
        EXPECT_TRUE(SameBits(chunk.View(), y.View().RowRange(16, 16)));

        // The gradient, aligned or not.
        GuardedMatrix dy(RandomTensor(&rng, rows, dim), 1), dq(rows, dim, 1), dkeys(rows, dim, 1),
            dv(rows, dim, 1), dbias(rows, 2, 1);
        const Tensor dy1 = Tensor::Copy(dy.View());
        Tensor dq1(rows, dim), dkeys1(rows, dim), dv1(rows, dim), dbias1(rows, 2);
        AttentionBackward(ctx, 2, in.q, in.k, in.v, probs, dy, dq, dkeys, dv, dbias);
        AttentionBackward(ctx, 2, q, k, v, probs, dy1, dq1, dkeys1, dv1, dbias1);
        EXPECT_TRUE(SameBits(dq, dq1) && SameBits(dkeys, dkeys1));
        EXPECT_TRUE(SameBits(dv, dv1) && SameBits(dbias, dbias1));
        // Alone, and beside a shorter one.
        Tensor short_y(5, dim), short_probs, dqs[2], dks[2], dvs[2], dbs[2];
        const ConstView qs = q.View().RowRange(0, 5), ks = k.View().RowRange(0, 9),
                        vs = v.View().RowRange(0, 9), dys = dy1.View().RowRange(0, 5);
        AttentionForward(ctx, 2, kFull, qs, ks, vs, in.bias.View().RowRange(0, 9), short_y,
                         &short_probs);
        for (const int t : {0, 1}) {
          dqs[t] = Tensor(5, dim), dks[t] = Tensor(9, dim), dvs[t] = Tensor(9, dim);
          dbs[t] = Tensor(9, 2);
          const AttentionGradient alone = {qs,     ks,     vs,     &short_probs, dys,
                                           dqs[t], dks[t], dvs[t], dbs[t]};
          if (t == 0) {
            AttentionBackward(ctx, 2, {alone});
          } else {
            AttentionBackward(ctx, 2, {{q, k, v, &probs, dy1, dq1, dkeys1, dv1, dbias1}, alone});
          }
        }
        EXPECT_TRUE(SameBits(dqs[0], dqs[1]) && SameBits(dks[0], dks[1]));
        EXPECT_TRUE(SameBits(dvs[0], dvs[1]) && SameBits(dbs[0], dbs[1]));
        EXPECT_TRUE(SameBits(dq, dq1) && SameBits(dkeys, dkeys1) && SameBits(dbias, dbias1));
      }
    }
    // In the memory of a device, which the host may not touch.
    const Context device(Device::kCuda);
    const Tensor x = RandomTensor(&rng, 20, 12), u = RandomTensor(&rng, 2, 6);
    const auto all_of = [&](const Context &c, const Tensor &x, const Tensor &u) {
      Tensor kp(c, 20, 12), bias(c, 20, 2), y(c, 20, 12), dq(c, 20, 12), dk(c, 20, 12),
          dv(c, 20, 12), dbias(c, 20, 2), dkeys(c, 20, 12), probs;
      Tensor dp = Tensor::Zeros(c, 20, 12), du = Tensor::Zeros(c, 1, 12),
             dvb = Tensor::Zeros(c, 1, 12);
      RelPositionKeysForward(c, 2, x, x, u, u, kp, bias);
      AttentionForward(c, 2, kCausal, x, kp, x, bias, y, &probs);
      AttentionBackward(c, 2, x, kp, x, probs, y, dq, dk, dv, dbias);
      RelPositionKeysBackward(c, 2, x, x, u, u, dk, dbias, dkeys, dp, du, dvb);
      std::vector<Tensor> results;
      for (Tensor *t : {&y, &dq, &dv, &dkeys, &dp, &du, &dvb})
        results.push_back(CopyToHost(c, t->View()));
      return results;
    };
    const std::vector<Tensor> here = all_of(ctx, x, u);
    const std::vector<Tensor> there =
        all_of(device, CopyToDevice(device, x), CopyToDevice(device, u));
    for (size_t t = 0; t < here.size(); ++t) EXPECT_TRUE(SameBits(here[t], there[t])) << t;
    // More columns in a head than fit.
    const Tensor wide = RandomTensor(&rng, 2, 9000);
    EXPECT_THROW(
        AttentionForward(ctx, 1, kFull, wide, wide, wide, ConstView(), Tensor(2, 9000), nullptr),
        Error);
  });
}

// Scores far apart: the maximum is subtracted, nothing overflows.
TEST(Attention, LargeScores) {
  Context ctx;
  Rng rng(5);
  const Case c{20, 40, 2, 8, kFull, true};
  ForOpTargets(&rng, [&](int64_t) {
    Inputs in(&rng, c, 0);
    for (GuardedMatrix *m : {&in.q, &in.k}) {
      for (int64_t i = 0; i < m->View().Rows(); ++i) {
        for (int64_t j = 0; j < 16; ++j) m->View()(i, j) *= 30;
      }
    }
    AttentionForward(ctx, 2, kFull, in.q, in.k, in.v, in.bias, in.y, nullptr);
    RefMatrix q(in.q), k(in.k);
    const auto score = [&](int64_t i, int64_t j, int h) {
      double sum = in.bias.View()(j, h);
      for (int64_t d = h * 8; d < h * 8 + 8; ++d) sum += q(i, d) * k(j, d);
      double largest = -1e300;
      for (int64_t l = 0; l < 40; ++l) {
        double s = in.bias.View()(l, h);
        for (int64_t d = h * 8; d < h * 8 + 8; ++d) s += q(i, d) * k(l, d);
        largest = std::max(largest, s);
      }
      return (sum - largest) / std::sqrt(8.0);
    };
    EXPECT_LT(MaxAbsDiff(in.y, ref::Attend<double>(2, kFull, 20, score, RefMatrix(in.v))), 2e-3);
  });
}

TEST(Attention, NanInNanOut) {
  Context ctx;
  Rng rng(6);
  const Case c{5, 40, 1, 4, kFull, true};
  ForOpTargets(&rng, [&](int64_t) {
    Inputs in(&rng, c, 0);
    in.q.View()(2, 1) = std::numeric_limits<float>::quiet_NaN();
    AttentionForward(ctx, 1, kFull, in.q, in.k, in.v, in.bias, in.y, nullptr);
    for (int64_t j = 0; j < 4; ++j) {
      EXPECT_TRUE(std::isfinite(in.y.View()(1, j)));
      EXPECT_TRUE(std::isnan(in.y.View()(2, j)));
    }
  });
}

TEST(Attention, WrongShapesThrow) {
  Context ctx;
  Tensor q(3, 6), k(4, 6), y(3, 6), bias(4, 2), short_bias(3, 2), narrow(4, 4), probs(6, 3);
  EXPECT_THROW(AttentionForward(ctx, 4, kFull, q, k, k, ConstView(), y, nullptr), Error);
  EXPECT_THROW(AttentionForward(ctx, 2, kFull, q, k, narrow, ConstView(), y, nullptr), Error);
  EXPECT_THROW(AttentionForward(ctx, 2, kFull, q, k, k, short_bias, y, nullptr), Error);
  EXPECT_THROW(AttentionForward(ctx, 2, kFull, q, k, k, bias, k, nullptr), Error);
  EXPECT_THROW(AttentionBackward(ctx, 2, q, k, k, probs, y, y, k, k, bias), Error);
}

TEST(RelPosition, IsThePublishedFormula) {
  Context ctx;
  Rng rng(7);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : SmallCases()) {
      if (c.tq != c.tk) continue;
      SCOPED_TRACE(Describe(c));
      const int64_t dim = c.heads * c.dk;
      Inputs in(&rng, c, 3);
      GuardedMatrix p(RandomTensor(&rng, c.tk, dim), 1), kp(c.tk, dim, 2);
      Tensor u = RandomTensor(&rng, c.heads, c.dk), vb = RandomTensor(&rng, c.heads, c.dk);
      RelPositionKeysForward(ctx, c.heads, in.k, p, u, vb, kp, in.bias);
      AttentionForward(ctx, c.heads, c.mask, in.q, kp, in.v, in.bias, in.y, nullptr);
      EXPECT_TRUE(kp.Intact() && in.bias.Intact());
      const RefMatrix want = ref::RelPositionAttention<double>(
          c.heads, c.mask, RefMatrix(in.q), RefMatrix(in.k), RefMatrix(in.v), RefMatrix(p),
          RefMatrix(u.View()), RefMatrix(vb.View()));
      EXPECT_LT(MaxAbsDiff(in.y, want), 3e-6);
    }
  });
}

TEST(RelPosition, BackwardIsTheGradient) {
  Context ctx;
  Rng rng(8);
  ForOpTargets(&rng, [&](int64_t) {
    for (const auto &shape :
         {std::array<int64_t, 3>{1, 1, 1}, {5, 3, 7}, {9, 2, 8}, {4, 1, 33}, {0, 2, 3}}) {
      const int64_t t = shape[0], dim = shape[1] * shape[2];
      const int heads = static_cast<int>(shape[1]);
      GuardedMatrix k(RandomTensor(&rng, t, dim), 3), p(RandomTensor(&rng, t, dim), 1),
          dkp(RandomTensor(&rng, t, dim), 2), dbias(RandomTensor(&rng, t, heads), 1), dk(t, dim, 4),
          dp(Tensor::Zeros(t, dim), 2), du(Tensor::Zeros(1, dim), 0), dvb(Tensor::Zeros(1, dim), 0);
      Tensor u = RandomTensor(&rng, heads, shape[2]), vb = RandomTensor(&rng, heads, shape[2]);
      RelPositionKeysBackward(ctx, heads, k, p, u, vb, dkp, dbias, dk, dp, du, dvb);
      EXPECT_TRUE(dk.Intact() && dp.Intact() && du.Intact() && dvb.Intact());
      RefMatrix rk(k), rp(p), ru(u.View()), rv(vb.View());
      const RefMatrix up(dkp.View()), up_bias(dbias.View());
      const auto loss = [&] {
        RefMatrix kp, bias;
        ref::RelPositionKeys(heads, rk, rp, ru, rv, &kp, &bias);
        return ref::Dot(up, kp) + ref::Dot(up_bias, bias);
      };
      EXPECT_LT(GradientError(loss, &rk, dk), 1e-5);
      EXPECT_LT(GradientError(loss, &rp, dp), 1e-5);
      ru.rows = 1, ru.cols = dim, rv.rows = 1, rv.cols = dim;
      EXPECT_LT(GradientError(loss, &ru, du), 1e-5);
      EXPECT_LT(GradientError(loss, &rv, dvb), 1e-5);

      // dk is overwritten; dp, du, dvb add.
      const Tensor dk1 = Tensor::Copy(dk.View()), dp1 = Tensor::Copy(dp.View()),
                   du1 = Tensor::Copy(du.View());
      RelPositionKeysBackward(ctx, heads, k, p, u, vb, dkp, dbias, dk, dp, du, dvb);
      EXPECT_EQ(MaxAbsDiff(dk, dk1), 0);
      for (int64_t c = 0; c < dim; ++c) {
        EXPECT_NEAR(du.View()(0, c), 2 * du1(0, c), 1e-5);
        for (int64_t j = 0; j < t; ++j) EXPECT_NEAR(dp.View()(j, c), 2 * dp1(j, c), 1e-5);
      }
    }
  });
}

void CheckMask(const std::string &name, const AttentionMask &mask, const nlohmann::json &want) {
  SCOPED_TRACE(name);
  const int64_t size = static_cast<int64_t>(want.size());
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j) {
      const bool seen = j >= mask.Begin(i) && j < mask.End(i, size);
      EXPECT_EQ(seen ? 1 : 0, want.at(static_cast<size_t>(i)).at(static_cast<size_t>(j)).get<int>())
          << i << ", " << j;
    }
  }
}

TEST(AttentionMask, ChunkIsWenets) {
  const std::string path = GoldenPath("masks/subsequent_chunk_mask.json");
  if (path.empty()) GTEST_SKIP() << "no golden masks";
  const nlohmann::json golden = nlohmann::json::parse(ReadFile(path));
  ASSERT_GT(golden.size(), 5u);
  for (const auto &item : golden.items()) {
    int size = 0, chunk = 0, left = 0;
    ASSERT_EQ(std::sscanf(item.key().c_str(), "size%d_chunk%d_left%d", &size, &chunk, &left), 3)
        << item.key();
    ASSERT_EQ(item.value().size(), static_cast<size_t>(size));
    CheckMask(item.key(), AttentionMask::Chunk(chunk, left), item.value());
  }
}

TEST(AttentionMask, CausalIsWenets) {
  const std::string path = GoldenPath("masks/subsequent_mask.json");
  if (path.empty()) GTEST_SKIP() << "no golden masks";
  const nlohmann::json golden = nlohmann::json::parse(ReadFile(path));
  ASSERT_GT(golden.size(), 2u);
  for (const auto &item : golden.items())
    CheckMask(item.key(), AttentionMask::Causal(), item.value());
}

TEST(AttentionMask, NoChunkIsFullWhateverTheLeftLimit) {
  for (int64_t chunk : {0, -1}) {
    const AttentionMask mask = AttentionMask::Chunk(chunk, 2);
    EXPECT_EQ(mask.Begin(100), 0);
    EXPECT_EQ(mask.End(0, 101), 101);
  }
}

// Sequences of other lengths, of which the second and the third share keys, and the last has no
// query.
TEST(Attention, ABatchIsItsSequences) {
  Context ctx;
  Rng rng(12);
  const int heads = 2;
  ForOpTargets(&rng, [&](int64_t) {
    const int64_t queries[] = {9, 2, 17, 0}, keys[] = {9, 6, 6, 3}, dim = 10;
    std::vector<Tensor> q, k, v, bias, y, alone, probs(4), alone_probs(4);
    std::vector<AttentionSequence> batch;
    for (size_t b = 0; b < 4; ++b) {
      q.push_back(RandomTensor(&rng, queries[b], dim));
      k.push_back(b == 2 ? k[1] : RandomTensor(&rng, keys[b], dim));
      v.push_back(b == 2 ? v[1] : RandomTensor(&rng, keys[b], dim));
      bias.push_back(RandomTensor(&rng, keys[b], heads));
      y.emplace_back(queries[b], dim);
      alone.emplace_back(queries[b], dim);
    }
    for (size_t b = 0; b < 4; ++b) {
      const size_t m = b == 2 ? 1 : b;
      batch.push_back({q[b], k[m], v[m], bias[b], y[b], &probs[b]});
      AttentionForward(ctx, heads, kFull, q[b], k[m], v[m], bias[b], alone[b], &alone_probs[b]);
    }
    AttentionForward(ctx, heads, kFull, batch);
    for (size_t b = 0; b < 4; ++b) {
      EXPECT_EQ(MaxAbsDiff(y[b], alone[b]), 0) << b;
      EXPECT_EQ(MaxAbsDiff(probs[b], alone_probs[b]), 0) << b;
    }
    batch[2].key_bias = bias[3];
    EXPECT_THROW(AttentionForward(ctx, heads, kFull, batch), Error);
    AttentionForward(ctx, heads, kFull, Span<AttentionSequence>());
  });
}

// Sequences whose rows of p, and of dp, are those of one table: from its beginning, from later on,
// and in a table beside it. The gradients are the sums of each alone.
TEST(RelPosition, ABatchSharesPositions) {
  Context ctx;
  Rng rng(14);
  const int heads = 3;
  const int64_t dk = 11, dim = heads * dk, table_rows = 150;
  struct Piece {
    int table;
    int64_t first, rows;
  };
  const Piece pieces[] = {{0, 0, 9}, {0, 0, 150}, {1, 2, 5}, {0, 0, 0}, {0, 140, 7}, {0, 3, 140}};
  ForOpTargets(&rng, [&](int64_t) {
    const Tensor u = RandomTensor(&rng, heads, dk), vb = RandomTensor(&rng, heads, dk);
    // The tables lie side by side in one matrix, as columns.
    const Tensor p = RandomTensor(&rng, table_rows, 2 * dim);
    const Tensor start = RandomTensor(&rng, table_rows, 2 * dim);
    Tensor dp = Tensor::Copy(start.View()), du = Tensor::Zeros(1, dim), dvb = Tensor::Zeros(1, dim);
    std::vector<Tensor> k, kp, bias, dkp, dbias, dkeys;
    std::vector<RelPositionKeys> keys;
    std::vector<RelPositionKeysGradient> gradients;
    for (const Piece &piece : pieces) {
      k.push_back(RandomTensor(&rng, piece.rows, dim));
      dkp.push_back(RandomTensor(&rng, piece.rows, dim));
      dbias.push_back(RandomTensor(&rng, piece.rows, heads));
      kp.emplace_back(piece.rows, dim);
      dkeys.emplace_back(piece.rows, dim);
      bias.emplace_back(piece.rows, heads);
    }
    RefMatrix want_dp(start.View()), want_du(1, dim), want_dvb(1, dim);
    for (size_t b = 0; b < std::size(pieces); ++b) {
      const Piece &piece = pieces[b];
      const auto of = [&](auto table) {
        return table.ColRange(piece.table * dim, dim).RowRange(piece.first, piece.rows);
      };
      keys.push_back({k[b], of(p.View()), kp[b], bias[b]});
      gradients.push_back({k[b], of(p.View()), dkp[b], dbias[b], dkeys[b], of(dp.View())});
      for (int64_t j = 0; j < piece.rows; ++j) {
        for (int64_t c = 0; c < dim; ++c) {
          const double g = dbias[b](j, c / dk);
          want_dp(piece.first + j, piece.table * dim + c) += dkp[b](j, c) + g * vb(c / dk, c % dk);
          want_du(0, c) += g * k[b](j, c);
          want_dvb(0, c) += g * of(p.View())(j, c);
        }
      }
    }
    RelPositionKeysForward(ctx, heads, u, vb, keys);
    RelPositionKeysBackward(ctx, heads, u, vb, gradients, du, dvb);
    EXPECT_LT(MaxAbsDiff(dp, want_dp), 2e-6);
    EXPECT_LT(MaxAbsDiff(du, want_du), 3e-5);
    EXPECT_LT(MaxAbsDiff(dvb, want_dvb), 3e-5);
    for (size_t b = 0; b < std::size(pieces); ++b) {
      const int64_t rows = pieces[b].rows;
      Tensor kp1(rows, dim), bias1(rows, heads), dkeys1(rows, dim);
      RelPositionKeysForward(ctx, heads, k[b], keys[b].p, u, vb, kp1, bias1);
      RelPositionKeysBackward(ctx, heads, k[b], keys[b].p, u, vb, dkp[b], dbias[b], dkeys1,
                              gradients[b].dp, du, dvb);
      EXPECT_TRUE(SameBits(kp1, kp[b]) && SameBits(bias1, bias[b]) && SameBits(dkeys1, dkeys[b]));
    }
  });
}

}  // namespace
}  // namespace u2moe
