// Encoders under a policy: streams, masks and batches agree, frames that exit stay in view of their
// neighbours.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lab/route-report.h"
#include "model/golden.h"
#include "pipeline/encode.h"

namespace u2moe {
namespace {

class ExpertEncodeTest : public testing::TestWithParam<bool> {
 protected:
  ExpertEncodeTest() : golden_("moe") {
    if (GetParam()) golden_.model->PrepareForInference(ctx_);
    for (auto &[key, x] : ReadArchive(golden_.dir + "/feats.ark")) feats_.push_back(x);
    // The model is not trained, so which probabilities of blank part its frames is found out.
    float low = 0, high = 1;
    for (int64_t exits = 0; exits == 0 || 2 * exits > feats_[0].Rows() / Enc().SubsamplingRate();) {
      some_blank_ = (low + high) / 2;
      Set(2, 0, 0, some_blank_);
      Tensor out;
      RaggedShape shape;
      const std::vector<int32_t> last = RoutesOf({feats_[0]}, -1, &out, &shape).back().experts;
      exits = std::count(last.begin(), last.end(), -1) / 2;
      (exits == 0 ? high : low) = some_blank_;
    }
  }
  const Encoder &Enc() const { return golden_.model->Encoder(); }
  const EncoderConfig &Config() const { return golden_.model->Config().encoder; }
  void Set(float gate, int chunk_experts, int budget, float exit_blank) {
    ExpertOptions o;
    o.skip_second_gate = gate;
    o.chunk_experts = chunk_experts;
    o.expert_budget = budget;
    o.exit_blank = exit_blank;
    golden_.model->SetPolicy(o.Apply(golden_.model->Config(), ExpertPolicy()));
  }
  Tensor Encode(ConstView feats, int32_t chunk, bool streaming) const {
    EncodeOptions opts;
    opts.chunk_size = chunk;
    opts.num_left_chunks = 2;
    opts.streaming = streaming;
    return EncodeUtterance(ctx_, Enc(), feats, opts);
  }
  // The routes of all mixtures for some utterances in one batch.
  std::vector<RouteRecorder::Decision> RoutesOf(const std::vector<ConstView> &feats, int64_t chunk,
                                                Tensor *out, RaggedShape *shape) const {
    RaggedShape in;
    for (const ConstView &x : feats) in.Append(x.Rows());
    Tensor all(in.TotalRows(), feats[0].Cols());
    for (size_t b = 0; b < feats.size(); ++b) {
      std::copy_n(feats[b].Data(), feats[b].Size(),
                  in.Rows(all.View(), static_cast<int>(b)).Data());
    }
    RouteRecorder recorder;
    ForwardMode mode;
    mode.mask = AttentionMask::Chunk(chunk, -1);
    mode.routes = &recorder;
    Enc().Forward(ctx_, mode, all, in, out, shape, nullptr, nullptr);
    return recorder.Decisions();
  }

