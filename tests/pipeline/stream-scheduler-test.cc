#include "pipeline/stream-scheduler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "model/golden.h"
#include "pipeline/encode.h"
#include "support/error-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

EncodeOptions Options(int32_t chunk, int32_t left) {
  EncodeOptions opts;
  opts.chunk_size = chunk;
  opts.num_left_chunks = left;
  opts.streaming = true;
  return opts;
}

class StreamSchedulerTest : public testing::TestWithParam<std::string> {
 protected:
  StreamSchedulerTest() : golden_(GetParam()), dim_(golden_.model->Config().encoder.model_dim) {
    golden_.model->PrepareForInference(ctx_);
    for (auto &[key, x] : ReadArchive(golden_.dir + "/feats.ark")) feats_.push_back(x);
  }
  const u2moe::Encoder &Encoder() const { return golden_.model->Encoder(); }

  // What a stream of these frames gives alone.
  Tensor Alone(ConstView feats, const EncodeOptions &opts) const {
    StreamingEncoder stream(ctx_, Encoder(), opts);
    const Tensor head = stream.Accept(feats), tail = stream.Finish();
    Tensor out(head.Rows() + tail.Rows(), dim_);
    std::copy_n(tail.Data(), tail.Size(), std::copy_n(head.Data(), head.Size(), out.Data()));
    return out;
  }

  Context ctx_;
  GoldenModel golden_;
  int64_t dim_;
  std::vector<Tensor> feats_;
};

// What a stream was given and what it gave.
struct Record {
  ConstView feats;
  int64_t fed = 0;
  std::vector<float> out;
  bool finished = false;
};

// Streams join, are fed in pieces of any size, end, end without frames, and are given up, at
// random.
TEST_P(StreamSchedulerTest, RandomArrivalsAsAlone) {
  Rng rng(3);
  for (const int32_t chunk : {1, 4, 7}) {
    for (const int32_t left : {-1, 0, 2}) {
      const EncodeOptions opts = Options(chunk, left);
      const int max_batch = 1 + (chunk + left + 1) % 6;
      SCOPED_TRACE(Cat("chunk ", chunk, " left ", left, " batch ", max_batch));
      StreamScheduler scheduler(ctx_, Encoder(), opts, max_batch);
      std::map<int64_t, Record> live;
      int64_t opened = 0, ended = 0, joined = 0;
      while (opened < 30 || !live.empty()) {
        if (opened < 30 && live.size() < 12 && rng.UniformInt(0, 2) == 0) {
          const Tensor &x = feats_[static_cast<size_t>(rng.UniformInt(0, 3))];
          const int64_t length =
              rng.UniformInt(0, 3) == 0 ? rng.UniformInt(0, 8) : rng.UniformInt(0, x.Rows());
          Record record;
          record.feats = x.View().RowRange(x.Rows() - length, length);
          ASSERT_TRUE(live.emplace(scheduler.Open(), record).second);
          ++opened;
        }
        for (auto it = live.begin(); it != live.end();) {
          const int64_t id = it->first;
          Record &r = it->second;
          ++it;
          if (r.finished || rng.UniformInt(0, 2) == 0) continue;
          const int64_t n = std::min(rng.UniformInt(0, 40), r.feats.Rows() - r.fed);
          scheduler.Accept(id, r.feats.RowRange(r.fed, n));
          r.fed += n;
          if (rng.UniformInt(0, 40) == 0) {
            scheduler.Close(id);
            live.erase(id);
          } else if (r.fed == r.feats.Rows() && rng.UniformInt(0, 1) == 0) {
            scheduler.Finish(id);
            r.finished = true;
          }
        }
        if (rng.UniformInt(0, 3) == 0) continue;
        const int64_t waiting = scheduler.NumWaiting();
        const StreamBatch batch = scheduler.Step();
        ASSERT_EQ(static_cast<int64_t>(batch.items.size()), std::min<int64_t>(max_batch, waiting));
        joined = std::max<int64_t>(joined, static_cast<int64_t>(batch.items.size()));
        ASSERT_EQ(batch.shape.TotalRows(), batch.frames.Rows());
        for (size_t i = 0; i < batch.items.size(); ++i) {
          const StreamBatch::Item &item = batch.items[i];
          ASSERT_FALSE(item.error);
          Record &r = live.at(item.id);
          const ConstView rows = batch.Rows(i);
          r.out.insert(r.out.end(), rows.Data(), rows.Data() + rows.Size());
          if (!item.last) continue;
          EXPECT_TRUE(r.finished);
          const int64_t n = static_cast<int64_t>(r.out.size()) / dim_;
          ASSERT_EQ(n, Encoder().OutLength(r.feats.Rows()));
          EXPECT_TRUE(SameBits(ConstView(r.out.data(), n, dim_), Alone(r.feats, opts)));
          live.erase(item.id);
          ++ended;
        }
        ASSERT_EQ(scheduler.NumStreams(), static_cast<int64_t>(live.size()));
      }
      EXPECT_EQ(scheduler.NumWaiting(), 0);
      EXPECT_TRUE(scheduler.Step().items.empty());
      EXPECT_GT(ended, 10);
      EXPECT_GE(joined, std::min(max_batch, 3));
    }
  }
}

