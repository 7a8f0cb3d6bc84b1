// Blocks of threads that multiply the rows of a head, tile by tile, for attention.
//
// A block holds some rows (queries, or keys) in shared memory and goes over the rows of another
// matrix, kTileKeys at a time. Eight threads, neighbours in a warp, share a held row. Every element
// of a product is one chain of fmaf in the order of its terms, and the grid of tiles begins at row
// 0: so it has the same bits however many rows a block holds, and where masked terms are 0 nothing
// else can be felt.
#ifndef U2MOE_OPS_CUDA_ATTENTION_H_
#define U2MOE_OPS_CUDA_ATTENTION_H_

#include <cstring>
#include <optional>

#include "base/span.h"
#include "ops/cuda-block.h"
#include "ops/cuda-packs.h"
#include "tensor/allocator.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace cuda {

// What a block works on: rows of a sequence from `row` on.
struct TileOfRows {
  int32_t sequence, row;
};
// A ragged batch as kernels see it.
template <class S>
struct DeviceBatch {
  const S *sequences;
  const TileOfRows *tiles;  // one for each block.x
};

// A ragged batch, listed on the host and copied to the device at once. Must outlive the launch.
template <class S>
class TiledBatch {
 public:
  explicit TiledBatch(int64_t rows_of_tile) : rows_of_tile_(rows_of_tile) {}

  void Add(const S &sequence, int64_t rows) {
    const auto index = static_cast<int32_t>(sequences_.size());
    for (int64_t row = 0; row < rows; row += rows_of_tile_)
      tiles_.push_back({index, static_cast<int32_t>(row)});
    sequences_.push_back(sequence);
  }
  int64_t NumTiles() const { return static_cast<int64_t>(tiles_.size()); }

  DeviceBatch<S> OnDevice(const Context &ctx) {
    const size_t bytes = sequences_.size() * sizeof(S);
    bytes_.resize(bytes + tiles_.size() * sizeof(TileOfRows));
    std::memcpy(bytes_.data(), sequences_.data(), bytes);
    std::memcpy(bytes_.data() + bytes, tiles_.data(), tiles_.size() * sizeof(TileOfRows));
    list_.emplace(ctx, Span<unsigned char>(bytes_));
    const unsigned char *p = list_->data();
    return {reinterpret_cast<const S *>(p), reinterpret_cast<const TileOfRows *>(p + bytes)};
  }

 private:
  const int64_t rows_of_tile_;
  CachedVector<S> sequences_;
  CachedVector<TileOfRows> tiles_;
  CachedVector<unsigned char> bytes_;
  std::optional<ListOnDevice<unsigned char>> list_;
};

// Whether rows can be read four floats at a time.
inline bool RowsInFours(ConstView v) {
  return reinterpret_cast<uintptr_t>(v.Data()) % 16 == 0 && v.Stride() % 4 == 0;
}

constexpr int kTileKeys = 32, kThreadsOfRow = 8, kKeysOfThread = kTileKeys / kThreadsOfRow;
constexpr int kScorePitch = kTileKeys + 8;           // rows of a warp in different banks
constexpr size_t kBytesOfBlock = size_t{48} * 1024;  // that every GPU gives without being asked

// Products with up to kColsOfHead columns, by kRowThreads x kThreadsOfRow threads that have
// kRowsOfThread rows each.
template <int kColsOfHead, int kRowThreads, int kRowsOfThread>
struct AttentionTile {
  static constexpr int kCols = kColsOfHead, kRowStep = kRowThreads, kRowsEach = kRowsOfThread;
  static constexpr int kRows = kRowStep * kRowsEach, kThreads = kRowStep * kThreadsOfRow;
  static constexpr int kRuns = kCols / 32;  // of four columns that a thread has
  // Columns of the other matrix that are in shared memory at a time.
  static constexpr int kSlice = kCols > 64 ? 32 : kCols, kSlicePitch = kSlice + 4;
  static constexpr int kSliceFloats = kTileKeys * kSlicePitch;
  static constexpr int kScoreFloats = kRows * kScorePitch;
  static_assert(kCols % kSlice == 0 && kSlice % 32 == 0 && kThreads % 32 == 0, "whole runs");

