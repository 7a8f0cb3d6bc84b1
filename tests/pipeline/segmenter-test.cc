// Segments of a recording: no frame is lost, and each is to the network an utterance of its own.
#include "pipeline/segmenter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "modelfile/model-file.h"
#include "pipeline/encode.h"
#include "support/small-model.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

constexpr double kFrame = 0.04;

std::unique_ptr<AsrModel> Model() {
  auto model = std::make_unique<AsrModel>(SmallModelOptions(2, 4).Config());
  InitModel(model.get(), 3);
  model->PrepareForInference(Context());
  return model;
}

struct Kept {
  int64_t begin, first_sound, last_sound;
  Tensor encoder_out, logp;
};

EncodeOptions Chunks(int32_t chunk) {
  EncodeOptions opts;
  opts.chunk_size = chunk;
  opts.streaming = chunk > 0;
  return opts;
}

std::vector<Kept> Segments(const AsrModel &model, const EncodeOptions &encode,
                           const EndpointOptions &endpoint, ConstView feats,
                           const std::vector<int64_t> &pieces) {
  std::vector<Kept> kept;
  Segmenter segmenter(Context(), model, encode, endpoint, kFrame, {0}, [&](const SpeechSegment &s) {
    kept.push_back(
        {s.begin, s.first_sound, s.last_sound, Tensor::Copy(s.encoder_out), Tensor::Copy(s.logp)});
  });
  size_t i = 0;
  for (int64_t begin = 0; begin < feats.Rows(); ++i) {
    const int64_t n = std::min(pieces[i % pieces.size()], feats.Rows() - begin);
    segmenter.Accept(feats.RowRange(begin, n));
    begin += n;
  }
  segmenter.Finish();
  return kept;
}

// A threshold that random weights pass about half of the time, and rules that end segments often.
EndpointOptions Often(const AsrModel &model, ConstView feats) {
  const Context ctx;
  const Tensor logp =
      model.CtcLogProbs(ctx, EncodeUtterance(ctx, model, feats.RowRange(0, 400), Chunks(4)));
  std::vector<double> blank;
  for (int64_t t = 0; t < logp.Rows(); ++t)
    blank.push_back(std::exp(static_cast<double>(logp(t, 0))));
  std::sort(blank.begin(), blank.end());
  EndpointOptions opts;
  opts.blank_threshold = static_cast<float>(blank[blank.size() / 2] + 1e-6);
  opts.rule1 = {false, 0.4f, 0};
  opts.rule2 = {true, 0.16f, 0.4f};
  opts.rule3 = {false, 0, 2};
  return opts;
}

class SegmenterTest : public testing::TestWithParam<int> {};

TEST_P(SegmenterTest, EachSegmentIsAnUtterance) {
  const Context ctx;
  const auto model = Model();
  const EncodeOptions encode = Chunks(GetParam());
  Rng rng(7);
  const Tensor feats = RandomTensor(&rng, 3003, 20, 3);
  const EndpointOptions endpoint = Often(*model, feats);
  const std::vector<Kept> segments = Segments(*model, encode, endpoint, feats, {50});
  EXPECT_GT(segments.size(), 20u);
  int64_t begin = 0;
  for (const Kept &s : segments) {
    ASSERT_EQ(s.begin, begin);
    begin += s.logp.Rows();
    ASSERT_EQ(s.encoder_out.Rows(), s.logp.Rows());
    ASSERT_GT(s.logp.Rows(), 0);
    EXPECT_LE(s.logp.Rows(), Endpointer(endpoint, kFrame).MaxFrames());
    // A stream from its first frame on, or the whole of it alone, to the bit.
    const int64_t first = s.begin * 4, n = encode.chunk_size > 0
                                               ? feats.Rows() - first
                                               : model->Encoder().WindowLength(s.logp.Rows());
    const Tensor alone = EncodeUtterance(
        ctx, *model, feats.View().RowRange(first, std::min(n, feats.Rows() - first)), encode);
    ASSERT_GE(alone.Rows(), s.logp.Rows());
    EXPECT_TRUE(SameBits(alone.View().RowRange(0, s.logp.Rows()), s.encoder_out)) << s.begin;
    EXPECT_TRUE(SameBits(model->CtcLogProbs(ctx, s.encoder_out), s.logp));
    // What is heard in it.
    int64_t first_sound = -1, last_sound = -1;
    for (int64_t t = 0; t < s.logp.Rows(); ++t) {
      if (std::exp(static_cast<double>(s.logp(t, 0))) >
          static_cast<double>(endpoint.blank_threshold))
        continue;
      if (first_sound < 0) first_sound = t;
      last_sound = t;
    }
    EXPECT_EQ(s.first_sound, first_sound);
    EXPECT_EQ(s.last_sound, last_sound);
  }
  EXPECT_EQ(begin, model->Encoder().OutLength(feats.Rows()));  // nothing is lost

  for (const std::vector<int64_t> &pieces : {std::vector<int64_t>{1}, {7, 0, 300}, {100000}}) {
    const std::vector<Kept> again = Segments(*model, encode, endpoint, feats, pieces);
    ASSERT_EQ(again.size(), segments.size()) << pieces[0];
    for (size_t i = 0; i < again.size(); ++i) {
      EXPECT_EQ(again[i].begin, segments[i].begin);
      EXPECT_TRUE(SameBits(again[i].logp, segments[i].logp));
    }
  }
}

TEST_P(SegmenterTest, OfLittle) {
  const auto model = Model();
  Rng rng(8);
  const Tensor feats = RandomTensor(&rng, 60, 20);
  EXPECT_TRUE(Segments(*model, Chunks(GetParam()), {}, feats.View().RowRange(0, 0), {1}).empty());
  EXPECT_TRUE(Segments(*model, Chunks(GetParam()), {}, feats.View().RowRange(0, 6), {1}).empty());
  // A recording that no rule cuts is the utterance itself.
  const auto one = Segments(*model, Chunks(GetParam()), {}, feats, {13});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_TRUE(
      SameBits(one[0].encoder_out, EncodeUtterance(Context(), *model, feats, Chunks(GetParam()))));
}

INSTANTIATE_TEST_SUITE_P(Chunks, SegmenterTest, testing::Values(-1, 1, 4, 16),
                         [](const auto &info) {
                           return info.param < 0 ? std::string("whole")
                                                 : "chunk" + std::to_string(info.param);
                         });

}  // namespace
}  // namespace u2moe
