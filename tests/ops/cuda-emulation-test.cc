// The emulation keeps what tests/support/cuda/emulation.h promises.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "base/error.h"
#include "ops/activation.h"
#include "ops/cuda-block.h"
#include "ops/dispatch.h"
#include "ops/softmax.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {
namespace cuda {
namespace {

std::vector<float> ToHost(const float *p, size_t count) {
  std::vector<float> host(count);
  CopyBytes(host.data(), p, count * sizeof(float), cudaMemcpyDeviceToHost);
  return host;
}

__global__ void ReverseKernel(float *p) {
  float *shared = SharedArray<float>(0, blockDim.x);
  const float before = shared[threadIdx.x];
  shared[threadIdx.x] = p[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  p[blockIdx.x * blockDim.x + threadIdx.x] =
      before == before ? -1 : shared[blockDim.x - 1 - threadIdx.x];
}

TEST(CudaEmulation, BlocksShareMemoryThatBeginsAsNan) {
  const auto memory = AllocateFloats(3 * 96);
  std::vector<float> host(3 * 96);
  for (size_t i = 0; i < host.size(); ++i) host[i] = static_cast<float>(i);
  CopyBytes(memory.get(), host.data(), host.size() * sizeof(float), cudaMemcpyHostToDevice);
  Launch("Reverse", ReverseKernel, {dim3(3), dim3(96)}, 96 * sizeof(float), memory.get());
  const std::vector<float> got = ToHost(memory.get(), host.size());
  for (size_t i = 0; i < host.size(); ++i)
    EXPECT_EQ(got[i], static_cast<float>(i / 96 * 96 + 95 - i % 96));
}

__global__ void WarpKernel(float *p) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const float v = static_cast<float>(threadIdx.x);
  float *out = p + 6 * threadIdx.x;
  out[0] = __shfl_xor_sync(~0u, v, 1);
  out[1] = __shfl_down_sync(~0u, v, 3);
  out[2] = __shfl_sync(~0u, v, 7);
  out[3] = static_cast<float>(__ballot_sync(~0u, lane < 5));
  out[4] = ReduceWarp<SumOf>(v);
  out[5] = ReduceBlock<MaxOf>(threadIdx.x == 40 ? NAN : v);
}

TEST(CudaEmulation, WarpsExchange) {
  const auto memory = AllocateFloats(64 * 6);
  Launch("Warp", WarpKernel, {dim3(1), dim3(64)}, kReduceBytes, memory.get());
  const std::vector<float> got = ToHost(memory.get(), 64 * 6);
  for (int t = 0; t < 64; ++t) {
    const float *out = got.data() + 6 * t;
    const int first = t / 32 * 32;
    EXPECT_EQ(out[0], static_cast<float>(t ^ 1));
    EXPECT_EQ(out[1], static_cast<float>(t % 32 < 29 ? t + 3 : t));
    EXPECT_EQ(out[2], static_cast<float>(first + 7));
    EXPECT_EQ(out[3], 31);
    EXPECT_EQ(out[4], static_cast<float>(32 * first + 496));
    EXPECT_TRUE(std::isnan(out[5]));
  }
}

__global__ void LeavesKernel(int) {
  if (threadIdx.x > 3) __syncthreads();
}
__global__ void LonelyKernel(int) {
  if (threadIdx.x < 16) __shfl_xor_sync(~0u, 1.f, 1);
}
__global__ void BeyondKernel(int) { SharedArray<float>(4, 8)[0] = 1; }
__global__ void ThrowsKernel(int) {
  __syncthreads();
  if (threadIdx.x == 2) throw Error("of a thread");
  __syncthreads();
}

TEST(CudaEmulation, WrongKernelsAreTold) {
  const auto run = [](void (*kernel)(int)) {
    return ErrorOf([&] {
      Launch("K", kernel, {dim3(1), dim3(32)}, 32, 0);
      Synchronize();
    });
  };
  EXPECT_HAS(run(LeavesKernel), "28 of 32 threads wait at a barrier, 4 have ended");
  EXPECT_HAS(run(LonelyKernel), "waits for lanes that never come: 16 of 32 threads have ended");
  EXPECT_HAS(run(BeyondKernel), "shared memory up to byte 36 of 32");
  EXPECT_HAS(run(ThrowsKernel), "of a thread");
}

__global__ void AddKernel(float *p, float x) { p[0] = 2 * p[0] + x; }

// What waits for an event comes after it; what does not may come before, for some seed.
TEST(CudaEmulation, StreamsWaitForEventsAndForNothingElse) {
  const auto memory = AllocateFloats(1);
  cudaStream_t other;
  cudaEvent_t event;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
  std::set<float> ordered, free;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    emulated::SetSeed(seed);
    for (const bool wait : {true, false}) {
      ZeroBytes(memory.get(), sizeof(float));
      Synchronize();
      Launch("Add", AddKernel, {dim3(1), dim3(1)}, 0, memory.get(), 1.f);
      cudaEventRecord(event, ThisStream());
      if (wait) cudaStreamWaitEvent(other, event, 0);
      emulated::LaunchGrid(other, "Add", {1, 1, 1}, {1, 1, 1}, 0,
                           [p = memory.get()] { AddKernel(p, 5); });
      cudaDeviceSynchronize();
      (wait ? ordered : free).insert(ToHost(memory.get(), 1)[0]);
    }
  }
  EXPECT_EQ(ordered, std::set<float>({7}));
  EXPECT_EQ(free, std::set<float>({7, 11}));
  cudaEventDestroy(event);
  cudaStreamDestroy(other);
}

TEST(CudaEmulation, NothingHappensBeforeASynchronisation) {
  const auto memory = AllocateFloats(1);
  ZeroBytes(memory.get(), sizeof(float));
  Synchronize();
  const int64_t before = emulated::NumLaunches();
  Launch("Add", AddKernel, {dim3(1), dim3(1)}, 0, memory.get(), 1.f);
  EXPECT_EQ(emulated::NumLaunches(), before);
  Synchronize();
  EXPECT_EQ(emulated::NumLaunches(), before + 1);
}

TEST(CudaMemory, ComesFromACache) {
  { const auto a = AllocateFloats(1000), b = AllocateFloats(1000); }
  const int64_t before = NumAllocations();
  for (int i = 0; i < 10; ++i) const auto a = AllocateFloats(1000), b = AllocateFloats(990);
  EXPECT_EQ(NumAllocations(), before);
}

TEST(CudaMemory, ThatIsNotThereIsToldWithWhatToDo) {
  emulated::SetMemoryLimit(1 << 20);
  EXPECT_HAS(ErrorOf([] { AllocateFloats(int64_t{1} << 20); }), "asking for 4 MiB beside the");
  EXPECT_HAS(ErrorOf([] { AllocateFloats(int64_t{1} << 20); }), "--batch-size");
  emulated::SetMemoryLimit(0);
}

TEST(CudaDevice, ThatIsNotThereIsWrongUsage) {
  emulated::SetNumDevices(0);
  EXPECT_HAS(ErrorOf([] { Context ctx(Device::kCuda); }), "no GPU is seen here");
  emulated::SetNumDevices(2);
  EXPECT_HAS(ErrorOf([] { SelectDevice(2); }), "there are 2 GPUs, numbered from 0");
  emulated::SetNumDevices(1);
  EXPECT_HAS(DescribeDevice(), "emulated GPU, 16.0 GiB, compute capability 9.0, CUDA 13.0");
}

TEST(CudaMemoryDeathTest, TheHostMayNotTouchIt) {
  const auto memory = AllocateFloats(4);
  ZeroBytes(memory.get(), 16);
  Synchronize();
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(memory.get()[0] = 1, "the host touched device memory outside of an op");
}

// How the tests of ops reach kernels: with Contexts and memory of the host.
TEST(CudaOps, OfTheHostRunThereOnDemand) {
  const Context ctx;
  Tensor x = Tensor::Zeros(3, 70), y(3, 70);
  for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] = static_cast<float>(i - 100);
  const int64_t before = emulated::NumLaunches();
  u2moe::ActivationForward(ctx, Activation::kRelu, x, y);
  EXPECT_EQ(emulated::NumLaunches(), before);
  const Tensor want = y;
  y.SetZero();
  RunOpsOnCuda(true);
  u2moe::ActivationForward(ctx, Activation::kRelu, x, y);
  RunOpsOnCuda(false);
  EXPECT_EQ(emulated::NumLaunches(), before + 1);
  EXPECT_EQ(MaxAbsDiff(y, want), 0);
}

