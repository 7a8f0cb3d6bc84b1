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

// Of every size around the steps of the classes, and again from what was given back.
TEST(Allocator, BlocksOfAllSizes) {
  for (const bool again : {false, true}) {
    const int64_t before = NumSystemAllocations();
    for (size_t bytes = 1; bytes < 5000; ++bytes) {
      auto *p = static_cast<char *>(AllocateBlock(bytes));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % 64, 0u) << bytes;
      p[0] = p[bytes - 1] = 1;
      ReleaseBlock(p, bytes);
    }
    // 64 bytes, and four sizes for each power of two up to 8192.
    EXPECT_LE(NumSystemAllocations() - before, again ? 0 : 1 + 4 * 7);
  }
  const size_t largest = size_t{64} << 20;  // that is kept
  ReleaseBlock(AllocateBlock(largest), largest);
  const int64_t before = NumSystemAllocations();
  ReleaseBlock(AllocateBlock(largest), largest);
  EXPECT_EQ(NumSystemAllocations(), before);
}

TEST(Allocator, VectorsTakeNothingFromTheSystem) {
  const auto step = [] {
    CachedVector<int32_t> ints;
    CachedVector<bool> bits;
    for (int i = 0; i < 1000; ++i) {
      ints.push_back(i);
      bits.push_back(i % 3 == 0);
    }
    const CachedVector<int32_t> copy = ints;
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(copy[static_cast<size_t>(i)], i);
      ASSERT_EQ(bits[static_cast<size_t>(i)], i % 3 == 0);
    }
  };
  step();
  const int64_t before = NumSystemAllocations();
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(NumSystemAllocations(), before);
  EXPECT_THROW(CachingAllocator<double>().allocate(size_t{1} << 61), std::bad_alloc);
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
