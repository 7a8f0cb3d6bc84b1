// Decoding on other devices gives what it gives on the CPU: whole, in batches, masked, in streams;
// rescoring and the attention search.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "model/devices.h"
#include "pipeline/attention-search.h"
#include "pipeline/encode.h"
#include "pipeline/forward.h"
#include "pipeline/live-session.h"
#include "pipeline/model-scorer.h"

namespace u2moe {
namespace {

class DevicePipelineTest : public testing::TestWithParam<std::tuple<std::string, Device>>,
                           protected ModelOnDevice {
 protected:
  DevicePipelineTest() : ModelOnDevice(std::get<0>(GetParam()), std::get<1>(GetParam())) {
    here_.model->PrepareForInference(cpu_);
    there_.model->PrepareForInference(there_ctx_);
    for (auto &[key, x] : ReadArchive(here_.dir + "/feats.ark")) feats_.push_back(x);
  }

  std::vector<ForwardJob> Jobs(const Context &ctx, const AsrModel &model, const EncodeOptions &opts,
                               const Together &together) {
    std::vector<ForwardJob> jobs(feats_.size());
    for (size_t i = 0; i < jobs.size(); ++i) jobs[i].feats = feats_[i];
    size_t next = 0;
    ForwardJobs(ctx, model, opts, together,
                [&] { return next < jobs.size() ? &jobs[next++] : nullptr; });
    return jobs;
  }

  std::vector<Tensor> feats_;
};

TEST_P(DevicePipelineTest, Forward) {
  for (const int chunk : {-1, 4}) {
    for (const bool streaming : {false, true}) {
      if (streaming && (chunk < 0 || !here_.Streams())) continue;
      for (const double batch_seconds : {0, 100}) {
        if (streaming && batch_seconds > 0) continue;
        EncodeOptions opts;
        opts.chunk_size = chunk;
        opts.num_left_chunks = 2;
        opts.streaming = streaming;
        Together together;
        together.streams = 2;
        together.batch_seconds = batch_seconds;
        const std::vector<ForwardJob> want = Jobs(cpu_, *here_.model, opts, together),
                                      got = Jobs(there_ctx_, *there_.model, opts, together);
        for (size_t i = 0; i < want.size(); ++i) {
          ASSERT_FALSE(want[i].error || got[i].error);
          EXPECT_EQ(got[i].logp.GetDevice(), Device::kCpu);
          ExpectAgree(Where(), want[i].encoder_out, got[i].encoder_out, "encoder");
          ExpectAgree(Where(), want[i].logp, got[i].logp, "CTC");
        }
      }
    }
  }
}

TEST_P(DevicePipelineTest, Live) {
  if (!here_.Streams()) GTEST_SKIP() << here_.name << " cannot stream";
  EncodeOptions opts;
  opts.chunk_size = 4;
  opts.streaming = true;
  LiveEncoder here(cpu_, *here_.model, opts), there(there_ctx_, *there_.model, opts);
  const Tensor &x = feats_[0];
  for (int64_t begin = 0; begin < x.Rows(); begin += 37) {
    const ConstView part = x.View().RowRange(begin, std::min<int64_t>(37, x.Rows() - begin));
    const LiveOutput want = here.Accept(part), got = there.Accept(part);
    ExpectAgree(Where(), want.logp, got.logp, "CTC");
  }
  ExpectAgree(Where(), here.Flush().encoder_out, there.Flush().encoder_out, "encoder");
}

TEST_P(DevicePipelineTest, Rescoring) {
  const Tensor encoded = EncodeUtterance(cpu_, *here_.model, feats_[0], EncodeOptions());
  const ModelScorer here(cpu_, *here_.model), there(there_ctx_, *there_.model);
  const std::vector<std::vector<int32_t>> hyps = {{3, 4, 5}, {3, 4}, {}, {3, 1, 2, 2, 7}};
  for (const bool reverse : {false, true}) {
    const auto scores = [&](const ModelScorer &scorer) {
      return (reverse ? scorer.RightToLeft(encoded) : scorer.LeftToRight(encoded))->Score(hyps);
    };
    const std::vector<double> want = scores(here), got = scores(there);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) ExpectAgree(Where(), want[i], got[i], "score");
  }
}

TEST_P(DevicePipelineTest, AttentionSearch) {
  const Tensor encoded = EncodeUtterance(cpu_, *here_.model, feats_[0], EncodeOptions());
  const auto best = [&](const Context &ctx, const AsrModel &model) {
    AttentionBeamOptions opts;
    opts.ctc_weight = 0.3f;
    AttentionSearch search(ctx, model, opts);
    search.Begin();
    search.Step(encoded);
    return search.End();
  };
  const auto want = best(cpu_, *here_.model), got = best(there_ctx_, *there_.model);
  ASSERT_EQ(got.size(), want.size());
  EXPECT_EQ(got[0].tokens, want[0].tokens);
  ExpectAgree(Where(), want[0].total, got[0].total, "score");
}

INSTANTIATE_TEST_SUITE_P(All, DevicePipelineTest,
                         testing::Combine(testing::ValuesIn(GoldenModelNames()),
                                          testing::ValuesIn(OtherDevices())),
                         [](const auto &info) {
                           return std::get<0>(info.param) + "_" + NameOf(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace u2moe
