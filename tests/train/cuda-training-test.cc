// Whole epochs on a GPU.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>

#include "model/devices.h"
#include "train/tiny.h"
#include "train/trainer.h"

namespace u2moe {
namespace {

// Epochs with all that belongs to them: dropout, SpecAugment, chunk masks, shards, a mixture,
// running statistics. The same seed gives the same bits there, for any number of threads; what a
// run on the one device saved goes on on the other; and the loss is the CPU's.
TEST(CudaTraining, EpochsAreTheCpus) {
  const MemorySource data(TinyData(8, 2));
  TrainOptions options;
  options.batch_size = 4;
  options.shards = 2;
  options.shard_frames = 1;
  options.warmup_steps = 10;
  options.spec.max_t = 8;
  options.spec.max_f = 4;
  const std::string dir = TempDir();
  const auto train = [&](const std::string &device, int threads, AsrModel *model, int first,
                         int last) {
    options.device.device = device;
    options.threads = threads;
    const Context ctx = options.device.MakeContext();
    if (!ctx.OnHost()) MoveToDevice(ctx, model);
    Trainer trainer(options, model, &data);
    if (first > 1) trainer.Optimizer()->Load(ctx, dir + "/moments");
    double loss = 0;
    for (int epoch = first; epoch <= last; ++epoch)
      loss = trainer.TrainEpoch(epoch).train.MeanTotal();
    trainer.Optimizer()->Save(dir + "/moments");
    if (!ctx.OnHost()) MoveToDevice(Context(), model);
    return loss;
  };
  const auto fresh = [] { return TinyModel(0.2f); };
  const auto cpu = fresh(), cuda = fresh(), threads = fresh(), there = fresh();
  const double want = train("cpu", 1, cpu.get(), 1, 3), got = train("cuda", 1, cuda.get(), 1, 3);
  EXPECT_NEAR(got, want, 1e-2 * want);
  EXPECT_EQ(train("cuda", 3, threads.get(), 1, 3), got);
  ExpectModelsAgree(Device::kCpu, cuda.get(), threads.get(), "weights with threads");
  train("cpu", 1, there.get(), 1, 2);
  EXPECT_NEAR(train("cuda", 1, there.get(), 3, 3), want, 1e-2 * want);
  train("cuda", 1, there.get(), 4, 4);
  EXPECT_TRUE(std::isfinite(train("cpu", 1, there.get(), 5, 5)));
}

}  // namespace
}  // namespace u2moe
