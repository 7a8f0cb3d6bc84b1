#include "train/load-watch.h"

#include <gtest/gtest.h>

#include "train/tiny.h"
#include "train/trainer.h"

namespace u2moe {
namespace {

// Each of E experts of each mixture as often as said.
ExpertCounts Counts(size_t mixtures, const std::vector<int64_t> &counts) {
  return ExpertCounts(mixtures, counts);
}

TEST(LoadCounter, CountsPlacesThatAreFilled) {
  LoadCounter counter;
  Tensor logits = Tensor::Zeros(3, 4);
  counter.OnRoute(logits, {0, 3, 3, 1, 2, -1}, {0.5f, 0.5f, 0.5f, 0.5f, 1, 0});
  counter.OnRoute(logits, {0, -1, -1, -1, 0, -1}, {1, 0, 0, 0, 1, 0});
  EXPECT_EQ(counter.Counts(), (ExpertCounts{{1, 1, 1, 2}, {2, 0, 0, 0}}));
}

TEST(LoadWatch, SmallestOverTheLastSteps) {
  const ModelConfig config = TinyConfig(0);  // 2 x 2 mixtures of the encoder and one per decoder
  LoadWatch watch(config);
  watch.BeginEpoch(1);
  EXPECT_EQ(watch.Smallest().mixture, "");
  ExpertCounts even = Counts(6, {100, 100, 100, 100}), tilted = even;
  tilted[2] = {150, 150, 50, 50};
  tilted[5] = {40, 120, 120, 120};
  watch.Add(even);
  watch.EndStep();
  EXPECT_EQ(watch.Smallest().load, 1);
  watch.Add(tilted);
  watch.Add(even);  // two parts of a step
  watch.EndStep();
  EXPECT_EQ(watch.Smallest().mixture, "decoder.right_decoder.decoders.0.feed_forward");
  EXPECT_EQ(watch.Smallest().expert, 0);
  EXPECT_NEAR(watch.Smallest().load, 240.0 / 300, 1e-9);
  for (size_t i = 0; i < LoadWatch::kSteps; ++i) {  // and the tilted step is out of sight
    watch.Add(even);
    watch.EndStep();
  }
  EXPECT_EQ(watch.Smallest().load, 1);
  watch.BeginEpoch(2);
  EXPECT_EQ(watch.Smallest().mixture, "");
}

size_t Count(const std::string &text, const std::string &what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(LoadWatch, WarnsOncePerEpochAndMixture) {
  ExpertCounts counts = Counts(6, {100, 100, 100, 100});
  counts[1] = {0, 200, 100, 100};
  counts[3] = {150, 150, 99, 1};
  LoadWatch watch(TinyConfig(0));
  const auto epoch = [&](int32_t number, size_t steps) {
    testing::internal::CaptureStderr();
    watch.BeginEpoch(number);
    for (size_t i = 0; i < steps; ++i) {
      watch.Add(counts);
      watch.EndStep();
    }
    const std::string before_end = testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    watch.EndEpoch();
    return std::make_pair(before_end, testing::internal::GetCapturedStderr());
  };
  for (const int32_t number : {1, 2}) {
    const auto [during, after] = epoch(number, LoadWatch::kSteps + 30);
    EXPECT_EQ(Count(during, "collapsing"), 2u) << during;
    EXPECT_EQ(Count(during, Cat("epoch ", number,
                                " step 100: encoder.encoders.0.feed_forward: expert 0 got "
                                "0 % of an even share")),
              1u)
        << during;
    EXPECT_EQ(Count(during, "encoder.encoders.1.feed_forward: expert 3 got 1 %"), 1u) << during;
    EXPECT_EQ(Count(during, "balance-weight"), 2u);
    EXPECT_EQ(after, "");
  }
  // An epoch of fewer steps is warned of at its end.
  const auto [during, after] = epoch(3, 5);
  EXPECT_EQ(during, "");
  EXPECT_EQ(Count(after, "collapsing"), 2u) << after;
  EXPECT_EQ(Count(after, "epoch 3 step 5: "), 2u) << after;
  counts = Counts(6, {0, 2, 2, 2});  // too few rows to say anything
  EXPECT_EQ(epoch(4, 5).second, "");
  counts = Counts(4, {0, 200, 200, 200});  // mixtures that the configuration does not tell
  EXPECT_EQ(Count(epoch(5, 5).second, ": mixture 2: expert 0 got 0 %"), 1u);
}

// A router that sends all rows to two experts is seen in the log and warned of while it happens:
// with the step, before the epoch ends.
TEST(LoadWatch, ACollapsedTraining) {
  const MemorySource data(TinyData(104, 1));
  std::unique_ptr<AsrModel> model = TinyModel(0);
  ForEachParam(model.get(), [](const std::string &name, Tensor *t, const ParamInit &, bool) {
    // Equal logits: the lower ids win, always.
    if (name.find("encoder.encoders.1.feed_forward.gate.") != name.npos) {
      for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] = 0;
    }
  });
  TrainOptions o;
  o.batch_size = 1;
  o.learning_rate = 0;
  Trainer trainer(o, model.get(), &data);
  testing::internal::CaptureStderr();
  const EpochReport report = trainer.TrainEpoch(1);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(Count(said,
                  "epoch 1 step 100: encoder.encoders.1.feed_forward: expert 2 got 0 % of an even "
                  "share of the rows of the last 100 steps"),
            1u)
      << said;
  EXPECT_EQ(report.min_load.load, 0);
  EXPECT_NE(report.ToJson().find("\"min_expert_load\":0.0,"
                                 "\"min_expert_load_mixture\":\"encoder.encoders.1.feed_forward\""),
            std::string::npos)
      << report.ToJson();
}

}  // namespace
}  // namespace u2moe
