// Whole utterances in one ragged batch: each has the bits that it has alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "modelfile/model-file.h"
#include "pipeline/encode.h"
#include "pipeline/forward.h"
#include "support/error-test.h"
#include "support/small-model.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

constexpr int32_t kFeatures = 20, kBlocks = 2;

struct Case {
  std::string name;
  int num_experts;
  WeightFormat format;
  ExpertPolicy policy;
  int32_t chunk = -1;
  int32_t dim = 32;
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
  for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kBfloat16,
                                    WeightFormat::kInt8, WeightFormat::kInt4}) {
    const std::string name = ToString(format);
    cases.push_back({"dense_" + name, 0, format, {}});
    cases.push_back({"dense_wide_" + name, 0, format, {}, -1, 128});  // convolutions in tiles
    cases.push_back({"moe_" + name, 6, format, {}});
    cases.push_back({"moe_skip_" + name, 6, format, skip});
    cases.push_back({"moe_exit_" + name, 6, format, exit});
    cases.push_back({"moe_all_masked_" + name, 6, format, all, 5});
  }
  cases.push_back({"moe_chunk_masked", 6, WeightFormat::kInt8, chunk, 4});
  cases.push_back({"moe_budget_masked", 6, WeightFormat::kInt8, budget, 7});
  return cases;
}

struct Result {
  Tensor out;
  std::string error;
};

std::string MessageOf(const std::exception_ptr &error) {
  return ErrorOf([&] {
    if (error) std::rethrow_exception(error);
  });
}

class EncodeBatchTest : public testing::TestWithParam<Case> {
 protected:
  EncodeBatchTest() {
    const Case &c = GetParam();
    ModelOptions options = SmallModelOptions(kBlocks, c.num_experts);
    options.model_dim = c.dim;
    options.hidden_dim = 48;
    model_ = std::make_unique<AsrModel>(options.Config());
    InitModel(model_.get(), 1);
    model_->PrepareForInference(ctx_, c.format, c.format == WeightFormat::kInt4 ? 8 : 0);
    model_->SetPolicy(c.policy);
    opts_.chunk_size = c.chunk;
    opts_.num_left_chunks = c.chunk > 0 ? 3 : -1;
    Rng rng(3);
    for (const int64_t length : {7, 8, 11, 14, 15, 31, 64, 100, 257, 500}) {
      in_.push_back(RandomTensor(&rng, length, kFeatures));
      in_.push_back(RandomTensor(&rng, rng.UniformInt(7, 300), kFeatures));
    }
    for (const Tensor &x : in_) alone_.push_back(EncodeUtterance(ctx_, *model_, x, opts_));
  }

  // The results of a batch of these utterances.
  std::vector<Result> Encode(const std::vector<const Tensor *> &feats) const {
    std::vector<Result> results(feats.size());
    std::vector<Utterance> batch;
    for (size_t i = 0; i < feats.size(); ++i) {
      batch.push_back({*feats[i], [&results, i](Tensor out, std::exception_ptr error) {
                         results[i] = {std::move(out), MessageOf(error)};
                       }});
    }
    EncodeBatch(ctx_, model_->Encoder(), opts_, batch);
    return results;
  }

  const Context ctx_;
  std::unique_ptr<AsrModel> model_;
  EncodeOptions opts_;
  std::vector<Tensor> in_, alone_;
};

TEST_P(EncodeBatchTest, EachAsAlone) {
  Rng rng(4);
  std::vector<size_t> order(in_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (const size_t size : {size_t{1}, size_t{2}, size_t{5}, order.size()}) {
    for (size_t i = order.size(); i-- > 1;)
      std::swap(order[i], order[static_cast<size_t>(rng.UniformInt(0, static_cast<int64_t>(i)))]);
    for (size_t begin = 0; begin < order.size(); begin += size) {
      std::vector<const Tensor *> batch;
      const size_t end = std::min(begin + size, order.size());
      for (size_t i = begin; i < end; ++i) batch.push_back(&in_[order[i]]);
      const std::vector<Result> results = Encode(batch);
      for (size_t i = begin; i < end; ++i) {
        EXPECT_EQ(results[i - begin].error, "(no error)");
        EXPECT_TRUE(SameBits(results[i - begin].out, alone_[order[i]]))
            << "batches of " << size << ", " << in_[order[i]].Rows() << " frames";
      }
    }
  }
}

// What cannot be computed fails alone, with the words it has alone.
TEST_P(EncodeBatchTest, BadOnesFailAlone) {
  Tensor infinite = Tensor::Copy(in_[7]), huge = Tensor::Copy(in_[7]);
  infinite(3, 2) = std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < huge.Size(); ++i) huge.Data()[i] = i % 2 == 0 ? 3e38f : -3e38f;
  const Tensor narrow = Tensor::Zeros(30, 3), few = Tensor::Zeros(6, kFeatures), none;
  const std::vector<const Tensor *> batch = {&infinite, &in_[0], &narrow, &huge,
                                             &in_[9],   &few,    &none,   &in_[4]};
  const std::vector<Result> results = Encode(batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    Tensor want;
    const std::string error =
        ErrorOf([&] { want = EncodeUtterance(ctx_, *model_, *batch[i], opts_); });
    EXPECT_EQ(results[i].error, error) << i;
    EXPECT_TRUE(SameBits(results[i].out, want)) << i;
  }
  EXPECT_HAS(results[0].error, "frame 3, dimension 2 is inf");
  EXPECT_EQ(results[1].error, "(no error)");
  EXPECT_HAS(results[2].error, "3 dimensions, the model wants");
  EXPECT_NE(results[3].error, "(no error)");
  EXPECT_HAS(results[5].error, "6 feature frames are too few");
  EXPECT_TRUE(Encode({}).empty());
}

// Through the loop of nnet-forward: any length of batches, any number of threads.
TEST_P(EncodeBatchTest, ThreadsAndLengths) {
  for (const int num_threads : {1, 3}) {
    for (const double seconds : {0.0, 0.2, 3.0, 1000.0}) {
      OptionParser po("");
      SpeedReport speed(&po);
      UtteranceTally tally(&po);
      Progress progress("", 0);
      ThreadOptions threads;
      threads.threads = num_threads;
      Together together;
      together.batch_seconds = seconds;
      size_t next = 0, written = 0;
      ForEachGroup<ForwardJob>(
          threads, together, &speed, &tally, &progress,
          [&](ForwardJob *job) {
            if (next == in_.size()) return false;
            job->key = Cat(next);
            job->audio_seconds = 0.01 * static_cast<double>(in_[next].Rows());
            job->feats = in_[next++];
            return true;
          },
          [&](const std::function<ForwardJob *()> &jobs) {
            ForwardJobs(ctx_, *model_, opts_, together, jobs);
          },
          [&](ForwardJob *job) {
            EXPECT_TRUE(SameBits(job->encoder_out, alone_[written])) << written;
            EXPECT_TRUE(SameBits(job->logp, model_->CtcLogProbs(ctx_, alone_[written])));
            ++written;
          });
      EXPECT_EQ(written, in_.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, EncodeBatchTest, testing::ValuesIn(Cases()),
                         [](const auto &info) { return info.param.name; });

}  // namespace
}  // namespace u2moe
