#include "pipeline/encode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/golden.h"

namespace u2moe {
namespace {

EncodeOptions Options(int32_t chunk, int32_t left, bool streaming) {
  EncodeOptions opts;
  opts.chunk_size = chunk;
  opts.num_left_chunks = left;
  opts.streaming = streaming;
  return opts;
}

class EncodeTest : public testing::TestWithParam<std::string> {
 protected:
  EncodeTest() : golden_(GetParam()) {
    golden_.model->PrepareForInference(ctx_);
    for (auto &[key, x] : ReadArchive(golden_.dir + "/feats.ark")) feats_.push_back(x);
  }
  Tensor Encode(ConstView feats, const EncodeOptions &opts) const {
    return EncodeUtterance(ctx_, *golden_.model, feats, opts);
  }
  // Feeds the frames in pieces of n, n the next of `pieces` in turn.
  Tensor Feed(ConstView feats, const EncodeOptions &opts,
              const std::vector<int64_t> &pieces) const {
    StreamingEncoder stream(ctx_, golden_.model->Encoder(), opts);
    std::vector<Tensor> parts;
    size_t i = 0;
    for (int64_t begin = 0; begin < feats.Rows(); ++i) {
      const int64_t n = std::min(pieces[i % pieces.size()], feats.Rows() - begin);
      parts.push_back(stream.Accept(feats.RowRange(begin, n)));
      begin += n;
    }
    parts.push_back(stream.Finish());
    int64_t rows = 0;
    for (const Tensor &part : parts) rows += part.Rows();
    Tensor out(rows, golden_.model->Config().encoder.model_dim);
    float *next = out.Data();
    for (const Tensor &part : parts) next = std::copy_n(part.Data(), part.Size(), next);
    return out;
  }

