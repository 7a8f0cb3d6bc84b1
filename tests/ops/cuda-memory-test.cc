// Ops on matrices and lists in the device's memory, which the host may not touch, give the bits
// that they give on the host's memory (RunOpsOnCuda), and the second time they ask for no memory.
#include <vector>

#include "ops/adam.h"
#include "ops/batch-norm.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/gather.h"
#include "ops/group-max.h"
#include "ops/label-smoothing-loss.h"
#include "ops/noise.h"
#include "ops/rms-norm.h"
#include "ops/rotary.h"
#include "ops/soft-target-loss.h"
#include "support/op-test.h"
#include "tensor/cuda-runtime.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

// op(ctx, x): x [R, D] of ctx's memory is changed in place, or what the op gives is returned.
template <class Op>
void ExpectSameInDeviceMemory(const Tensor &x, const Op &op) {
  const Context cpu, gpu(Device::kCuda);
  Tensor here = x;
  RunOpsOnCuda(true);
  const std::vector<double> want = op(cpu, &here);
  RunOpsOnCuda(false);
  int64_t allocations = 0;
  for (int round = 0; round < 2; ++round) {
    Tensor there = x.ToDevice(gpu);
    EXPECT_EQ(op(gpu, &there), want);
    EXPECT_TRUE(SameBits(there.ToHost(), here));
    if (round == 0) allocations = cuda::NumAllocations();
  }
  EXPECT_EQ(cuda::NumAllocations(), allocations);
}

class CudaMemory : public testing::Test {
 protected:
  Rng rng_{1};
  const Tensor x_ = RandomTensor(&rng_, 20, 36), other_ = RandomTensor(&rng_, 20, 36),
               row_ = RandomTensor(&rng_, 1, 36);
  const std::vector<int32_t> index_ = {3, 19, 3, 0, 7, 3, 8, 12, 11, 1,
                                       0, 9,  9, 2, 4, 5, 6, 1,  3,  4};
  const std::vector<uint64_t> seeds_{std::vector<uint64_t>(20, 5)};
};

TEST_F(CudaMemory, RowsByIndex) {
  const std::vector<float> weight(20, 0.5f);
  ExpectSameInDeviceMemory(x_, [&](const Context &ctx, Tensor *y) {
    const ListOnDevice<int32_t> index(ctx, index_);
    const MatrixOnDevice other(ctx, other_);
    std::vector<float> dot;
    GatherDotRows(ctx, *y, other, index, &dot);
    ScatterAddRows(ctx, other, index, ListOnDevice<float>(ctx, weight), *y);
    ScatterAddRows(ctx, other, index, {}, *y);
    EmbeddingBackward(ctx, index, 3, other, *y);
    Tensor gathered(ctx, 20, 36);
    GatherRows(ctx, *y, index, gathered);
    EmbeddingForward(ctx, gathered, index, 2, *y);
    return std::vector<double>(dot.begin(), dot.end());
  });
}

TEST_F(CudaMemory, Norms) {
  ExpectSameInDeviceMemory(x_, [&](const Context &ctx, Tensor *x) {
    const MatrixOnDevice gamma(ctx, row_), dy(ctx, other_);
    Tensor y(ctx, 20, 36), stats(ctx, 2, 36), running = Tensor::Zeros(ctx, 2, 36),
                                              sums = Tensor::Zeros(ctx, 2, 36);
    const View mean = running.View().RowRange(0, 1), var = running.View().RowRange(1, 1),
               dgamma = sums.View().RowRange(0, 1), dbeta = sums.View().RowRange(1, 1);
    BatchNormForward(ctx, *x, gamma, gamma, 1e-5f, 0.1f, mean, var, y, stats);
    BatchNormBackward(ctx, y, gamma, stats, dy, *x, dgamma, dbeta);
    BatchNormInference(ctx, *x, dgamma, dbeta, mean, var, 1e-5f, y);
    RmsNormForward(ctx, y, gamma, 1e-5f, *x);
    RmsNormBackward(ctx, y, gamma, 1e-5f, *x, *x, dgamma);
    BatchNormInference(ctx, *x, dgamma, dbeta, mean, var, 1e-5f, *x);
    return std::vector<double>();
  });
}

TEST_F(CudaMemory, Elements) {
  ExpectSameInDeviceMemory(x_, [&](const Context &ctx, Tensor *x) {
    const ListOnDevice<uint64_t> seeds(ctx, seeds_);
    const MatrixOnDevice grad(ctx, other_);
    Tensor m = Tensor::Zeros(ctx, 20, 36), v = Tensor::Zeros(ctx, 20, 36), largest(ctx, 20, 2);
    Dropout(ctx, 7, 0.3f, *x, *x);
    Dropout(ctx, 7, seeds, 0.3f, *x, *x);
    AddNormalNoise(ctx, seeds, 0.1, *x);
    MultiplyByUniform(ctx, seeds, 0.1, *x);
    Rotate(ctx, 3, 5, false, *x);
    AdamUpdate(ctx, AdamOptions(), 2, 0.1f, 0.5f, grad, *x, m, v);
    GroupMax(ctx, 18, *x, largest);
    PositionTable(ctx, 3, x->View().RowRange(4, 2));
    AdamUpdate(ctx, AdamOptions(), 2, 0.1f, 0.5f, largest, x->View().ColRange(1, 2),
               m.View().ColRange(0, 2), v.View().ColRange(0, 2));
    return std::vector<double>();
  });
}

TEST_F(CudaMemory, Losses) {
  ExpectSameInDeviceMemory(x_, [&](const Context &ctx, Tensor *d) {
    const MatrixOnDevice logits(ctx, other_);
    const ListOnDevice<int32_t> labels(ctx, index_);
    int64_t correct = -1;
    const double soft = SoftTargetLoss(ctx, logits, *d, 2, 0.5f, View());
    const double loss = LabelSmoothingLoss(ctx, logits, labels, 0.1f, 1, *d, &correct);
    Tensor more = Tensor::Zeros(ctx, 20, 36);
    return std::vector<double>{soft, loss, static_cast<double>(correct),
                               SoftTargetLoss(ctx, logits, more, 2, 0.5f, *d)};
  });
  // A label that is none is told here, too.
  const Context gpu(Device::kCuda);
  const std::vector<int32_t> bad(20, 36);
  const ListOnDevice<int32_t> labels(gpu, bad);
  EXPECT_THROW(LabelSmoothingLoss(gpu, MatrixOnDevice(gpu, x_), labels, 0.1f, 1, View(), nullptr),
               Error);
}

}  // namespace
}  // namespace u2moe