// A window that is complete is in the next step if there is room; else first come, first served.
TEST_P(StreamSchedulerTest, NobodyWaitsLonger) {
  const int32_t chunk = 2;
  StreamScheduler scheduler(ctx_, Encoder(), Options(chunk, 1), 3);
  const int64_t window = Encoder().WindowLength(chunk);
  std::vector<int64_t> ids;
  for (int i = 0; i < 7; ++i) ids.push_back(scheduler.Open());
  // The first has much to do; it must not keep the others from their turn.
  scheduler.Accept(ids[0], feats_.back().View().RowRange(0, 5 * window));
  for (size_t i = 1; i < 7; ++i) {
    scheduler.Accept(ids[7 - i], feats_.back().View().RowRange(0, window - 1));
    EXPECT_FALSE(scheduler.Waiting(ids[7 - i]));
    scheduler.Accept(ids[7 - i], feats_.back().View().RowRange(window - 1, 1));
    EXPECT_TRUE(scheduler.Waiting(ids[7 - i]));
  }
  EXPECT_EQ(scheduler.NumWaiting(), 7);
  const auto step = [&] {
    std::vector<int64_t> got;
    for (const StreamBatch::Item &item : scheduler.Step().items) got.push_back(item.id);
    return got;
  };
  EXPECT_EQ(step(), (std::vector<int64_t>{ids[0], ids[6], ids[5]}));
  EXPECT_EQ(step(), (std::vector<int64_t>{ids[0], ids[4], ids[3]}));
  scheduler.Close(ids[2]);  // it has a window waiting
  EXPECT_EQ(step(), (std::vector<int64_t>{ids[0], ids[1]}));
  EXPECT_EQ(step(), (std::vector<int64_t>{ids[0]}));
  EXPECT_EQ(scheduler.NumStreams(), 6);
}

TEST_P(StreamSchedulerTest, BadFramesCloseTheirStreamOnly) {
  const EncodeOptions opts = Options(4, 2);
  StreamScheduler scheduler(ctx_, Encoder(), opts, 8);
  const int64_t good = scheduler.Open(), bad = scheduler.Open(), narrow = scheduler.Open();
  const ConstView x = feats_.back().View().RowRange(0, 60);
  scheduler.Accept(good, x.RowRange(0, 40));
  scheduler.Accept(bad, x.RowRange(0, 40));
  Tensor broken = Tensor::Copy(x.RowRange(40, 20));
  broken(7, 3) = std::nanf("");
  try {
    scheduler.Accept(bad, broken);
    FAIL();
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find("frame 47, dimension 3"), std::string::npos) << e.what();
  }
  EXPECT_THROW(scheduler.Accept(narrow, Tensor::Zeros(40, 3)), DataError);
  EXPECT_EQ(scheduler.NumStreams(), 1);
  EXPECT_THROW(scheduler.Accept(bad, x), Error);
  scheduler.Accept(good, x.RowRange(40, 20));
  scheduler.Finish(good);
  std::vector<float> out;
  for (bool last = false; !last;) {
    const StreamBatch batch = scheduler.Step();
    ASSERT_EQ(batch.items.size(), 1u);
    out.insert(out.end(), batch.frames.Data(), batch.frames.Data() + batch.frames.Size());
    last = batch.items[0].last;
  }
  const Tensor want = Alone(x, opts);
  ASSERT_EQ(static_cast<int64_t>(out.size()), want.Size());
  EXPECT_TRUE(SameBits(ConstView(out.data(), want.Rows(), dim_), want));
}

