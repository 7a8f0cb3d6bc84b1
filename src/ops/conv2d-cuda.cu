#include <limits>

#include "ops/conv2d.h"
#include "ops/cuda-columns.h"
#include "ops/cuda-math.h"
#include "ops/cuda-tiles.h"
#include "ops/packed/packed-gemm.h"

namespace u2moe {
namespace cuda {
namespace {

using Rows = DeviceRows<float>;
using ConstRows = DeviceRows<const float>;

// Tiles of results (ops/cuda-tiles.h).
using LargeTile = TileShape<128, 128>;  // where there are enough for all processors
using TallTile = TileShape<128, 64>;    // so of dx, whose operands take more registers
using SmallTile = TileShape<64, 64>;    // else, and of few channels
using NarrowTile = TileShape<64, 16>;   // of the first layer's weights: patches of 9 floats

// Of an H100. Constants, so that another GPU adds in the same order.
constexpr int64_t kProcessors = 132;

// Conv2dShape for kernels. What is counted by int fits: CheckedShape().
struct Shape {
  int in_channels, out_channels, kernel, stride, in_freq, out_freq;
};

Shape CheckedShape(const Conv2dShape &s, ConstView x) {
  // Frames that the patches of a tile's rows lie in.
  const int64_t frames = (LargeTile::kRows / s.OutFreq() + 2) * s.stride + s.kernel;
  CHECK(x.Rows() < std::numeric_limits<int>::max() && RowsAreNear(x, frames * s.in_freq))
      << x.Rows() << " rows, " << x.Stride() << " apart";
  CHECK_LT(s.PatchSize(), std::numeric_limits<int>::max());
  CHECK_LT(s.in_freq, 1 << 20);  // OutputsOfPositions
  const auto narrow = [](int64_t v) { return static_cast<int>(v); };
  return {narrow(s.in_channels), narrow(s.out_channels), narrow(s.kernel),
          narrow(s.stride),      narrow(s.in_freq),      narrow(s.OutFreq())};
}

// The terms of a sum, in order: channels of taps in frequency of taps in time. By steps, as
// divisions would cost as much as the products.
struct TermWalk {
  int freqs, channels, time = 0, freq = 0, channel = 0;

  __device__ TermWalk(int freqs, int channels, int start) : freqs(freqs), channels(channels) {
    Advance(start);
  }
  __device__ void Advance(int n) {
    for (channel += n; channel >= channels; channel -= channels) {
      if (++freq == freqs) freq = 0, ++time;
    }
  }
};

// The same of output positions.
struct PositionWalk {
  int64_t time;
  int freqs, freq;

  __device__ PositionWalk(int freqs, int64_t start)
      : time(start / freqs), freqs(freqs), freq(static_cast<int>(start % freqs)) {}
  __device__ void Advance(int n) {
    for (freq += n; freq >= freqs; freq -= freqs) ++time;
  }
};

// Where the patch of an output row begins in x.
__device__ inline int64_t PatchRow(const Shape &s, int64_t time, int freq) {
  return (time * s.in_freq + freq) * s.stride;
}

// Patches of output rows [first, first + kRows), terms in their order.
template <int kRows>
struct PatchRows : AlongTerms<kRows> {
  using Base = AlongTerms<kRows>;

  __device__ PatchRows(const Shape &s, const ConstRows &x, int64_t first, int64_t out_rows)
      : walk(s.kernel, s.in_channels, Base::Term()),
        kernel(s.kernel),
        in_freq(s.in_freq),
        stride(static_cast<int>(x.stride)) {
    const int64_t first_time = first / s.out_freq;
    const int first_freq = static_cast<int>(first - first_time * s.out_freq);
    data = x.Row(PatchRow(s, first_time, 0));
    U2MOE_UNROLL
    for (int i = 0; i < Base::kRowsEach; ++i) {
      const int row = first_freq + Base::Row(i), time = row / s.out_freq;
      offsets[i] = first + Base::Row(i) < out_rows
                       ? static_cast<int>(PatchRow(s, time, row - time * s.out_freq)) * stride
                       : -1;
    }
  }
  __device__ void Fetch(float *to) {
    U2MOE_UNROLL
    for (int p = 0; p < Base::kPasses; ++p, walk.Advance(Base::kTermsTogether)) {
      const float *from = data + (walk.time * in_freq + walk.freq) * stride + walk.channel;
      const bool inside = walk.time < kernel;
      U2MOE_UNROLL
      for (int i = 0; i < Base::kRowsEach; ++i)
        to[i * Base::kPasses + p] = inside && offsets[i] >= 0 ? from[offsets[i]] : 0;
    }
  }

