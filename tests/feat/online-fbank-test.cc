#include "feat/online-fbank.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// All frames of samples that come in pieces of 1 to max_piece.
Tensor InPieces(const FbankOptions &opts, const Tensor &x, int64_t max_piece, uint64_t seed) {
  Rng rng(static_cast<uint64_t>(max_piece) + 99);
  OnlineFbank online(opts, seed);
  std::vector<float> all;
  const auto add = [&](const Tensor &frames) {
    all.insert(all.end(), frames.Data(), frames.Data() + frames.Size());
  };
  for (int64_t begin = 0; begin < x.Cols();) {
    const int64_t n = std::min(x.Cols() - begin, rng.UniformInt(max_piece > 3 ? 0 : 1, max_piece));
    const Tensor frames = online.Accept(x.View().ColRange(begin, n));
    begin += n;
    // As early as they are determined: without a frame's last sample it cannot be.
    add(frames);
    const FrameOptions &frame = opts.frame;
    const int64_t next = online.NumFrames();
    EXPECT_TRUE(next >= frame.NumFrames(begin) ||
                frame.FirstSample(next) + frame.WindowSize() > begin);
    EXPECT_EQ(online.NumSamples(), begin);
  }
  add(online.Flush());
  EXPECT_EQ(static_cast<int64_t>(all.size()), online.NumFrames() * online.Dim());
  return Tensor::Copy(ConstView(all.data(), online.NumFrames(), online.Dim()));
}

TEST(OnlineFbank, EqualsTheWholeToTheBit) {
  Rng rng(4);
  for (bool snip_edges : {true, false}) {
    for (float dither : {0.0f, 1.0f}) {
      for (float length : {25.0f, 24.95f, 5.0f}) {  // 400, 399 and 80 samples
        for (float shift : {10.0f, 3.3f, 30.0f}) {
          FbankOptions opts;
          opts.frame.snip_edges = snip_edges;
          opts.frame.dither = dither;
          opts.frame.frame_length = length;
          opts.frame.frame_shift = shift;
          opts.use_energy = true;
          opts.mel.num_bins = length < 10 ? 5 : 23;
          Fbank fbank(opts);
          for (int64_t n : {20, 81, 160, 240, 399, 400, 401, 559, 560, 1000, 4321}) {
            if (fbank.NumFrames(n) == 0) continue;
            Tensor x = RandomTensor(&rng, 1, n, 1000);
            const Tensor want = fbank.Compute(x, 17);
            for (int64_t piece : {1, 3, 100, 5000}) {
              const Tensor got = InPieces(opts, x, piece, 17);
              ASSERT_EQ(got.ShapeString(), want.ShapeString());
              ASSERT_EQ(MaxAbsDiff(got, want), 0)
                  << "snip " << snip_edges << " dither " << dither << " length " << length
                  << " shift " << shift << " samples " << n << " pieces " << piece;
            }
          }
        }
      }
    }
  }
}

TEST(OnlineFbank, TooShortIsNoticedAtTheEnd) {
  OnlineFbank online((FbankOptions()));
  EXPECT_EQ(online.Accept(Tensor::Zeros(1, 399)).Rows(), 0);
  EXPECT_THROW(online.Flush(), DataError);
  OnlineFbank empty((FbankOptions()));
  EXPECT_THROW(empty.Flush(), DataError);
}

}  // namespace
}  // namespace u2moe