  // Floats from a held row to the next, 4 modulo 32 so that eight rows are in different banks.
  __host__ __device__ static int HeldPitch(int head) {
    return (head + kSlice - 1) / kSlice * kSlice + 4;
  }
  // Shared memory with this many tiles of scores. Layout: held rows, slice, scores.
  __host__ __device__ static size_t Bytes(int head, int score_tiles) {
    return sizeof(float) *
           static_cast<size_t>(kRows * HeldPitch(head) + kSliceFloats + score_tiles * kScoreFloats);
  }
  static GridShape Grid(int64_t tiles, int heads, int head) {
    return {dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(heads),
                 static_cast<unsigned>((head + kCols - 1) / kCols)),
            dim3(kThreads)};
  }

  __device__ static int ThreadOfRow() { return static_cast<int>(threadIdx.x) % kThreadsOfRow; }
  // This thread's r-th row, c-th key, and the first of the columns of its g-th run.
  __device__ static int Row(int r) {
    return static_cast<int>(threadIdx.x) / kThreadsOfRow + r * kRowStep;
  }
  __device__ static int Key(int c) { return ThreadOfRow() + c * kThreadsOfRow; }
  __device__ static int Col(int g) { return g * 32 + ThreadOfRow() * 4; }
};

// a + b, which no compiler draws into a fmaf: kernels for tiles of other sizes give the same bits.
__device__ inline float Add(float a, float b) {
#if U2MOE_CUDA_EMULATED
  return a + b;
#else
  return __fadd_rn(a, b);
#endif
}

// Over the threads that share a row; the same for all of them.
template <class Op>
__device__ float ReduceRow(float v) {
  for (int lanes = kThreadsOfRow / 2; lanes > 0; lanes /= 2)
    v = Op::Of(v, __shfl_xor_sync(~0u, v, lanes));
  return v;
}

// to[r * pitch + c] = factor * from[r * stride + c] for a tile of rows and cols, 0 from those rows
// and columns on that are not there. in_fours: see RowsInFours.
template <int kThreads>
__device__ void LoadTile(const float *from, int64_t stride, int rows, int cols, bool in_fours,
                         float factor, int tile_rows, int tile_cols, int pitch, float *to) {
  if (in_fours && cols % 4 == 0) {
    const int fours = tile_cols / 4;
    for (int k = static_cast<int>(threadIdx.x); k < tile_rows * fours; k += kThreads) {
      const int r = k / fours, c = k % fours * 4;
      Pack<4> x = {};
      if (r < rows && c < cols) x = *reinterpret_cast<const Pack<4> *>(from + r * stride + c);
      for (float &v : x.at) v *= factor;
      *reinterpret_cast<Pack<4> *>(to + r * pitch + c) = x;
    }
    return;
  }
  for (int k = static_cast<int>(threadIdx.x); k < tile_rows * tile_cols; k += kThreads) {
    const int r = k / tile_cols, c = k % tile_cols;
    to[r * pitch + c] = r < rows && c < cols ? factor * from[r * stride + c] : 0;
  }
}

// Rows of a head of a matrix.
struct HeadRows {
  const float *data;
  int64_t stride;
  bool in_fours;

  __device__ HeadRows(const DeviceRows<const float> &m, bool in_fours, int64_t col)
      : data(m.data + col), stride(m.stride), in_fours(in_fours && col % 4 == 0) {}
  __device__ const float *Row(int64_t i) const { return data + i * stride; }
};

// Rows [first, first + rows) of the block's, times factor.
template <class Tile>
__device__ void HoldRows(const HeadRows &m, int64_t first, int rows, int head, float factor,
                         float *held) {
  const int pitch = Tile::HeldPitch(head);
  LoadTile<Tile::kThreads>(m.Row(first), m.stride, rows, head, m.in_fours, factor, Tile::kRows,
                           pitch - 4, pitch, held);
}

