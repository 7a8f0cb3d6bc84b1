// A live session gives what whole features and a stream of them give, however its samples come.
#include "pipeline/live-session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "base/error.h"
#include "modelfile/model-file.h"
#include "pipeline/encode.h"
#include "support/error-test.h"
#include "support/small-model.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

EncodeOptions Chunks(int32_t chunk, int32_t left) {
  EncodeOptions opts;
  opts.chunk_size = chunk;
  opts.num_left_chunks = left;
  opts.streaming = true;
  return opts;
}

std::unique_ptr<AsrModel> Model(int num_experts, WeightFormat format) {
  ModelOptions options = SmallModelOptions(2, num_experts);
  auto model = std::make_unique<AsrModel>(options.Config());
  InitModel(model.get(), 1);
  model->PrepareForInference(Context(), format);
  return model;
}

FbankOptions Fbanks() {
  FbankOptions opts;
  opts.mel.num_bins = 20;
  opts.frame.dither = 1;
  return opts;
}

struct Whole {
  Tensor encoder_out, logp;
};

// What nnet-forward --streaming makes of whole features.
Whole Expected(const AsrModel &model, ConstView samples, double rate, uint64_t seed,
               const EncodeOptions &opts) {
  const Context ctx;
  const Tensor feats = Fbank(Fbanks()).Compute(Resample(samples, rate, 16000), seed);
  Whole whole;
  whole.encoder_out = EncodeUtterance(ctx, model, feats, opts);
  whole.logp = model.CtcLogProbs(ctx, whole.encoder_out);
  return whole;
}

// What a session makes of samples in pieces of these sizes in turn.
Whole Live(const AsrModel &model, ConstView samples, double rate, uint64_t seed,
           const EncodeOptions &opts, const std::vector<int64_t> &sizes, int64_t *early) {
  LiveSession session(Context(), model, Fbanks(), opts, rate, seed);
  std::vector<float> encoder_out, logp;
  int64_t dim = 0, units = 0;
  const auto add = [&](const LiveOutput &out) {
    EXPECT_EQ(out.encoder_out.Rows(), out.logp.Rows());
    if (out.logp.Rows() == 0) return;
    dim = out.encoder_out.Cols();
    units = out.logp.Cols();
    encoder_out.insert(encoder_out.end(), out.encoder_out.Data(),
                       out.encoder_out.Data() + out.encoder_out.Size());
    logp.insert(logp.end(), out.logp.Data(), out.logp.Data() + out.logp.Size());
  };
  size_t i = 0;
  for (int64_t begin = 0; begin < samples.Cols(); ++i) {
    const int64_t n = std::min(sizes[i % sizes.size()], samples.Cols() - begin);
    add(session.Accept(samples.ColRange(begin, n)));
    begin += n;
  }
  *early = units == 0 ? 0 : static_cast<int64_t>(logp.size()) / units;
  add(session.Flush());
  EXPECT_DOUBLE_EQ(session.Seconds(), static_cast<double>(samples.Cols()) / rate);
  const int64_t rows = static_cast<int64_t>(logp.size()) / units;
  return {Tensor::Copy(ConstView(encoder_out.data(), rows, dim)),
          Tensor::Copy(ConstView(logp.data(), rows, units))};
}

TEST(LiveSession, EqualsTheWholeToTheBit) {
  Rng rng(8);
  const Tensor samples = RandomTensor(&rng, 1, 32123, 2000);
  for (const int experts : {0, 4}) {
    const auto model = Model(experts, experts == 0 ? WeightFormat::kFloat32 : WeightFormat::kInt8);
    for (const EncodeOptions &opts : {Chunks(4, 2), Chunks(1, -1), Chunks(7, 0), Chunks(-1, -1)}) {
      const Whole want = Expected(*model, samples, 16000, 5, opts);
      for (const std::vector<int64_t> &sizes :
           {std::vector<int64_t>{1}, {160}, {3, 1000, 0, 57}, {5000}, {100000}}) {
        if (sizes[0] == 1 && sizes.size() == 1 && opts.chunk_size != 4) continue;  // slow
        SCOPED_TRACE(Cat(experts, " experts, ", opts.ToString(), ", pieces of ", sizes[0]));
        int64_t early = 0;
        const Whole got = Live(*model, samples, 16000, 5, opts, sizes, &early);
        EXPECT_TRUE(SameBits(got.encoder_out, want.encoder_out));
        EXPECT_TRUE(SameBits(got.logp, want.logp));
        // Nothing waits longer than for its chunk.
        if (opts.chunk_size > 0) {
          EXPECT_GT(early, want.logp.Rows() - 2 * opts.chunk_size);
        }
      }
    }
  }
}

TEST(LiveSession, OfAnotherRate) {
  Rng rng(9);
  const auto model = Model(0, WeightFormat::kFloat32);
  const EncodeOptions opts = Chunks(4, 2);
  double worst = 0;
  for (const double rate : {8000.0, 44100.0, 48000.0}) {
    const Tensor samples = RandomTensor(&rng, 1, static_cast<int64_t>(2 * rate), 2000);
    const Whole want = Expected(*model, samples, rate, 5, opts);
    for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{441}, {7, 3000}, {1000000}}) {
      int64_t early = 0;
      const Whole got = Live(*model, samples, rate, 5, opts, sizes, &early);
      ASSERT_EQ(got.logp.Rows(), want.logp.Rows()) << rate;
      worst = std::max(worst, MaxAbsDiff(got.logp, want.logp));
    }
  }
  std::printf("  log-probabilities of resampled pieces and wholes differ by at most %.1e\n", worst);
  EXPECT_LE(worst, 1e-3);
}

TEST(LiveSession, TooShortAndBad) {
  const auto model = Model(0, WeightFormat::kFloat32);
  const EncodeOptions opts = Chunks(4, 2);
  const Context ctx;
  LiveSession none(ctx, *model, Fbanks(), opts, 16000);
  EXPECT_HAS(ErrorOf([&] { none.Flush(); }), "too short");
  LiveSession few(ctx, *model, Fbanks(), opts, 16000);
  EXPECT_EQ(few.Accept(Tensor::Zeros(1, 1000)).logp.Rows(), 0);
  EXPECT_HAS(ErrorOf([&] { few.Flush(); }), "4 feature frames are too few");
  LiveEncoder bad(ctx, *model, opts);
  Tensor feats = Tensor::Zeros(30, 20);
  EXPECT_GT(bad.Accept(feats).logp.Rows(), 0);
  feats(2, 1) = std::numeric_limits<float>::infinity();
  EXPECT_HAS(ErrorOf([&] { bad.Accept(feats); }), "frame 32, dimension 1 is inf");
  EXPECT_THROW(LiveSession(ctx, *model, Fbanks(), opts, 0), DataError);
}

}  // namespace
}  // namespace u2moe