  const float *data;
  int offsets[Base::kRowsEach];  // of patches from data, negative beyond the end
  TermWalk walk;
  int kernel, in_freq, stride;
};

// The transpose: entries [first, first + kRows) of patches, whose terms are the output rows [begin,
// end).
template <int kRows>
struct PatchColumns : AlongRows<kRows> {
  using Base = AlongRows<kRows>;

  __device__ PatchColumns(const Shape &s, const ConstRows &x, int64_t first, int64_t begin,
                          int64_t end)
      : shape(s), stride(x.stride), row(begin + Base::Term()), end(end), walk(s.out_freq, row) {
    const int entry = static_cast<int>(first) + Base::Row(), tap = entry / s.in_channels;
    column = tap < s.kernel * s.kernel
                 ? x.Row(static_cast<int64_t>(tap / s.kernel) * s.in_freq + tap % s.kernel) +
                       entry % s.in_channels
                 : nullptr;
  }
  __device__ void Fetch(float *to) {
    U2MOE_UNROLL
    for (int e = 0; e < Base::kCount; ++e) {
      to[e] = column != nullptr && row < end
                  ? column[PatchRow(shape, walk.time, walk.freq) * stride]
                  : 0;
      row += Base::kTermStep;
      walk.Advance(Base::kTermStep);
    }
  }