  Context ctx_;
  GoldenModel golden_;
  std::vector<Tensor> feats_;
};

// Trap T14: every chunk size, lengths that fill their last chunk and lengths that do not.
TEST_P(EncodeTest, StreamingEqualsMasked) {
  if (!golden_.Streams()) GTEST_SKIP() << golden_.name << " cannot stream";
  double worst = 0;
  for (const int32_t chunk : {1, 4, 8, 16, -1}) {
    for (const int32_t left : {-1, 0, 2}) {
      for (const int64_t length : {41, 67, 123, 198, 199, 200}) {
        const ConstView x = feats_.back().View().RowRange(0, length);
        const Tensor masked = Encode(x, Options(chunk, left, false)),
                     streamed = Encode(x, Options(chunk, left, true));
        ASSERT_EQ(masked.Rows(), golden_.model->Encoder().OutLength(length));
        ASSERT_EQ(streamed.Rows(), masked.Rows()) << chunk << " " << left << " " << length;
        worst = std::max(worst, MaxAbsDiff(masked, streamed));
      }
    }
  }
  std::printf("  %s: streaming and masked differ by at most %.1e\n", golden_.name.c_str(), worst);
  EXPECT_LE(worst, 1e-5);
}

TEST_P(EncodeTest, FramesMayComeInAnyPieces) {
  if (!golden_.Streams()) GTEST_SKIP() << golden_.name << " cannot stream";
  for (const int32_t chunk : {1, 5, 16, -1}) {
    const EncodeOptions opts = Options(chunk, 2, true);
    const Tensor want = Encode(feats_[2], opts);
    for (const std::vector<int64_t> &pieces :
         {std::vector<int64_t>{1}, {7}, {64}, {3, 50, 0, 1, 19}, {1000}}) {
      const Tensor got = Feed(feats_[2], opts, pieces);
      ASSERT_EQ(got.Rows(), want.Rows());
      EXPECT_EQ(MaxAbsDiff(got, want), 0) << chunk << " " << pieces[0];
    }
  }
}

// Trap T12: no length loses its last frames, and nothing waits longer than for its chunk.
TEST_P(EncodeTest, TheTailComesOut) {
  if (!golden_.Streams()) GTEST_SKIP() << golden_.name << " cannot stream";
  const Encoder &encoder = golden_.model->Encoder();
  const int32_t chunk = 3;
  for (int64_t length = 0; length <= 70; ++length) {
    StreamingEncoder stream(ctx_, encoder, Options(chunk, -1, true));
    const int64_t early = stream.Accept(feats_.back().View().RowRange(0, length)).Rows();
    EXPECT_EQ(early, encoder.OutLength(length) / chunk * chunk) << length;
    EXPECT_EQ(early + stream.Finish().Rows(), encoder.OutLength(length)) << length;
  }
}

TEST_P(EncodeTest, AnUtteranceIsComputedAlone) {
  const EncodeOptions opts = Options(golden_.Streams() ? 4 : -1, -1, false);
  const Tensor before = Encode(feats_[0], opts);
  Encode(feats_[1], opts);
  EXPECT_EQ(MaxAbsDiff(before, Encode(feats_[0], opts)), 0);
  AttentionMask mask = AttentionMask::Chunk(opts.chunk_size, opts.num_left_chunks);
  ForwardMode mode;
  mode.mask = mask;
  Tensor direct;
  RaggedShape shape;
  golden_.model->Encoder().Forward(ctx_, mode, feats_[0], RaggedShape::Single(feats_[0].Rows()),
                                   &direct, &shape, nullptr, nullptr);
  EXPECT_EQ(MaxAbsDiff(before, direct), 0);
}

template <class Fn>
std::string Message(Fn fn) {
  try {
    fn();
  } catch (const DataError &e) {
    return e.what();
  }
  return "no DataError";
}

TEST_P(EncodeTest, BadFeatures) {
  for (const bool streaming : {false, true}) {
    if (streaming && !golden_.Streams()) continue;
    const EncodeOptions opts = Options(4, -1, streaming);
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      Tensor x = feats_[0];
      x(40, 5) = bad;
      EXPECT_NE(Message([&] { Encode(x, opts); }).find("frame 40, dimension 5"), std::string::npos);
    }
    const Tensor narrow = Tensor::Zeros(50, 7);
    EXPECT_NE(Message([&] { Encode(narrow, opts); }).find("7 dimensions, the model wants"),
              std::string::npos);
    const int64_t least = golden_.model->Encoder().WindowLength(1);
    EXPECT_EQ(Encode(feats_[0].View().RowRange(0, least), opts).Rows(), 1);
    for (const int64_t n : {int64_t{0}, least - 1}) {
      EXPECT_NE(Message([&] { Encode(feats_[0].View().RowRange(0, n), opts); }).find("too few"),
                std::string::npos);
    }
  }
}

TEST_P(EncodeTest, StreamsNeedACausalModel) {
  const EncodeOptions opts = Options(4, -1, true);
  if (golden_.Streams()) {
    opts.CheckModel(golden_.model->Config().encoder);
    StreamingEncoder stream(ctx_, golden_.model->Encoder(), opts);
    stream.Accept(feats_[0]);
    EXPECT_THROW(stream.Accept(Tensor::Zeros(5, 3)), DataError);
    stream.Finish();
    EXPECT_THROW(stream.Finish(), Error);
  } else {
    EXPECT_THROW(opts.CheckModel(golden_.model->Config().encoder), UsageError);
    EXPECT_THROW(StreamingEncoder(ctx_, golden_.model->Encoder(), opts), DataError);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EncodeTest, testing::ValuesIn(GoldenModelNames()),
                         [](const auto &info) { return info.param; });

TEST(Encode, Options) {
  EXPECT_THROW(Options(0, -1, false).Check(), UsageError);
  Options(1, 0, true).Check();
  EXPECT_EQ(Options(16, -1, true).ToString(), "chunk 16, left chunks all, streaming");
  EXPECT_EQ(Options(4, 2, false).ToString(), "chunk 4, left chunks 2, masked");
  EXPECT_EQ(Options(-1, 2, false).ToString(), "chunk whole utterance, left chunks all");
}

TEST(Encode, FiniteButHugeIsFinite) {
  Tensor x = Tensor::Zeros(2, 4);
  x(1, 0) = x(1, 1) = 3e38f;
  CheckFinite("x", x);
  x(1, 3) = -std::numeric_limits<float>::infinity();
  EXPECT_THROW(CheckFinite("x", x), DataError);
}

TEST(Encode, FrameShift) {
  ModelInfo info;
  EXPECT_EQ(FrameShiftSeconds(info), 0.01);
  info.features["frame-shift"] = "12.5";
  EXPECT_EQ(FrameShiftSeconds(info), 0.0125);
}

}  // namespace
}  // namespace u2moe
