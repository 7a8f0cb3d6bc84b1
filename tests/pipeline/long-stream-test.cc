// A recording of an hour through small models: nothing grows with its length.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "modelfile/model-file.h"
#include "pipeline/stream-scheduler.h"
#include "support/small-model.h"
#include "support/test-util.h"
#include "tensor/allocator.h"

namespace u2moe {
namespace {

constexpr int32_t kChunk = 16, kLeft = 4, kBlocks = 2;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // freed memory is kept for a while
#else
constexpr bool kSanitized = false;
#endif
constexpr int64_t kHour = 360000;  // frames of 10 ms

std::unique_ptr<AsrModel> Model(int num_experts) {
  auto model = std::make_unique<AsrModel>(SmallModelOptions(kBlocks, num_experts).Config());
  InitModel(model.get(), 1);
  model->PrepareForInference(Context());
  return model;
}

EncodeOptions Options() {
  EncodeOptions opts;
  opts.chunk_size = kChunk;
  opts.num_left_chunks = kLeft;
  opts.streaming = true;
  return opts;
}

// Bytes of memory that this process has now.
int64_t ResidentBytes() {
  int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

class LongStreamTest : public testing::TestWithParam<int> {};

TEST_P(LongStreamTest, AnHourNeedsTheMemoryOfAMinute) {
  const Context ctx;
  const std::unique_ptr<AsrModel> model = Model(GetParam());
  const Encoder &encoder = model->Encoder();
  Rng rng(1);
  const int64_t period = 997;  // frames after which the input repeats itself
  Tensor source = RandomTensor(&rng, 2 * period, 20);
  std::copy_n(source.Data(), period * 20, source.View().Row(period));
  const auto frames = [&](int64_t begin, int64_t n) {
    return source.View().RowRange(begin % period, n);
  };
  StreamScheduler scheduler(ctx, encoder, Options(), 4);
  const int64_t long_one = scheduler.Open(), other = scheduler.Open();
  std::vector<float> tail;  // the last frames that came out
  int64_t allocations = 0, resident = 0, rows = 0;
  bool last = false;
  for (int64_t fed = 0; !last;) {
    const int64_t n = std::min<int64_t>(41, kHour - fed);
    if (n > 0) {
      scheduler.Accept(long_one, frames(fed, n));
      scheduler.Accept(other, frames(fed + 13, n));
      fed += n;
      if (fed == kHour) scheduler.Finish(long_one);
    }
    while (scheduler.NumWaiting() > 0) {
      const StreamBatch batch = scheduler.Step();
      const Tensor logp = model->CtcLogProbs(ctx, batch.frames);
      for (size_t i = 0; i < batch.items.size(); ++i) {
        if (batch.items[i].id != long_one) continue;
        const ConstView out = batch.Rows(i);
        rows += out.Rows();
        if (fed > kHour - 1000) tail.insert(tail.end(), out.Data(), out.Data() + out.Size());
        last = batch.items[i].last;
      }
    }
    if (fed / 41 == 6000 / 41) {  // after a minute
      allocations = NumSystemAllocations();
      resident = ResidentBytes();
    }
    // The last window is shorter than all before.
    if (n > 0 && fed < kHour && fed > 6000) {
      ASSERT_EQ(NumSystemAllocations(), allocations) << "frame " << fed;
    }
  }
  EXPECT_EQ(rows, encoder.OutLength(kHour));
  if (!kSanitized) {
    EXPECT_LT(ResidentBytes() - resident, int64_t{1} << 20);
  }

  // A stream that begins shortly before the end, at the same place of the time axis, sees all that
  // the last frames see.
  const int64_t chunks = encoder.OutLength(kHour) / kChunk,
                begin = chunks - 2 - kBlocks * (kLeft + 1);
  EncoderStream late(encoder, Options());
  late.State()->offset = begin * kChunk;
  const int64_t first = begin * kChunk * encoder.SubsamplingRate();
  late.Accept(frames(first, kHour - first));
  late.Finish();
  Tensor out;
  while (late.NumWaiting() > 0) {
    RaggedShape shape;
    EncodeWindows(ctx, encoder, Options(), {&late}, &out, &shape);
  }
  ASSERT_GT(out.Rows(), 0);
  EXPECT_EQ(std::memcmp(out.Data(), tail.data() + tail.size() - static_cast<size_t>(out.Size()),
                        static_cast<size_t>(out.Size()) * sizeof(float)),
            0);
}

INSTANTIATE_TEST_SUITE_P(Experts, LongStreamTest, testing::Values(0, 4),
                         [](const auto &info) { return info.param == 0 ? "dense" : "moe"; });

}  // namespace
}  // namespace u2moe