  Shape shape;
  const float *column;
  int64_t stride, row, end;
  PositionWalk walk;
};

// Weights of the outputs from `first` on, as a matrix [Cout, patch] or as the panels of a
// PackedMatrix in float32, [panels, patch * 16].
struct MatrixOfWeights {
  ConstRows w;
  template <int kRows>
  using Operand = RowsOfMatrix<kRows>;
  template <int kRows>
  __device__ Operand<kRows> Outputs(int64_t first) const {
    return {w, first};
  }
};
struct PanelsOfWeights {
  ConstRows w;
  template <int kRows>
  using Operand = Columns<kRows>;
  template <int kRows>
  __device__ Operand<kRows> Outputs(int64_t first) const {
    constexpr int64_t kPanel = PackedMatrix::kPanel;
    const int64_t output = first + AlongRows<kRows>::Row(), panel = output / kPanel;
    return {panel < w.rows ? w.Row(panel) + output % kPanel : nullptr, kPanel, 0, w.cols / kPanel};
  }
};

// The first row and column of the block's tile. Tiles beside one another share patches, so they
// follow one another.
template <class Tile>
struct TileStart {
  int64_t row, col;
  __device__ explicit TileStart(int64_t cols) {
    const int64_t across = (cols + Tile::kCols - 1) / Tile::kCols;
    row = blockIdx.x / across * Tile::kRows;
    col = blockIdx.x % across * Tile::kCols;
  }
};

template <class Tile, class Weights, bool kRelu>
__global__ void __launch_bounds__(kTileThreads, 2)
    ForwardKernel(Shape s, ConstRows x, Weights w, ConstRows bias, Rows y) {
  const TileStart<Tile> start(y.cols);
  const bool aligned = RowsAligned(y);
  const int64_t terms = static_cast<int64_t>(s.kernel) * s.kernel * s.in_channels;
  TileProduct<Tile>(PatchRows<Tile::kRows>(s, x, start.row, y.rows),
                    w.template Outputs<Tile::kCols>(start.col), terms,
                    [&](int row, int col, const float *sums, int count) {
                      const int64_t i = start.row + row, j = start.col + col;
                      if (i >= y.rows) return;
                      float values[4];
                      U2MOE_UNROLL
                      for (int c = 0; c < count; ++c) {
                        const float v = sums[c] + (j + c < y.cols ? bias(0, j + c) : 0);
                        values[c] = kRelu ? ReluOf(v) : v;
                      }
                      StoreRun(values, count, j, y.cols, aligned, y.Row(i));
                    });
}

// For part p of rows_each output rows: to[p * Cout + o, k] [+]= the sum over the part's rows of
// dy's channel o times entry k of the patches.
template <class Tile>
__global__ void __launch_bounds__(kTileThreads, 2)
    WeightGradientKernel(Shape s, ConstRows x, ConstRows dy, int64_t rows_each, bool add, Rows to) {
  const TileStart<Tile> start(to.cols);
  const int64_t begin = blockIdx.y * rows_each;
  const int64_t end = begin + rows_each < dy.rows ? begin + rows_each : dy.rows;
  const int64_t output = start.row + AlongRows<Tile::kRows>::Row();
  const bool aligned = RowsAligned(to);
  TileProduct<Tile>(
      Columns<Tile::kRows>(output < dy.cols ? dy.data + output : nullptr, dy.stride, begin, end),
      PatchColumns<Tile::kCols>(s, x, start.col, begin, end), end - begin,
      [&](int row, int col, const float *sums, int count) {
        const int64_t o = start.row + row, k = start.col + col;
        if (o >= dy.cols) return;
        float *const to_row = to.Row(blockIdx.y * dy.cols + o), values[4] = {};
        U2MOE_UNROLL
        for (int c = 0; c < count; ++c)
          values[c] = sums[c] + (add && k + c < to.cols ? to_row[k + c] : 0);
        StoreRun(values, count, k, to.cols, aligned, to_row);
      });
}

__global__ void AddWeightPartsKernel(ConstRows parts, Rows sum) {
  ForEachElement(sum, [&](int64_t o, int64_t k) {
    float total = 0;
    for (int64_t row = o; row < parts.rows; row += sum.rows) total += parts(row, k);
    sum(o, k) += total;
  });
}

// The input positions that have taps (time, freq), (time, freq + stride)... (time + stride, ...) in
// common: those at time + u * stride, freq + v * stride. Each is a product of its own, whose rows
// are the pairs (u, v) and whose terms are the taps that meet an output there.
struct Phase {
  int time, freq, taps_in_time, taps_in_freq;
  int64_t rows;
  int across;  // v < across

  __host__ __device__ Phase(const Shape &s, int64_t in_time, int number) {
    time = number / s.stride;
    freq = number % s.stride;
    taps_in_time = Steps(s.kernel - time, s.stride);
    taps_in_freq = Steps(s.kernel - freq, s.stride);
    across = Steps(s.in_freq - freq, s.stride);
    rows = (in_time > time ? (in_time - time + s.stride - 1) / s.stride : 0) * across;
  }
  __host__ __device__ static int Steps(int n, int step) {
    return n > 0 ? (n + step - 1) / step : 0;
  }
};

// dy of the outputs that reach the positions of a phase, by taps and channels: row (u, v), tap (a,
// b) is output (u - a, v - b).
template <int kRows>
struct OutputsOfPositions : AlongTerms<kRows> {
  using Base = AlongTerms<kRows>;
  static constexpr int kFreqBits = 20;  // a position is (u - first_time, v) in one register

