// Memory of a device: tensors know where they live, only ops and copies touch what is not the
// host's, and an op takes nothing else.
#include "tensor/device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "support/test-util.h"
#include "tensor/context.h"
#include "tensor/gemm.h"
#include "tensor/guarded-memory.h"
#include "tensor/packed-matrix.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

constexpr const char *kHint = "the host touched device memory outside of an op";

class DeviceTest : public testing::Test {
 protected:
  DeviceTest() : host_(RandomTensor(&rng_, 3, 5)) {}

  Rng rng_{1};
  const Context cpu_, guarded_{Device::kGuarded};
  Tensor host_;
};

TEST_F(DeviceTest, TensorsKnowWhereTheyLive) {
  EXPECT_EQ(host_.GetDevice(), Device::kCpu);
  EXPECT_EQ(Tensor(cpu_, 2, 3).GetDevice(), Device::kCpu);
  Tensor t(guarded_, 2, 3);
  EXPECT_EQ(t.GetDevice(), Device::kGuarded);
  EXPECT_TRUE(guarded::Contains(t.Data(), 24));
  EXPECT_FALSE(guarded::Contains(host_.Data(), 4));
  EXPECT_EQ(Tensor::Zeros(guarded_, 2, 3).GetDevice(), Device::kGuarded);
  EXPECT_EQ(Tensor(guarded_, {2, 3, 4}).ShapeString(), "[2, 3, 4]");
  EXPECT_EQ(Tensor::ZerosLike(Tensor(guarded_, {2, 3, 4})).ShapeString(), "[2, 3, 4]");
  EXPECT_EQ(Tensor::ZerosLike(t).GetDevice(), Device::kGuarded);
  const Tensor copy = t, moved = std::move(t);
  EXPECT_EQ(copy.GetDevice(), Device::kGuarded);
  EXPECT_EQ(moved.GetDevice(), Device::kGuarded);
  Tensor assigned;
  assigned = moved;
  EXPECT_EQ(assigned.GetDevice(), Device::kGuarded);
  assigned = host_;
  EXPECT_EQ(assigned.GetDevice(), Device::kCpu);
  EXPECT_EQ(Tensor(guarded_, 0, 3).Data(), nullptr);
}

TEST_F(DeviceTest, CopiesKeepTheFloats) {
  const Tensor there = host_.ToDevice(guarded_);
  EXPECT_EQ(MaxAbsDiff(there.ToHost(), host_), 0);
  EXPECT_EQ(MaxAbsDiff(Tensor(there).ToHost(), host_), 0);
  const ConstView part = host_.View().ColRange(1, 3).RowRange(1, 2);
  EXPECT_EQ(MaxAbsDiff(CopyToDevice(guarded_, part).ToHost(), part), 0);
  const ConstView there_part = there.View().ColRange(1, 3).RowRange(1, 2);
  EXPECT_EQ(MaxAbsDiff(CopyToHost(guarded_, there_part), part), 0);
  EXPECT_EQ(MaxAbsDiff(Tensor::Copy(guarded_, there_part).ToHost(), part), 0);
  EXPECT_EQ(MaxAbsDiff(Tensor::Zeros(guarded_, 2, 3).ToHost(), Tensor::Zeros(2, 3)), 0);
  EXPECT_TRUE(std::isnan(Tensor(guarded_, 1, 2).ToHost()(0, 1)));  // undefined, and it shows
}

TEST_F(DeviceTest, OnTheCpuNothingIsCopied) {
  const std::vector<int32_t> ids = {2, 0};
  EXPECT_EQ(ListOnDevice<int32_t>(cpu_, ids).data(), ids.data());
  EXPECT_EQ(MatrixOnDevice(cpu_, host_).View().Data(), host_.Data());
  EXPECT_EQ(MatrixOnHost(cpu_, host_).View().Data(), host_.Data());
  const float *data = host_.Data();
  EXPECT_EQ(MoveToHost(std::move(host_)).Data(), data);
}