// The model refuses the numbers of one stream in the middle of a batch: the others advance as
// alone.
TEST_P(StreamSchedulerTest, WhatTheModelRefusesFailsAlone) {
  if (GetParam() == "dense") GTEST_SKIP() << "only routers refuse numbers";
  const EncodeOptions opts = Options(4, 2);
  StreamScheduler scheduler(ctx_, Encoder(), opts, 8);
  const ConstView x = feats_.back().View().RowRange(0, 120);
  std::vector<int64_t> ids;
  std::map<int64_t, std::vector<float>> out;
  for (int i = 0; i < 4; ++i) ids.push_back(scheduler.Open());
  for (const int64_t id : ids) scheduler.Accept(id, x.RowRange(id, 40));
  while (scheduler.NumWaiting() > 0) {
    const StreamBatch batch = scheduler.Step();
    for (size_t i = 0; i < batch.items.size(); ++i) {
      const ConstView rows = batch.Rows(i);
      auto *to = &out[batch.items[i].id];
      to->insert(to->end(), rows.Data(), rows.Data() + rows.Size());
    }
  }
  Tensor huge(40, x.Cols());
  for (int64_t i = 0; i < huge.Size(); ++i) huge.Data()[i] = i % 2 == 0 ? 3e38f : -3e38f;
  scheduler.Finish(ids[3]);  // no window of its own in this step
  for (size_t i = 0; i < 3; ++i)
    scheduler.Accept(ids[i], i == 1 ? huge.View() : x.RowRange(ids[i] + 40, 20));
  int errors = 0;
  for (bool finished = false; scheduler.NumStreams() > 0;) {
    const StreamBatch batch = scheduler.Step();
    for (size_t i = 0; i < batch.items.size(); ++i) {
      const StreamBatch::Item &item = batch.items[i];
      const ConstView rows = batch.Rows(i);
      EXPECT_EQ(static_cast<bool>(item.error), item.id == ids[1]);
      if (item.error) {
        EXPECT_TRUE(item.last && rows.Empty());
        EXPECT_HAS(ErrorOf([&] { std::rethrow_exception(item.error); }), "router");
        ++errors;
      }
      auto *to = &out[item.id];
      to->insert(to->end(), rows.Data(), rows.Data() + rows.Size());
    }
    if (!finished) {
      scheduler.Finish(ids[0]);
      scheduler.Finish(ids[2]);
      finished = true;
    }
  }
  EXPECT_EQ(errors, 1);
  for (const int64_t id : {ids[0], ids[2], ids[3]}) {
    const Tensor want = Alone(x.RowRange(id, id == ids[3] ? 40 : 60), opts);
    ASSERT_EQ(static_cast<int64_t>(out[id].size()), want.Size()) << id;
    EXPECT_TRUE(SameBits(ConstView(out[id].data(), want.Rows(), dim_), want)) << id;
  }
}

// Utterances through the scheduler, with more and fewer at once than there are.
TEST_P(StreamSchedulerTest, UtterancesTogetherAsAlone) {
  for (const int streams : {1, 3, 50}) {
    const EncodeOptions opts = Options(4, 2);
    std::vector<Tensor> in, out(25);
    std::vector<std::string> errors(25);
    Rng rng(4);
    for (int i = 0; i < 25; ++i) {
      const Tensor &x = feats_[static_cast<size_t>(i) % feats_.size()];
      in.push_back(Tensor::Copy(x.View().RowRange(0, rng.UniformInt(0, x.Rows()))));
    }
    in[3] = feats_.back();
    in[3](30, 2) = std::numeric_limits<float>::infinity();
    in[4] = Tensor::Zeros(30, 3);
    in[5] = Tensor();
    size_t next = 0;
    EncodeUtterances(ctx_, Encoder(), opts, streams, [&](Utterance *u) {
      if (next == in.size()) return false;
      u->feats = in[next];
      u->done = [&, i = next](Tensor result, std::exception_ptr error) {
        out[i] = std::move(result);
        errors[i] = ErrorOf([&] {
          if (error) std::rethrow_exception(error);
        });
      };
      ++next;
      return true;
    });
    for (size_t i = 0; i < in.size(); ++i) {
      Tensor want;
      const std::string message =
          ErrorOf([&] { want = EncodeUtterance(ctx_, Encoder(), in[i], opts); });
      EXPECT_EQ(errors[i], message) << i;
      EXPECT_TRUE(SameBits(out[i], want)) << i;
    }
    EXPECT_HAS(errors[3], "frame 30, dimension 2 is inf");
    EXPECT_HAS(errors[4], "3 dimensions, the model wants");
    EXPECT_HAS(errors[5], "0 feature frames are too few");
  }
}

INSTANTIATE_TEST_SUITE_P(All, StreamSchedulerTest, testing::Values("dense", "moe", "moe_conv2d6"),
                         [](const auto &info) { return info.param; });

TEST(StreamScheduler, NeedsACausalModel) {
  const GoldenModel golden("dense_offline");
  EXPECT_THROW(StreamScheduler(Context(), golden.model->Encoder(), Options(4, 2), 8), DataError);
}

}  // namespace
}  // namespace u2moe
