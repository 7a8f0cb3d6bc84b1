// What a GPU's memory does not hold fails alone.
#include <gtest/gtest.h>

#include "model/devices.h"
#include "pipeline/forward.h"
#include "support/cuda/emulation.h"
#include "support/error-test.h"
#include "tensor/cuda-runtime.h"

namespace u2moe {
namespace {

TEST(CudaLimits, AnUtteranceThatIsTooLongFailsAndTheNextOneIsComputed) {
  ModelOnDevice models("moe", Device::kCuda);
  models.there_.model->PrepareForInference(models.there_ctx_);
  const Tensor x = ReadArchive(models.here_.dir + "/feats.ark")[0].second;
  Tensor longer(40 * x.Rows(), x.Cols());
  for (int64_t i = 0; i < longer.Rows(); ++i)
    std::copy_n(x.View().Row(i % x.Rows()), x.Cols(), longer.View().Row(i));
  std::vector<ForwardJob> jobs(3);
  jobs[0].feats = jobs[2].feats = x;
  jobs[1].feats = longer;
  size_t next = 0;
  EncodeOptions opts;
  Together together;
  ForwardJobs(models.there_ctx_, *models.there_.model, opts, together, [&]() -> ForwardJob * {
    // After the first, which shows what is needed, there is hardly more.
    if (next == 1) emulated::SetMemoryLimit(cuda::BytesInUse() + (1 << 20));
    return next < jobs.size() ? &jobs[next++] : nullptr;
  });
  emulated::SetMemoryLimit(0);
  EXPECT_FALSE(jobs[0].error);
  EXPECT_FALSE(jobs[2].error);
  EXPECT_EQ(MaxAbsDiff(jobs[0].logp, jobs[2].logp), 0);
  ASSERT_TRUE(jobs[1].error);
  EXPECT_HAS(ErrorOf([&] { std::rethrow_exception(jobs[1].error); }), "MiB beside the");
}

}  // namespace
}  // namespace u2moe
