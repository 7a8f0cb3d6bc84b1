#include "ops/packed/tile-unit.h"

#include <atomic>
#include <cstring>

#include "base/log.h"
#include "base/rng.h"
#include "ops/packed/packed-gemm.h"
#include "ops/packed/tile-unit-inl.h"
#include "tensor/context.h"

// Older compilers' assemblers do not know the instructions.
#if defined(__x86_64__) && defined(__linux__) && \
    (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define U2MOE_HAS_AMX 1
#else
#define U2MOE_HAS_AMX 0
#endif

namespace u2moe {
namespace {

#if U2MOE_HAS_AMX

// As assembly: the compilers' own functions want the number of a register as a literal.
struct AmxTiles {
  U2MOE_TILE_CODE static void Configure(const TileConfig &config) {
    asm volatile("ldtilecfg %0" : : "m"(config));
  }
  U2MOE_TILE_CODE static void Release() { asm volatile("tilerelease"); }
  template <int t>
  U2MOE_TILE_CODE static void Zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(t));
  }
  template <int t>
  U2MOE_TILE_CODE static void Load(const void *bytes, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(bytes), "r"(stride), "i"(t) : "memory");
  }
  template <int t>
  U2MOE_TILE_CODE static void Store(void *bytes, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(bytes), "r"(stride), "i"(t) : "memory");
  }
  template <int sum, int a, int b>
  U2MOE_TILE_CODE static void AddDots() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sum), "i"(a), "i"(b));
  }
};

#endif

Tensor RandomMatrix(Rng *rng, int64_t rows, int64_t cols) {
  Tensor x(rows, cols);
  for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] = static_cast<float>(rng->Normal());
  return x;
}

const TileUnit *WorkingHardware() {
  const TileUnit *unit = HardwareTileUnit();
  if (unit == nullptr || TileUnitWorks(*unit)) return unit;
  LOG_WARN << "the AMX unit of this processor computes other products than its vector unit; it is "
              "not used. Please report this with the processor's name: "
           << DescribeMachine();
  return nullptr;
}

std::atomic<const TileUnit *> &Used() {
  static std::atomic<const TileUnit *> used{WorkingHardware()};
  return used;
}

}  // namespace

const TileUnit *HardwareTileUnit() {
#if U2MOE_HAS_AMX
  static const TileUnitOf<AmxTiles> unit;
  if (HasAmx()) return &unit;
#endif
  return nullptr;
}

const TileUnit *UsedTileUnit() { return Used().load(std::memory_order_acquire); }

void UseTileUnit(const TileUnit *unit) { Used().store(unit, std::memory_order_release); }

bool TileUnitWorks(const TileUnit &unit) {
  constexpr int64_t kRows = 53, kOutputs = 90, kInputs = 203;
  Rng rng(1);
  const Context ctx;
  const Tensor weights = RandomMatrix(&rng, kOutputs, kInputs),
               x = RandomMatrix(&rng, kRows, kInputs);
  for (const WeightFormat format : {WeightFormat::kInt8, WeightFormat::kInt4}) {
    for (const int64_t group_size : {0, 64}) {
      const PackedMatrix w = PackedMatrix::Pack(weights, format, group_size);
      const PackedRows rows(ctx, x, format);
      GemmRows all;
      all.count = kRows;
      Tensor by_vectors(kRows, kOutputs), by_tiles(kRows, kOutputs);
      cpu::PackedGemmCodes(nullptr, rows, all, w, Epilogue(), by_vectors);
      cpu::PackedGemmCodes(&unit, rows, all, w, Epilogue(), by_tiles);
      if (std::memcmp(by_vectors.Data(), by_tiles.Data(),
                      static_cast<size_t>(by_tiles.Size()) * sizeof(float)) != 0)
        return false;
    }
  }
  return true;
}

}  // namespace u2moe