// x[r][c] = held row Row(r) . row first + Key(c) of m, 0 for those that are not among its rows.
// Bound by arithmetic: a thread's 16 products for each column take 8 floats of shared memory.
template <class Tile>
__device__ void Products(const float *held, const HeadRows &m, int64_t first, int rows, int head,
                         float *slice, float (&x)[Tile::kRowsEach][kKeysOfThread]) {
  const int pitch = Tile::HeldPitch(head);
  U2MOE_UNROLL for (auto &row : x) { U2MOE_UNROLL for (float &v : row) v = 0; }
  for (int col = 0; col < head; col += Tile::kSlice) {
    __syncthreads();  // the slice may still be read, the held rows may still be written
    const int cols = head - col < Tile::kSlice ? head - col : Tile::kSlice;
    LoadTile<Tile::kThreads>(m.Row(first) + col, m.stride, rows, cols, m.in_fours, 1, kTileKeys,
                             Tile::kSlice, Tile::kSlicePitch, slice);
    __syncthreads();
    for (int d = 0; d < Tile::kSlice; d += 4) {
      Pack<4> a[Tile::kRowsEach], b[kKeysOfThread];
      U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
        a[r] = *reinterpret_cast<const Pack<4> *>(held + Tile::Row(r) * pitch + col + d);
      }
      U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
        b[c] = *reinterpret_cast<const Pack<4> *>(slice + Tile::Key(c) * Tile::kSlicePitch + d);
      }
      U2MOE_UNROLL for (int e = 0; e < 4; ++e) {
        U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
          U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
            x[r][c] = fmaf(a[r].at[e], b[c].at[e], x[r][c]);
          }
        }
      }
    }
  }
}

// The thread's elements into a tile of scores. A barrier later all may read it: AddProduct has one.
template <class Tile>
__device__ void PutScores(const float (&x)[Tile::kRowsEach][kKeysOfThread], float *scores) {
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
      scores[Tile::Row(r) * kScorePitch + Tile::Key(c)] = x[r][c];
    }
  }
}

template <class Tile>
using Sums = float[Tile::kRowsEach][Tile::kRuns][4];

// sums[r][g][e] += sum over j of scores(Row(r), j) * m(first + j, col + Col(g) + e), for columns
// below cols.
template <class Tile>
__device__ void AddProduct(const float *scores, const HeadRows &m, int64_t first, int rows, int col,
                           int cols, float *slice, Sums<Tile> &sums) {
  U2MOE_UNROLL for (int s = 0; s < Tile::kCols / Tile::kSlice; ++s) {
    constexpr int kRuns = Tile::kSlice / 32;
    const int from = col + s * Tile::kSlice;
    __syncthreads();  // the slice may still be read
    LoadTile<Tile::kThreads>(m.Row(first) + from, m.stride, rows, cols - from, m.in_fours, 1,
                             kTileKeys, Tile::kSlice, Tile::kSlicePitch, slice);
    __syncthreads();
    for (int j = 0; j < kTileKeys; j += 4) {
      Pack<4> p[Tile::kRowsEach];
      U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
        p[r] = *reinterpret_cast<const Pack<4> *>(scores + Tile::Row(r) * kScorePitch + j);
      }
      U2MOE_UNROLL for (int e = 0; e < 4; ++e) {
        U2MOE_UNROLL for (int g = 0; g < kRuns; ++g) {
          const Pack<4> v = *reinterpret_cast<const Pack<4> *>(slice + (j + e) * Tile::kSlicePitch +
                                                               Tile::Col(g));
          U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
            float(&sum)[4] = sums[r][s * kRuns + g];
            U2MOE_UNROLL for (int i = 0; i < 4; ++i) sum[i] = fmaf(p[r].at[e], v.at[i], sum[i]);
          }
        }
      }
    }
  }
}

template <class Tile>
__device__ void ClearSums(Sums<Tile> &sums) {
  U2MOE_UNROLL for (auto &row : sums) {
    U2MOE_UNROLL for (auto &run : row) { U2MOE_UNROLL for (float &v : run) v = 0; }
  }
}

// to(first + Row(r), head_col + col + Col(g)...) = factor[r] * sums, for rows below `rows` and
// columns of the head below `cols`.
template <class Tile>
__device__ void StoreSums(const Sums<Tile> &sums, const float (&factor)[Tile::kRowsEach],
                          const DeviceRows<float> &to, bool in_fours, int64_t first, int rows,
                          int64_t head_col, int col, int cols) {
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    if (Tile::Row(r) >= rows) continue;
    float *row = to.Row(first + Tile::Row(r)) + head_col;
    U2MOE_UNROLL for (int g = 0; g < Tile::kRuns; ++g) {
      const int c = col + Tile::Col(g);
      Pack<4> y;
      U2MOE_UNROLL for (int i = 0; i < 4; ++i) y.at[i] = factor[r] * sums[r][g][i];
      if (in_fours && head_col % 4 == 0 && c + 4 <= cols) {
        *reinterpret_cast<Pack<4> *>(row + c) = y;
        continue;
      }
      U2MOE_UNROLL for (int i = 0; i < 4; ++i) {
        if (c + i < cols) row[c + i] = y.at[i];
      }
    }
  }
}

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_ATTENTION_H_