TEST_F(DeviceTest, OpsReachWhatIsThere) {
  const std::vector<int32_t> ids = {2, 0};
  const Tensor there = host_.ToDevice(guarded_);
  Tensor rows(guarded_, 2, 5), want(2, 5), square(guarded_, 2, 2), want_square(2, 2);
  GatherRows(guarded_, there, ListOnDevice<int32_t>(guarded_, ids), rows);
  GatherRows(cpu_, host_, ids, want);
  EXPECT_EQ(MaxAbsDiff(MatrixOnHost(guarded_, rows), want), 0);
  Gemm(guarded_, 1, rows, Trans::kNo, rows, Trans::kYes, 0, square);
  Gemm(cpu_, 1, want, Trans::kNo, want, Trans::kYes, 0, want_square);
  EXPECT_EQ(MaxAbsDiff(MoveToHost(std::move(square)), want_square), 0);
}

TEST_F(DeviceTest, OpsRefuseMemoryOfTheHost) {
  const std::vector<int32_t> ids = {2, 0, 1};
  const Tensor there = host_.ToDevice(guarded_);
  Tensor to(guarded_, 3, 5), square(guarded_, 3, 3);
  EXPECT_THROW(CopyTo(guarded_, host_, to), Error);
  EXPECT_THROW(CopyTo(guarded_, there, host_), Error);
  EXPECT_THROW(GatherRows(guarded_, there, ids, to), Error);
  EXPECT_THROW(Gemm(guarded_, 1, host_, Trans::kNo, there, Trans::kYes, 0, square), Error);
}

TEST_F(DeviceTest, TheHostMayNotTouch) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  Tensor there = host_.ToDevice(guarded_);
  EXPECT_DEATH(there(1, 1) = 3, kHint);
  EXPECT_DEATH(EXPECT_EQ(there(1, 1), 3), kHint);
  EXPECT_DEATH(CopyTo(cpu_, there, host_), kHint);  // an op of another device
  { const guarded::Access open(true), again(true); }
  EXPECT_DEATH(EXPECT_EQ(there(1, 1), 3), kHint);
  // An op that throws leaves the memory closed.
  EXPECT_THROW(GatherRows(guarded_, there, ListOnDevice<int32_t>(guarded_, {0, 1, 3}),
                          Tensor(guarded_, 3, 5)),
               Error);
  EXPECT_DEATH(EXPECT_EQ(there(1, 1), 3), kHint);
  EXPECT_EQ(MaxAbsDiff(there.ToHost(), host_), 0);
}

TEST_F(DeviceTest, ThreadsUseItAtOnce) {
  const Tensor there = host_.ToDevice(guarded_);
  std::vector<std::thread> threads;
  std::vector<double> differences(4, 1);
  for (size_t i = 0; i < differences.size(); ++i) {
    threads.emplace_back([&, i] {
      differences[i] = 0;
      for (int round = 0; round < 200; ++round) {
        Tensor copy(guarded_, host_.Rows(), host_.Cols());
        CopyTo(guarded_, there, copy);
        differences[i] = std::max(differences[i], MaxAbsDiff(copy.ToHost(), host_));
      }
    });
  }
  for (std::thread &t : threads) t.join();
  EXPECT_EQ(*std::max_element(differences.begin(), differences.end()), 0);
}

TEST_F(DeviceTest, PackedWeightsMove) {
  for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kInt8}) {
    const PackedMatrix want = PackedMatrix::Pack(host_, format),
                       got = PackedMatrix::Pack(guarded_, host_.ToDevice(guarded_), format);
    ASSERT_EQ(got.Bytes(), want.Bytes());
    EXPECT_EQ(got.Scales().GetDevice(), Device::kGuarded);
    std::vector<uint8_t> bytes(static_cast<size_t>(got.NumPanels() * got.PanelBytes()));
    CopyBytes(Device::kCpu, bytes.data(), Device::kGuarded, got.Panel(0), bytes.size());
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), want.Panel(0)));
    EXPECT_EQ(MaxAbsDiff(got.Scales().ToHost(), want.Scales()), 0);
  }
}

}  // namespace
}  // namespace u2moe
