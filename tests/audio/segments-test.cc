#include "audio/segments.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// Features whose value is the frame's number.
Tensor Counting(int64_t num_frames) {
  Tensor x(num_frames, 1);
  for (int64_t t = 0; t < num_frames; ++t) x(t, 0) = static_cast<float>(t);
  return x;
}

// {first frame, number of frames}, or {-1, -1} where it is refused.
std::pair<int64_t, int64_t> Cut(const FeatureSegmentOptions &opts, double start, double end,
                                int64_t num_frames = 100) {
  Segment segment;
  segment.start = start;
  segment.end = end;
  const Tensor x = Counting(num_frames);
  try {
    const ConstView y = CutFrames(opts, segment, x);
    return {static_cast<int64_t>(y(0, 0)), y.Rows()};
  } catch (const DataError &) {
    return {-1, -1};
  }
}
constexpr std::pair<int64_t, int64_t> kRefused = {-1, -1};

TEST(CutFrames, AsManyAsTheAudioWouldGive) {
  FeatureSegmentOptions opts;  // 10 ms and 25 ms: two frames fewer
  EXPECT_EQ(Cut(opts, 0.1, 0.5), std::make_pair(int64_t{10}, int64_t{38}));
  EXPECT_EQ(Cut(opts, 0, 1.02), std::make_pair(int64_t{0}, int64_t{100}));
  EXPECT_EQ(Cut(opts, 0.4, -1), std::make_pair(int64_t{40}, int64_t{60}));
  EXPECT_EQ(Cut(opts, 0.104, 0.496), std::make_pair(int64_t{10}, int64_t{38}));  // rounded
  opts.frame_length = 30;
  EXPECT_EQ(Cut(opts, 0.1, 0.5).second, 38);
  opts.frame_length = 31;
  EXPECT_EQ(Cut(opts, 0.1, 0.5).second, 37);
  opts.snip_edges = false;
  EXPECT_EQ(Cut(opts, 0.1, 0.5).second, 40);
  opts.frame_shift = 20;
  EXPECT_EQ(Cut(opts, 0.1, 0.5), std::make_pair(int64_t{5}, int64_t{20}));
}

TEST(CutFrames, RefusesWhatLiesOutside) {
  FeatureSegmentOptions opts;
  opts.snip_edges = false;
  EXPECT_EQ(Cut(opts, 1, 1.5), kRefused);
  EXPECT_EQ(Cut(opts, 0.5, 1.01), kRefused);
  EXPECT_EQ(Cut(opts, 0.5, 1e30), kRefused);
  EXPECT_EQ(Cut(opts, 0.5, -1, 50), kRefused);
  opts.max_overshoot = 0.05f;  // less than this
  EXPECT_EQ(Cut(opts, 0.5, 1.04).second, 50);
  EXPECT_EQ(Cut(opts, 0.5, 1.05), kRefused);
  // More than 10 frames are wanted.
  EXPECT_EQ(Cut(opts, 0.5, 0.6), kRefused);
  EXPECT_EQ(Cut(opts, 0.5, 0.61).second, 11);
  opts.min_segment_length = 0;
  EXPECT_EQ(Cut(opts, 0.5, 0.51).second, 1);
  opts.snip_edges = true;
  EXPECT_EQ(Cut(opts, 0.5, 0.52), kRefused);
}

TEST(CutFrames, OptionsAreChecked) {
  FeatureSegmentOptions opts;
  opts.Check();
  opts.frame_shift = 0;
  EXPECT_THROW(opts.Check(), UsageError);
  opts.frame_shift = 26;
  EXPECT_THROW(opts.Check(), UsageError);
  opts.frame_shift = 10;
  opts.max_overshoot = -1;
  EXPECT_THROW(opts.Check(), UsageError);
}

TEST(ForEachSegment, CountsBadLines) {
  const std::string path = TempDir() + "/segments";
  WriteFile(
      path,
      "a rec 0 1.5\n\nb rec 1 -1 2\r\nc rec 1\nd rec x 2\ne rec 2 1\nf rec -1 1\ng rec 0 inf\n"
      "h rec 0 1 -2\ni rec 0 1 0 0\nj rec 0 1 left\nk rec 1 1\n");
  OptionParser po("test");
  UtteranceTally tally(&po);
  std::vector<Segment> segments;
  ForEachSegment(path, &tally, [&](const Segment &s) { segments.push_back(s); });
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[0].utterance, "a");
  EXPECT_EQ(segments[0].recording, "rec");
  EXPECT_EQ(segments[0].end, 1.5);
  EXPECT_EQ(segments[0].channel, -1);
  EXPECT_EQ(segments[1].end, -1);
  EXPECT_EQ(segments[1].channel, 2);
  EXPECT_EQ(tally.NumDone(), 2);
  EXPECT_EQ(tally.NumFailed(), 9);
}

}  // namespace
}  // namespace u2moe
