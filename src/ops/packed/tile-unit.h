// Sums of products of codes in registers of two dimensions: AMX of x86 processors (Intel 64 and
// IA-32 Architectures Software Developer's Manual, volume 1, "Programming with Intel AMX"). The
// kernel over tiles (ops/packed/tile-unit-inl.h) knows no instruction, so that tests run it on any
// processor with a model of the unit.
#ifndef U2MOE_OPS_PACKED_TILE_UNIT_H_
#define U2MOE_OPS_PACKED_TILE_UNIT_H_

#include <cstdint>

namespace u2moe {

// Rows of codes and two panels of weights (tensor/packed-matrix.h) over the same inputs.
struct CodeTiles {
  static constexpr int64_t kRows = 16;    // of codes in a tile
  static constexpr int64_t kInputs = 64;  // of a tile of codes or weights

  const int8_t *codes;      // [row_tiles * 16][stride]
  int64_t stride;           // bytes from row to row
  int row_tiles;            // 1 or 2
  const uint8_t *panel[2];  // [steps * 16][16 outputs][4 inputs], the codes without sign
  int64_t steps;            // of 64 inputs
};

class TileUnit {
 public:
  virtual ~TileUnit() = default;
  // Around the sums of a thread.
  virtual void Begin() const = 0;
  virtual void End() const = 0;
  // sums [row_tiles * 16][32]: codes times weights, over all steps.
  virtual void Sum(const CodeTiles &in, int32_t *sums) const = 0;
};

// What products of codes with many rows use beside vectors, or nullptr. At first the unit of this
// processor, if the operating system grants it and TileUnitWorks; decided once.
const TileUnit *UsedTileUnit();
// Replaces it for all calls that begin later, for tests and comparisons; nullptr: none.
void UseTileUnit(const TileUnit *unit);
// Whether products by the unit are those of the vector kernels to the bit, on small matrices of
// int8 and int4 whose rows, outputs, inputs and groups fill no tile.
bool TileUnitWorks(const TileUnit &unit);
// The unit of this processor, whether it works or not; nullptr where there is none.
const TileUnit *HardwareTileUnit();

}  // namespace u2moe

#endif  // U2MOE_OPS_PACKED_TILE_UNIT_H_
