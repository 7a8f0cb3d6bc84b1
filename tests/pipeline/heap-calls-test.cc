// The steady state of inference takes nothing from the heap: encoder and CTC head of streams, alone
// and together, and of whole utterances.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "modelfile/model-file.h"
#include "moe/router-registry.h"
#include "pipeline/encode.h"
#include "pipeline/live-session.h"
#include "pipeline/stream-scheduler.h"
#include "support/heap-calls.h"
#include "support/small-model.h"
#include "support/test-util.h"
#include "tensor/allocator.h"

namespace u2moe {
namespace {

constexpr int32_t kChunk = 16, kFeatures = 20, kBlocks = 2;
// Encoder frames, 40 ms each, after which all that is made once has been made: the projections of
// the first positions, the buffers of the caches.
constexpr int64_t kWarm = 1200;

struct Case {
  std::string name;
  int num_experts;
  WeightFormat format;
  ExpertPolicy policy;
  int32_t dim = 32;
  std::string router = "topk-softmax", bank = "full";
};

std::ostream &operator<<(std::ostream &os, const Case &c) { return os << c.name; }

std::vector<Case> Cases() {
  ExpertPolicy skip, chunk, budget, exit, all;
  skip.encoder_skip.assign(2 * kBlocks, 0.6f);
  chunk.chunk_experts = 3;
  budget.expert_budget = 2;
  exit.exit_blank = 0.1f;
  exit.exit_block = 1;
  all = skip;
  all.chunk_experts = 4;
  all.expert_budget = 3;
  all.exit_blank = 0.1f;
  all.exit_block = 1;
  std::vector<Case> cases;
  // Wide enough for convolutions in tiles.
  cases.push_back({"dense_wide_float32", 0, WeightFormat::kFloat32, {}, 128});
  for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kInt8}) {
    const std::string name = ToString(format);
    cases.push_back({"dense_" + name, 0, format, {}});
    cases.push_back({"moe_" + name, 6, format, {}});
    cases.push_back({"moe_skip_" + name, 6, format, skip});
    cases.push_back({"moe_chunk_" + name, 6, format, chunk});
    cases.push_back({"moe_budget_" + name, 6, format, budget});
    cases.push_back({"moe_exit_" + name, 6, format, exit});
    cases.push_back({"moe_all_" + name, 6, format, all});
  }
  for (const std::string &router : RouterNames()) {
    if (!RouterTraitsOf(router).may_stream) continue;
    std::string name = "moe_" + router;
    std::replace(name.begin(), name.end(), '-', '_');
    cases.push_back({name, 6, WeightFormat::kFloat32, chunk, 32, router});
  }
  cases.push_back({"moe_shared", 6, WeightFormat::kInt8, skip, 32, "rmoe", "shared-plus-routed"});
  return cases;
}

std::unique_ptr<AsrModel> Model(const Case &c) {
  ModelOptions options = SmallModelOptions(kBlocks, c.num_experts);
  options.model_dim = c.dim;
  options.hidden_dim = 48;
  ModelConfig config = options.Config();
  FeedForwardConfig *ffn = &config.encoder.ffn;
  ffn->router = c.router;
  ffn->experts_per_frame = std::min(2, RouterTraitsOf(c.router).max_choices);
  ffn->router_pools = RouterTraitsOf(c.router).needs_tags ? 3 : 0;
  ffn->bank = c.bank;
  ffn->num_shared_experts = c.bank == "full" ? 0 : 1;
  auto model = std::make_unique<AsrModel>(config);
  InitModel(model.get(), 1);
  model->PrepareForInference(Context(), c.format);
  model->SetPolicy(c.policy);
  return model;
}

EncodeOptions Streaming() {
  EncodeOptions opts;
  opts.chunk_size = kChunk;
  opts.num_left_chunks = 4;
  opts.streaming = true;
  return opts;
}

class HeapCallsTest : public testing::TestWithParam<Case> {
 protected:
  static constexpr int32_t kTag = 1;  // of all utterances; one model asks for it
  static bool MayStream() { return RouterTraitsOf(GetParam().router).may_stream; }
  HeapCallsTest() : model_(Model(GetParam())) {
    Rng rng(1);
    feats_ = RandomTensor(&rng, 4000, kFeatures);
  }
  // Frames of an endless input, which repeats itself.
  ConstView Frames(int64_t begin, int64_t n) const {
    return feats_.View().RowRange(begin % (feats_.Rows() - n), n);
  }
  // Of what is encoded next, whatever it is for.
  void UseFrames(ConstView encoded) {
    const Tensor logp = model_->CtcLogProbs(ctx_, encoded);
    sum_ += logp(0, 0);
  }

  const Context ctx_;
  std::unique_ptr<AsrModel> model_;
  Tensor feats_;
  float sum_ = 0;
};

