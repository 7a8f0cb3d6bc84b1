// The convolution of 3 x 3 taps and stride 2 with fewer multiplications, for inference (Toom, Cook,
// Winograd). In one dimension
//   y[i] = w0 x[2i] + w1 x[2i+1] + w2 x[2i+2]
// is a product of the odd inputs and a filter of two taps on the even ones. A tile of 4 outputs
// takes 5 products for the latter instead of 8: the inputs' and the taps' polynomials at the points
// 0, 1, -1, 2 and infinity. In time and frequency that is 81 products instead of 144, and
// 4 times the weights. For the CPU: on CUDA the direct convolution is one launch.
#ifndef U2MOE_OPS_PACKED_CONV2D_TILES_H_
#define U2MOE_OPS_PACKED_CONV2D_TILES_H_

#include <cstdint>
#include <mutex>
#include <vector>

#include "ops/conv2d.h"
#include "tensor/context.h"
#include "tensor/packed-matrix.h"
#include "tensor/view.h"

namespace u2moe {

constexpr int64_t kTileOutputs = 4;                // in time and in frequency
constexpr int64_t kTilePoints = kTileOutputs + 1;  // of the even inputs
constexpr int64_t kTileFactors = kTilePoints + 1;  // and the odd ones: different weights

// The weights of one convolution as the tiles take them: [kTileFactors, kTileFactors] matrices of
// time and frequency, of which the last are those of the odd inputs. Made on first use.
class Conv2dTiles {
 public:
  // w: as for Conv2dReluPacked.
  Conv2dTiles(const Conv2dShape &shape, PackedMatrix w);

  // Whether tiles take such a convolution. Nothing else decides: short inputs, whose products wait
  // for the larger weights, are taken alike, so that chunks of a multiple of kTileOutputs frames
  // have the bits of the whole.
  static bool Suit(const Conv2dShape &shape, WeightFormat format);

  const Conv2dShape &Shape() const { return shape_; }
  // Threads may call this at the same time.
  const std::vector<PackedMatrix> &Weights(const Context &ctx) const;

 private:
  Conv2dShape shape_;
  PackedMatrix w_;
  mutable std::once_flag once_;
  mutable std::vector<PackedMatrix> weights_;
};

// y = relu(patches(x) * w^T + bias), as Conv2dReluPacked within rounding. Tiles begin with the
// first frame of x. What is not finite in x may spread to all 4 x 4 outputs of a tile.
void Conv2dReluTiles(const Context &ctx, const Conv2dTiles &tiles, ConstView x, ConstView bias,
                     View y);

// Some rows of tiles: output frames [first, first + frames) of an input of `in_time` frames. What
// tiles want beyond the input is zero.
struct Conv2dTileBlock {
  Conv2dShape shape;
  int64_t in_time = 0, first = 0, frames = 0;

  int64_t TimeTiles() const { return (frames + kTileOutputs - 1) / kTileOutputs; }
  int64_t FreqTiles() const { return (shape.OutFreq() + kTileOutputs - 1) / kTileOutputs; }
  // Rows per point of time, of frequency or of both.
  int64_t EvenEvenRows() const { return TimeTiles() * FreqTiles(); }
  int64_t EvenOddRows() const { return TimeTiles() * shape.OutFreq(); }
  int64_t OddEvenRows() const { return frames * FreqTiles(); }
};

namespace cpu {
// w [N, 9 * Cin] in float32 -> kTileFactors^2 such matrices [N, Cin], one after another.
void Conv2dTileWeights(const Context &ctx, const PackedMatrix &w, float *out);
// The even inputs at the points: of time and frequency
//   even_even [kTilePoints^2 * EvenEvenRows, Cin], even_odd [kTilePoints * EvenOddRows, Cin],
//   odd_even [kTilePoints * OddEvenRows, Cin]
void Conv2dTilesIn(const Context &ctx, const Conv2dTileBlock &block, ConstView x, View even_even,
                   View even_odd, View odd_even);
// y, the products of odd inputs in time and frequency: relu(y + what the other products make).
void Conv2dTilesOut(const Context &ctx, const Conv2dTileBlock &block, ConstView even_even,
                    ConstView even_odd, ConstView odd_even, View y);
}  // namespace cpu

}  // namespace u2moe

#endif  // U2MOE_OPS_PACKED_CONV2D_TILES_H_
