#include "tensor/allocator.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace u2moe {
namespace {

TEST(Allocator, BlocksAreAlignedAndWritable) {
  for (int64_t count : {1, 15, 64, 65, 1000, 4097, 1 << 20}) {
    std::shared_ptr<float> p = AllocateFloats(count);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p.get()) % 64, 0u) << count;
    for (int64_t i = 0; i < count; ++i) p.get()[i] = 1;
  }
  EXPECT_EQ(AllocateFloats(0), nullptr);
}

TEST(Allocator, ALoopTakesNothingFromTheSystem) {
  auto step = [] {
    std::vector<std::shared_ptr<float>> blocks;
    for (int64_t count : {100, 5000, 100, 70000}) blocks.push_back(AllocateFloats(count));
  };
  step();
  const int64_t before = NumSystemAllocations();
  for (int i = 0; i < 100; ++i) step();
  EXPECT_EQ(NumSystemAllocations(), before);
}

TEST(Allocator, BlocksInUseAreDistinct) {
  std::vector<std::shared_ptr<float>> blocks;
  for (int i = 0; i < 50; ++i) {
    blocks.push_back(AllocateFloats(100));
    for (int j = 0; j < 100; ++j) blocks.back().get()[j] = static_cast<float>(i);
  }
  for (int i = 0; i < 50; ++i) {
    for (int j = 0; j < 100; ++j) ASSERT_EQ(blocks[static_cast<size_t>(i)].get()[j], i);
  }
}

TEST(Allocator, BlocksMayOutliveTheirThreadAndMoveBetweenThreads) {
  std::shared_ptr<float> kept;
  std::thread([&] { kept = AllocateFloats(1000); }).join();
  kept.get()[999] = 3;
  std::thread([p = std::move(kept)]() mutable { p.reset(); }).join();

  // A thread-local block is freed after the free lists of the ending thread may have gone.
  std::thread([] {
    thread_local std::shared_ptr<float> last;
    last = AllocateFloats(10);
    last.get()[0] = 1;
  }).join();
}

TEST(Allocator, LargeBlocksGoBackAtOnce) {
  const int64_t count = (int64_t{65} << 20) / 4;
  AllocateFloats(count).get()[count - 1] = 1;
  const int64_t before = NumSystemAllocations();
  AllocateFloats(count).get()[count - 1] = 1;
  EXPECT_EQ(NumSystemAllocations(), before + 1);
}

TEST(Allocator, AbsurdSizesAreOutOfMemory) {
  EXPECT_THROW(AllocateFloats(int64_t{1} << 60), std::bad_alloc);
  EXPECT_THROW(AllocateFloats(-1), std::bad_alloc);
}

}  // namespace
}  // namespace u2moe