  Context ctx_;
  GoldenModel golden_;
  std::vector<Tensor> feats_;
  float some_blank_;  // makes some frames exit, less than half
};

TEST_P(ExpertEncodeTest, StreamsEqualMasks) {
  struct Case {
    float gate;
    int chunk_experts, budget;
    float exit;
  };
  for (const Case &c : {Case{0.6f, 0, 0, 2}, Case{0, 0, 0, 2}, Case{2, 2, 0, 2}, Case{2, 0, 2, 2},
                        Case{2, 0, 1, 2}, Case{2, 0, 0, 0}, Case{0.7f, 3, 2, some_blank_}}) {
    for (const int32_t chunk : {4, 7, -1}) {
      SCOPED_TRACE(Cat(c.gate, " ", c.chunk_experts, " ", c.budget, " ", c.exit, ", ", chunk));
      for (const Tensor &x : feats_) {
        Set(2, 0, 0, 2);
        const Tensor plain = Encode(x, chunk, false);
        Set(c.gate, c.chunk_experts, c.budget, c.exit);
        const Tensor masked = Encode(x, chunk, false);
        EXPECT_LE(MaxAbsDiff(masked, Encode(x, chunk, true)), 1e-4);
        // Without chunks only skipping and exits change anything.
        if (chunk < 0 && c.gate > 1 && c.exit > 1) {
          EXPECT_EQ(MaxAbsDiff(masked, plain), 0);
        } else {
          EXPECT_GT(MaxAbsDiff(masked, plain), 1e-3);
        }
      }
    }
  }
}

// One expert for a frame is what skips all second ones, to the bit; two of two are the plain model.
TEST_P(ExpertEncodeTest, ExpertsPerFrame) {
  for (const int32_t chunk : {4, -1}) {
    for (const bool streaming : {false, true}) {
      const auto encode = [&](int32_t n) {
        ExpertOptions o;
        o.experts_per_frame = n;
        golden_.model->SetPolicy(o.Apply(golden_.model->Config(), ExpertPolicy()));
        return Encode(feats_[0], chunk, streaming);
      };
      Set(2, 0, 0, 2);
      EXPECT_EQ(MaxAbsDiff(encode(2), Encode(feats_[0], chunk, streaming)), 0);
      const Tensor one = encode(1), masked = Encode(feats_[0], chunk, false);
      EXPECT_LE(MaxAbsDiff(one, masked), 1e-4);
      Set(0, 0, 0, 2);
      EXPECT_EQ(MaxAbsDiff(one, Encode(feats_[0], chunk, streaming)), 0);
    }
  }
}

TEST_P(ExpertEncodeTest, BatchesEqualSingles) {
  Set(0.7f, 3, 2, some_blank_);
  const std::vector<ConstView> all(feats_.begin(), feats_.end());
  for (const int64_t chunk : {-1, 5}) {
    Tensor out, single;
    RaggedShape shape, one;
    const auto together = RoutesOf(all, chunk, &out, &shape);
    for (int b = 0; b < shape.NumSequences(); ++b) {
      const auto alone = RoutesOf({all[static_cast<size_t>(b)]}, chunk, &single, &one);
      EXPECT_LE(MaxAbsDiff(shape.Rows(out.View(), b), single), 1e-5);
      ASSERT_EQ(alone.size(), together.size());
      for (size_t m = 0; m < alone.size(); ++m) {
        EXPECT_TRUE(std::equal(alone[m].experts.begin(), alone[m].experts.end(),
                               together[m].experts.begin() + 2 * shape.Begin(b)));
      }
    }
  }
}

// Off is off to the bit; a budget and chunk experts hold; a single frame works.
TEST_P(ExpertEncodeTest, LimitsHold) {
  Tensor plain, out;
  RaggedShape shape;
  Set(2, 0, 0, 2);
  RoutesOf({feats_[0]}, 4, &plain, &shape);
  Set(1.5f, Config().ffn.num_experts, 100, 1.5f);
  RoutesOf({feats_[0]}, 4, &out, &shape);
  EXPECT_EQ(MaxAbsDiff(plain, out), 0);
  for (const bool budget : {false, true}) {
    for (int limit : {1, 2, 3}) {
      Set(2, budget ? 0 : limit, budget ? limit : 0, 2);
      for (const auto &d : RoutesOf({feats_[0]}, 4, &out, &shape)) {
        for (int64_t begin = 0; begin < shape.TotalRows(); begin += 4) {
          std::vector<bool> used(static_cast<size_t>(Config().ffn.num_experts), false);
          for (int64_t i = 2 * begin; i < 2 * std::min(begin + 4, shape.TotalRows()); ++i) {
            const int32_t e = d.experts[static_cast<size_t>(i)];
            EXPECT_EQ(e < 0, limit == 1 && i % 2 == 1);
            if (e >= 0) used[static_cast<size_t>(e)] = true;
          }
          EXPECT_LE(std::count(used.begin(), used.end(), true), limit);
        }
      }
    }
  }
  Set(0.7f, 2, 1, some_blank_);
  const int64_t least = Enc().WindowLength(1);
  RoutesOf({feats_[0].View().RowRange(0, least)}, 4, &out, &shape);
  EXPECT_EQ(out.Rows(), 1);
}

// The frames that exit are those whose blank is probable after the first blocks; the mixtures
// before are as without, those behind have no experts for these frames alone.
TEST_P(ExpertEncodeTest, ExitsAreTheBlankFrames) {
  Tensor plain, out;
  RaggedShape shape;
  Set(2, 0, 0, 2);
  const auto before = RoutesOf({feats_[0]}, -1, &plain, &shape);
  Set(2, 0, 0, some_blank_);
  const int block = golden_.model->Policy().exit_block;
  const auto with = RoutesOf({feats_[0]}, -1, &out, &shape);
  int64_t exits = 0;
  for (int64_t t = 0; t < shape.TotalRows(); ++t) {
    const size_t at = 2 * static_cast<size_t>(t);
    const bool exited = with.back().experts[at] < 0;
    exits += exited;
    for (size_t m = 0; m < with.size(); ++m) {
      if (m < 2 * static_cast<size_t>(block)) {
        EXPECT_EQ(with[m].experts[at], before[m].experts[at]);
        EXPECT_EQ(with[m].gates[at], before[m].gates[at]);
      } else {
        EXPECT_EQ(with[m].experts[at] < 0, exited);
        EXPECT_EQ(with[m].experts[at + 1] < 0, exited);
      }
    }
  }
  EXPECT_GT(exits, 0);
  EXPECT_LT(exits, shape.TotalRows());
  Set(2, 0, 0, 0);  // all of them
  for (const auto &d : RoutesOf({feats_[0]}, -1, &out, &shape)) {
    EXPECT_EQ(d.experts.size(), 2 * static_cast<size_t>(shape.TotalRows()));
  }
  EXPECT_TRUE(std::isfinite(out(0, 0)));
}

INSTANTIATE_TEST_SUITE_P(Weights, ExpertEncodeTest, testing::Bool(),
                         [](const auto &info) { return info.param ? "packed" : "plain"; });

}  // namespace
}  // namespace u2moe
