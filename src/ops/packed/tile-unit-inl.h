// The kernel of a tile unit over its eight tile registers.
#ifndef U2MOE_OPS_PACKED_TILE_UNIT_INL_H_
#define U2MOE_OPS_PACKED_TILE_UNIT_INL_H_

#include <cstdint>

#include "ops/packed/tile-unit.h"

// Clang assembles the instructions only in functions for processors that have them.
#if defined(__clang__) && defined(__x86_64__)
#define U2MOE_TILE_CODE __attribute__((target("amx-tile,amx-int8")))
#else
#define U2MOE_TILE_CODE
#endif

namespace u2moe {

// The operand of LDTILECFG: palette 1 has eight tiles of up to 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64, "what the instruction reads");

// Tiles: static Configure(const TileConfig &), Release(), and by number of the register Zero<t>(),
// Load<t>(bytes, stride), Store<t>(bytes, stride), AddDots<sum, a, b>(), which is
//   sum[m][n] += a[m][4k] b[k][4n] + ... + a[m][4k + 3] b[k][4n + 3]  over k
// for a with and b without sign (TDPBSUD). Two tiles of codes and two of weights are each used
// twice: registers 0 to 3 hold the sums, 4 and 5 codes, 6 and 7 weights.
template <class Tiles>
class TileUnitOf : public TileUnit {
 public:
  void Begin() const override { Tiles::Configure(TileConfig()); }
  void End() const override { Tiles::Release(); }

  U2MOE_TILE_CODE void Sum(const CodeTiles &in, int32_t *sums) const override {
    constexpr int64_t kTile = CodeTiles::kRows * CodeTiles::kInputs, kSums = 32;
    const bool two = in.row_tiles == 2;
    Tiles::template Zero<0>();
    Tiles::template Zero<1>();
    Tiles::template Zero<2>();
    Tiles::template Zero<3>();
    for (int64_t s = 0; s < in.steps; ++s) {
      const int8_t *codes = in.codes + s * CodeTiles::kInputs;
      Tiles::template Load<6>(in.panel[0] + s * kTile, CodeTiles::kInputs);
      Tiles::template Load<7>(in.panel[1] + s * kTile, CodeTiles::kInputs);
      Tiles::template Load<4>(codes, in.stride);
      Tiles::template AddDots<0, 4, 6>();
      Tiles::template AddDots<1, 4, 7>();
      if (two) {
        Tiles::template Load<5>(codes + CodeTiles::kRows * in.stride, in.stride);
        Tiles::template AddDots<2, 5, 6>();
        Tiles::template AddDots<3, 5, 7>();
      }
    }
    constexpr int64_t kRowBytes = kSums * static_cast<int64_t>(sizeof(int32_t));
    Tiles::template Store<0>(sums, kRowBytes);
    Tiles::template Store<1>(sums + 16, kRowBytes);
    if (two) {
      Tiles::template Store<2>(sums + CodeTiles::kRows * kSums, kRowBytes);
      Tiles::template Store<3>(sums + CodeTiles::kRows * kSums + 16, kRowBytes);
    }
  }
};

}  // namespace u2moe

#endif  // U2MOE_OPS_PACKED_TILE_UNIT_INL_H_