TEST_P(HeapCallsTest, OneStream) {
  if (!MayStream()) GTEST_SKIP() << GetParam() << " cannot stream";
  const Encoder &encoder = model_->Encoder();
  const int64_t step = kChunk * encoder.SubsamplingRate();
  // After two of them, one takes nothing from its opening on.
  for (int i = 0; i < 3; ++i) {
    const int64_t at_opening = num_heap_calls;
    {
      StreamingEncoder stream(ctx_, encoder, Streaming(), kTag);
      int64_t warm = 0, rows = 0;
      for (int64_t fed = 0; rows < kWarm + 50 * kChunk; fed += step) {
        const Tensor out = stream.Accept(Frames(fed, step));
        if (out.Rows() > 0) UseFrames(out);
        rows += out.Rows();
        if (rows <= kWarm) warm = num_heap_calls;
      }
      EXPECT_EQ(num_heap_calls - warm, 0) << "in 50 chunks";
      UseFrames(stream.Finish());
    }
    if (i == 2) {
      EXPECT_EQ(num_heap_calls - at_opening, 0) << "in a third stream";
    }
  }
}

// Streams whose chunks are complete at the same time, at different times, and more than a step
// takes.
TEST_P(HeapCallsTest, ManyStreams) {
  if (!MayStream()) GTEST_SKIP() << GetParam() << " cannot stream";
  const Encoder &encoder = model_->Encoder();
  for (const int max_batch : {8, 3}) {
    StreamScheduler scheduler(ctx_, encoder, Streaming(), max_batch);
    std::vector<int64_t> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(scheduler.Open(kTag));
    int64_t warm = 0, rows = 0;
    for (int64_t fed = 0; rows < (kWarm + 50 * kChunk) * 5; fed += 41) {
      for (const int64_t id : ids) {
        if (fed > 0 || id % 2 == 0) scheduler.Accept(id, Frames(fed + 13 * id, 41));
      }
      for (;;) {
        const StreamBatch batch = scheduler.Step();
        if (batch.items.empty()) break;
        rows += batch.frames.Rows();
        if (batch.frames.Rows() > 0) UseFrames(batch.frames);
      }
      if (rows <= kWarm * 5) warm = num_heap_calls;
    }
    EXPECT_EQ(num_heap_calls - warm, 0) << "at most " << max_batch << " in a step";
  }
}

// Lengths that were there before; the result is given back before the next one is made.
TEST_P(HeapCallsTest, Utterances) {
  EncodeOptions whole, masked = Streaming();
  masked.streaming = false;
  for (const EncodeOptions &opts : {whole, masked, Streaming()}) {
    if (opts.chunk_size > 0 && !MayStream()) continue;
    int64_t warm = 0;
    for (int round = 0; round < 5; ++round) {
      if (round == 2) warm = num_heap_calls;
      for (const int64_t length : {300, 120, 777}) {
        UseFrames(EncodeUtterance(ctx_, *model_, Frames(0, length), opts, kTag));
      }
    }
    EXPECT_EQ(num_heap_calls - warm, 0) << opts.streaming << " " << opts.chunk_size;
  }
}

// Batches of lengths that were there before, whole and under a mask.
TEST_P(HeapCallsTest, Batches) {
  EncodeOptions whole, masked = Streaming();
  masked.streaming = false;
  std::vector<Utterance> batch;
  for (const int64_t length : {300, 120, 777}) {
    batch.push_back({Frames(length, length),
                     [this](Tensor out, const std::exception_ptr &error) {
                       ASSERT_FALSE(error);
                       UseFrames(out);
                     },
                     kTag});
  }
  for (const EncodeOptions &opts : {whole, masked}) {
    if (opts.chunk_size > 0 && !MayStream()) continue;
    int64_t warm = 0;
    for (int round = 0; round < 5; ++round) {
      if (round == 2) warm = num_heap_calls;
      EncodeBatch(ctx_, model_->Encoder(), opts, batch);
    }
    EXPECT_EQ(num_heap_calls - warm, 0) << opts.chunk_size;
  }
}

// A recording that is pushed in, as nnet-forward does it with live pieces.
TEST_P(HeapCallsTest, LiveRecording) {
  if (!MayStream()) GTEST_SKIP() << GetParam() << " cannot stream";
  LiveEncoder live(ctx_, *model_, Streaming(), kTag);
  int64_t warm = 0;
  for (int64_t fed = 0; live.NumFrames() < kWarm + 50 * kChunk; fed += 41) {
    const LiveOutput out = live.Accept(Frames(fed, 41));
    if (out.logp.Rows() > 0) sum_ += out.logp(0, 0);
    if (live.NumFrames() <= kWarm) warm = num_heap_calls;
  }
  EXPECT_EQ(num_heap_calls - warm, 0) << "in 50 chunks";
}

INSTANTIATE_TEST_SUITE_P(Models, HeapCallsTest, testing::ValuesIn(Cases()),
                         [](const auto &info) { return info.param.name; });

// The tests above would pass if nothing were counted.
TEST(HeapCalls, AreCounted) {
  const int64_t before = num_heap_calls;
  std::vector<float> v(10);
  EXPECT_EQ(num_heap_calls - before, 1) << v[0];
#if !defined(__SANITIZE_THREAD__)  // its hooks do not hear of aligned memory
  const std::shared_ptr<float> large = AllocateFloats(int64_t{20} << 20);  // is never kept
  EXPECT_EQ(num_heap_calls - before, 2);
#endif
}

}  // namespace
}  // namespace u2moe