  __device__ OutputsOfPositions(const Shape &s, const ConstRows &dy, const Phase &phase,
                                int64_t first)
      : walk(phase.taps_in_freq, s.out_channels, Base::Term()),
        taps_in_time(phase.taps_in_time),
        first_time(static_cast<int>(first / phase.across)),
        out_time(static_cast<int>(dy.rows / s.out_freq)),
        out_freq(s.out_freq),
        stride(static_cast<int>(dy.stride)),
        data(dy.Row(static_cast<int64_t>(first_time) * out_freq)) {
    const int first_freq = static_cast<int>(first - first_time * int64_t{phase.across});
    U2MOE_UNROLL
    for (int i = 0; i < Base::kRowsEach; ++i) {
      const int row = first_freq + Base::Row(i), time = row / phase.across;
      positions[i] =
          first + Base::Row(i) < phase.rows ? time << kFreqBits | (row - time * phase.across) : -1;
    }
  }
  __device__ void Fetch(float *to) {
    U2MOE_UNROLL
    for (int p = 0; p < Base::kPasses; ++p, walk.Advance(Base::kTermsTogether)) {
      const bool inside = walk.time < taps_in_time;
      U2MOE_UNROLL
      for (int i = 0; i < Base::kRowsEach; ++i) {
        const int t = (positions[i] >> kFreqBits) - walk.time;
        const int f = (positions[i] & ((1 << kFreqBits) - 1)) - walk.freq;
        const bool reached = inside && positions[i] >= 0 && first_time + t >= 0 &&
                             first_time + t < out_time && f >= 0 && f < out_freq;
        to[i * Base::kPasses + p] = reached ? data[(t * out_freq + f) * stride + walk.channel] : 0;
      }
    }
  }

  int positions[Base::kRowsEach];  // negative beyond the end
  TermWalk walk;
  int taps_in_time, first_time, out_time, out_freq, stride;
  const float *data;  // of position (first_time, 0)
};

// The weights for it: input channels from `first` on, by the same terms.
template <int kRows>
struct WeightsOfPhase : AlongRows<kRows> {
  using Base = AlongRows<kRows>;

  __device__ WeightsOfPhase(const Shape &s, const ConstRows &packed, const Phase &phase,
                            int64_t first)
      : walk(phase.taps_in_freq, s.out_channels, Base::Term()),
        taps_in_time(phase.taps_in_time),
        time_step(s.stride * s.kernel * s.in_channels),
        freq_step(s.stride * s.in_channels),
        stride(static_cast<int>(packed.stride)) {
    const int64_t channel = first + Base::Row();
    column = channel < s.in_channels
                 ? packed.data + (phase.time * s.kernel + phase.freq) * s.in_channels + channel
                 : nullptr;
  }
  __device__ void Fetch(float *to) {
    U2MOE_UNROLL
    for (int e = 0; e < Base::kCount; ++e, walk.Advance(Base::kTermStep)) {
      const int at = walk.channel * stride + walk.time * time_step + walk.freq * freq_step;
      to[e] = column != nullptr && walk.time < taps_in_time ? column[at] : 0;
    }
  }

