// The threads of a kernel: fibers that change at barriers and shuffles.
#include <algorithm>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <exception>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "support/cuda/emulated-grid.h"

namespace u2moe {
namespace emulated {
namespace {

namespace bc = boost::context;

constexpr int kWarp = 32;
constexpr size_t kStackBytes = size_t{1} << 15;

enum class State { kReady, kAtBarrier, kAtWarp, kDone };

struct Fiber {
  ThreadIndex index;
  int number = 0;  // within the block
  State state = State::kReady;
  unsigned mask = 0;  // of the warp operation that it waits in
  bc::fiber fiber;
};

struct Warp {
  uint64_t values[kWarp] = {};
};

struct Block {
  const char *kernel = "";
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<unsigned char> shared;
  Fiber *running = nullptr;
  bc::fiber scheduler;
  std::exception_ptr error;
};

Block *block = nullptr;  // that runs now

Fiber &Running() {
  CHECK(block != nullptr && block->running != nullptr) << "not in a kernel";
  return *block->running;
}

void Wait(State state) {
  Fiber &me = Running();
  me.state = state;
  block->scheduler = std::move(block->scheduler).resume();
  if (block->error) throw 0;  // unwinds a thread whose block has failed
}

// Whether all lanes that f waits for are in the same operation.
bool WarpHasCome(const Block &b, const Fiber &f) {
  const size_t first = static_cast<size_t>(f.number / kWarp * kWarp);
  for (size_t lane = 0; lane < kWarp; ++lane) {
    if (!(f.mask >> lane & 1)) continue;
    if (first + lane >= b.fibers.size()) continue;  // lanes that the block does not have
    const Fiber &other = b.fibers[first + lane];
    if (other.state != State::kAtWarp || other.mask != f.mask) return false;
  }
  return true;
}

void Release(Block *b) {
  for (size_t i = 0; i < b->fibers.size(); ++i) {
    Fiber &f = b->fibers[i];
    if (f.state != State::kAtWarp || !WarpHasCome(*b, f)) continue;
    const size_t first = static_cast<size_t>(f.number / kWarp * kWarp);
    const unsigned mask = f.mask;
    for (size_t lane = 0; lane < kWarp && first + lane < b->fibers.size(); ++lane) {
      if (mask >> lane & 1) b->fibers[first + lane].state = State::kReady;
    }
  }
  const auto count = [b](State state) {
    return std::count_if(b->fibers.begin(), b->fibers.end(),
                         [state](const Fiber &f) { return f.state == state; });
  };
  if (count(State::kReady) > 0) return;
  const auto waiting = count(State::kAtBarrier), done = count(State::kDone);
  const auto all = static_cast<std::ptrdiff_t>(b->fibers.size());
  if (done == all) return;
  CHECK(waiting > 0 || count(State::kAtWarp) == 0)
      << "kernel " << b->kernel << ": a warp waits for lanes that never come: " << done << " of "
      << all << " threads have ended";
  CHECK(waiting == all) << "kernel " << b->kernel << ": " << waiting << " of " << all
                        << " threads wait at a barrier, " << done << " have ended and "
                        << count(State::kAtWarp) << " wait for their warp";
  for (Fiber &f : b->fibers) f.state = State::kReady;
}

void RunBlock(const Grid &grid, Index at, Rng *rng) {
  Block b;
  b.kernel = grid.name;
  const Index dim = grid.block;
  b.fibers.resize(static_cast<size_t>(dim.x) * dim.y * dim.z);
  b.warps.resize((b.fibers.size() + kWarp - 1) / kWarp);
  b.shared.assign(grid.shared_bytes, 0xff);  // NaN
  for (size_t i = 0; i < b.fibers.size(); ++i) {
    Fiber &f = b.fibers[i];
    f.number = static_cast<int>(i);
    const unsigned n = static_cast<unsigned>(i);
    f.index = {{n % dim.x, n / dim.x % dim.y, n / dim.x / dim.y}, at, dim, grid.grid};
    f.fiber = bc::fiber(std::allocator_arg, bc::fixedsize_stack(kStackBytes),
                        [&b, &f, &grid](bc::fiber &&scheduler) {
                          b.scheduler = std::move(scheduler);
                          try {
                            grid.thread();
                          } catch (...) {
                            if (!b.error) b.error = std::current_exception();
                          }
                          f.state = State::kDone;
                          return std::move(b.scheduler);
                        });
  }
  block = &b;
  std::vector<size_t> order(b.fibers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto alive = [&b] {
    return std::any_of(b.fibers.begin(), b.fibers.end(),
                       [](const Fiber &f) { return f.state != State::kDone; });
  };
  while (alive()) {
    rng->Shuffle(&order);
    for (const size_t i : order) {
      Fiber &f = b.fibers[i];
      if (f.state != State::kReady && !(b.error && f.state != State::kDone)) continue;
      f.state = State::kReady;
      b.running = &f;
      f.fiber = std::move(f.fiber).resume();
      b.running = nullptr;
    }
    if (b.error) continue;  // the others unwind
    try {
      Release(&b);
    } catch (...) {
      b.error = std::current_exception();
    }
  }
  block = nullptr;
  if (b.error) std::rethrow_exception(b.error);
}

}  // namespace

void RunGrid(const Grid &grid, Rng *rng) {
  CHECK(block == nullptr) << "a kernel within a kernel";
  const uint64_t threads = uint64_t{grid.block.x} * grid.block.y * grid.block.z;
  CHECK(threads >= 1 && threads <= 1024) << "kernel " << grid.name << ": a block of " << threads;
  CHECK(grid.grid.y <= 65535 && grid.grid.z <= 65535)
      << "kernel " << grid.name << ": a grid of " << grid.grid.y << " by " << grid.grid.z;
  constexpr size_t kMostShared = 227 * 1024;
  CHECK(grid.shared_bytes <= kMostShared)
      << "kernel " << grid.name << ": " << grid.shared_bytes << " bytes of shared memory";
  std::vector<Index> blocks;
  for (unsigned z = 0; z < grid.grid.z; ++z) {
    for (unsigned y = 0; y < grid.grid.y; ++y) {
      for (unsigned x = 0; x < grid.grid.x; ++x) blocks.push_back({x, y, z});
    }
  }
  rng->Shuffle(&blocks);
  for (const Index &at : blocks) RunBlock(grid, at, rng);
}

const ThreadIndex &This() { return Running().index; }
int Lane() { return Running().number % kWarp; }

void SyncBlock() { Wait(State::kAtBarrier); }

void SyncWarp(unsigned mask) {
  Fiber &me = Running();
  CHECK(mask >> Lane() & 1) << "kernel " << block->kernel << ": a lane outside of its mask";
  me.mask = mask;
  Wait(State::kAtWarp);
}

void ExchangeBytes(unsigned mask, const void *mine, size_t bytes, int from, void *theirs) {
  const size_t warp = static_cast<size_t>(Running().number / kWarp);
  CHECK(from >= 0 && from < kWarp && (mask >> from & 1))
      << "kernel " << block->kernel << ": a shuffle from lane " << from << ", not in its mask";
  std::memcpy(&block->warps[warp].values[Lane()], mine, bytes);
  SyncWarp(mask);
  std::memcpy(theirs, &block->warps[warp].values[from], bytes);
  SyncWarp(mask);  // or the next exchange would overwrite it
}

unsigned Ballot(unsigned mask, bool predicate) {
  const size_t warp = static_cast<size_t>(Running().number / kWarp);
  block->warps[warp].values[Lane()] = predicate;
  SyncWarp(mask);
  unsigned votes = 0;
  const int first = static_cast<int>(warp) * kWarp;
  for (int lane = 0; lane < kWarp; ++lane) {
    if (!(mask >> lane & 1) || first + lane >= static_cast<int>(block->fibers.size())) continue;
    if (block->warps[warp].values[lane] & 1) votes |= 1u << lane;
  }
  SyncWarp(mask);
  return votes;
}

void *Shared(size_t offset, size_t bytes) {
  Running();
  CHECK(offset + bytes <= block->shared.size())
      << "kernel " << block->kernel << ": shared memory up to byte " << offset + bytes << " of "
      << block->shared.size();
  return block->shared.data() + offset;
}

}  // namespace emulated
}  // namespace u2moe