namespace cpu {  // an op that has no kernel
void HostOnly(const Context &, ConstView) {}
}  // namespace cpu

// On a Context of the GPU, memory there and back.
TEST(CudaOps, RunOnTheDevice) {
  const Context ctx(Device::kCuda);
  Tensor x = Tensor::Zeros(2, 40);
  for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] = static_cast<float>(i % 7);
  const Tensor there = x.ToDevice(ctx);
  Tensor y(ctx, 2, 40), want(2, 40);
  u2moe::LogSoftmaxForward(ctx, there, y);
  u2moe::LogSoftmaxForward(Context(), x, want);
  EXPECT_LT(MaxAbsDiff(y.ToHost(), want), 1e-6);
  EXPECT_HAS(ErrorOf([&] { OPS_CALL_HOST(ctx, HostOnly, there); }),
             "HostOnly does not run on CUDA yet");
}

TEST(CudaTensor, CopiesThereAndBack) {
  const Context ctx(Device::kCuda);
  Tensor t = Tensor::Zeros(2, 3);
  t(1, 2) = 5;
  const Tensor there = t.ToDevice(ctx), again = there, back = again.ToHost();
  EXPECT_EQ(there.GetDevice(), Device::kCuda);
  EXPECT_EQ(back(1, 2), 5);
  EXPECT_EQ(Tensor::Zeros(ctx, 2, 2).ToHost()(1, 1), 0);
}

}  // namespace
}  // namespace cuda
}  // namespace u2moe