  const float *column;  // of the phase's first tap
  TermWalk walk;
  int taps_in_time, time_step, freq_step, stride;
};

// Each block gathers what a tile of positions of a phase gets, so nothing is added to in memory.
// The first phase has the most terms, and begins first.
template <class Tile>
__global__ void __launch_bounds__(kTileThreads, 2)
    InputGradientKernel(Shape s, ConstRows packed, ConstRows dy, Rows dx) {
  const TileStart<Tile> start(dx.cols);
  const Phase phase(s, dx.rows / s.in_freq, static_cast<int>(blockIdx.y));
  if (start.row >= phase.rows) return;
  const bool aligned = RowsAligned(dx);
  const int64_t terms =
      static_cast<int64_t>(phase.taps_in_time) * phase.taps_in_freq * s.out_channels;
  TileProduct<Tile>(
      OutputsOfPositions<Tile::kRows>(s, dy, phase, start.row),
      WeightsOfPhase<Tile::kCols>(s, packed, phase, start.col), terms,
      [&](int row, int col, const float *sums, int count) {
        const int64_t i = start.row + row;
        if (i >= phase.rows) return;
        const int64_t u = i / phase.across, v = i - u * phase.across;
        float *to = dx.Row((phase.time + u * s.stride) * s.in_freq + phase.freq + v * s.stride);
        StoreRun(sums, count, start.col + col, dx.cols, aligned, to);
      });
}

// A block for each row, which its caches keep while it is read in steps.
__global__ void PackKernel(int channels, ConstRows weight, Rows packed) {
  const int64_t o = blockIdx.x;
  const int cols = static_cast<int>(packed.cols), n = cols / channels;
  for (int k = static_cast<int>(threadIdx.x); k < cols; k += static_cast<int>(blockDim.x))
    packed(o, k) = weight(o, k % channels * n + k / channels);
}
__global__ void UnpackAddKernel(int channels, ConstRows packed, Rows weight) {
  const int64_t o = blockIdx.x;
  const int cols = static_cast<int>(weight.cols), n = cols / channels;
  for (int k = static_cast<int>(threadIdx.x); k < cols; k += static_cast<int>(blockDim.x))
    weight(o, k) += packed(o, k % n * channels + k / n);
}

// A block for each patch: of output row begin + i.
__global__ void PatchesKernel(Shape s, ConstRows x, int64_t begin, Rows patches) {
  const int64_t row = begin + blockIdx.x, time = row / s.out_freq;
  const float *from = x.Row(PatchRow(s, time, static_cast<int>(row - time * s.out_freq)));
  float *to = patches.Row(blockIdx.x);
  const int run = s.kernel * s.in_channels;  // frequencies and channels of a tap in time
  for (int tap = 0; tap < s.kernel; ++tap, to += run, from += s.in_freq * x.stride) {
    for (int k = static_cast<int>(threadIdx.x); k < run; k += static_cast<int>(blockDim.x))
      to[k] = from[k];
  }
}

GridShape TileGrid(int64_t tiles, int64_t parts = 1) {
  return {dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(parts)), dim3(kTileThreads)};
}

template <class Weights, bool kRelu>
void Forward(const char *name, const Conv2dShape &shape, ConstView x, const Weights &w,
             ConstView bias, View y) {
  const Shape s = CheckedShape(shape, x);
  const int64_t large = LargeTile::Count(y.Rows(), y.Cols());
  if (large >= kProcessors && y.Cols() > SmallTile::kCols) {
    Launch(name, ForwardKernel<LargeTile, Weights, kRelu>, TileGrid(large), LargeTile::kBytes, s, x,
           w, bias, y);
  } else {
    Launch(name, ForwardKernel<SmallTile, Weights, kRelu>,
           TileGrid(SmallTile::Count(y.Rows(), y.Cols())), SmallTile::kBytes, s, x, w, bias, y);
  }
}

// Blocks: enough of this size for all processors. Where the tiles are fewer, each takes a part of
// the rows, and what the parts give is added after, in order.
template <class Tile>
void WeightGradient(const Shape &s, int64_t blocks, ConstView x, ConstView dy, View dpacked) {
  constexpr int64_t kLeastRows = 256;
  const char *name = "Conv2dBackward, dpacked";
  const int64_t rows = dy.Rows(), tiles = Tile::Count(dpacked.Rows(), dpacked.Cols());
  const int64_t most_parts = std::min(blocks / tiles, (rows + kLeastRows - 1) / kLeastRows);
  const int64_t rows_each =
      (rows + std::max<int64_t>(most_parts, 1) - 1) / std::max<int64_t>(most_parts, 1);
  const int64_t parts = (rows + rows_each - 1) / rows_each;
  if (parts == 1) {
    Launch(name, WeightGradientKernel<Tile>, TileGrid(tiles), Tile::kBytes, s, x, dy, rows_each,
           true, dpacked);
    return;
  }
  const std::shared_ptr<float> memory = AllocateFloats(parts * dpacked.Size());
  const View sums(memory.get(), parts * dpacked.Rows(), dpacked.Cols());
  Launch(name, WeightGradientKernel<Tile>, TileGrid(tiles, parts), Tile::kBytes, s, x, dy,
         rows_each, false, sums);
  Launch(name, AddWeightPartsKernel, ElementGrid(dpacked), 0, sums, dpacked);
}

template <class Tile>
void InputGradient(const Shape &s, ConstView packed, ConstView dy, View dx) {
  const Phase first(s, dx.Rows() / s.in_freq, 0);  // has the most rows
  Launch("Conv2dBackward, dx", InputGradientKernel<Tile>,
         TileGrid(Tile::Count(first.rows, dx.Cols()), s.stride * s.stride), Tile::kBytes, s, packed,
         dy, dx);
}

}  // namespace

void PackChannelsLast(const Context &, int64_t channels, ConstView weight, View packed) {
  if (packed.Empty()) return;
  CHECK_LT(packed.Cols(), std::numeric_limits<int>::max());
  Launch("PackChannelsLast", PackKernel, RowGrid(packed.Rows(), packed.Cols()), 0,
         static_cast<int>(channels), weight, packed);
}

void UnpackChannelsLastAdd(const Context &, int64_t channels, ConstView packed, View weight) {
  if (weight.Empty()) return;
  CHECK_LT(weight.Cols(), std::numeric_limits<int>::max());
  Launch("UnpackChannelsLastAdd", UnpackAddKernel, RowGrid(weight.Rows(), weight.Cols()), 0,
         static_cast<int>(channels), packed, weight);
}

void Conv2dForward(const Context &, const Conv2dShape &shape, ConstView x, ConstView packed,
                   ConstView bias, View y) {
  if (y.Empty()) return;
  CHECK(RowsAreNear(packed, LargeTile::kCols)) << packed.Stride();
  Forward<MatrixOfWeights, false>("Conv2dForward", shape, x, MatrixOfWeights{packed}, bias, y);
}

// Floats are read where they lie. Rows of other formats are encoded one by one, a patch each, so
// these are copied, as many at a time as the memory below holds.
void Conv2dReluPacked(const Context &ctx, const Conv2dShape &shape, ConstView x,
                      const PackedMatrix &w, ConstView bias, View y) {
  if (y.Empty()) return;
  if (w.Format() == WeightFormat::kFloat32) {
    const ConstView panels(reinterpret_cast<const float *>(w.Panel(0)), w.NumPanels(),
                           w.Cols() * PackedMatrix::kPanel);
    Forward<PanelsOfWeights, true>("Conv2dReluPacked", shape, x, PanelsOfWeights{panels}, bias, y);
    return;
  }
  constexpr int64_t kMostFloats = int64_t{1} << 24;
  const Shape s = CheckedShape(shape, x);
  const int64_t together =
      std::min(y.Rows(), std::max<int64_t>(kMostFloats / shape.PatchSize(), 1));
  Tensor memory(ctx, together, shape.PatchSize());
  Epilogue epilogue;
  epilogue.bias = bias.Data();
  epilogue.activation = Activation::kRelu;
  for (int64_t begin = 0; begin < y.Rows(); begin += together) {
    const View patches = memory.View().RowRange(0, std::min(together, y.Rows() - begin));
    Launch("Conv2dReluPacked, patches", PatchesKernel,
           RowGrid(patches.Rows(), shape.kernel * shape.in_channels), 0, s, x, begin, patches);
    PackedGemm(ctx, patches, w, epilogue, y.RowRange(begin, patches.Rows()));
  }
}

void Conv2dBackward(const Context &, const Conv2dShape &shape, ConstView x, ConstView packed,
                    ConstView dy, View dx, View dpacked, View dbias) {
  const Shape s = CheckedShape(shape, x);
  if (!dy.Empty()) {
    if (dpacked.Cols() <= NarrowTile::kCols) {  // bound by the way of dy from memory
      WeightGradient<NarrowTile>(s, 8 * kProcessors, x, dy, dpacked);
    } else if (std::min(dpacked.Rows(), dpacked.Cols()) > SmallTile::kRows) {
      WeightGradient<LargeTile>(s, 2 * kProcessors, x, dy, dpacked);
    } else {
      WeightGradient<SmallTile>(s, 4 * kProcessors, x, dy, dpacked);
    }
    AddColumnSums("Conv2dBackward, dbias", dy.Rows(), Entry{dy}, dbias);
  }
  if (dx.Empty()) return;
  CHECK(RowsAreNear(packed, packed.Rows())) << packed.Stride();
  if (TallTile::Count(dx.Rows(), dx.Cols()) >= 2 * kProcessors) {
    InputGradient<TallTile>(s, packed, dy, dx);
  } else {
    InputGradient<SmallTile>(s, packed, dy, dx);
  }
}

}  // namespace cuda
}  // namespace u2moe
