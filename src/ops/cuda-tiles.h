// Products C = A B^T by tiles in shared memory, for operands that are no matrices in memory but can
// be fetched as such: patches of a convolution, weights in panels. The terms of each element of C
// are added in order, whatever the tile, so a row of C has the same bits in any company.
#ifndef U2MOE_OPS_CUDA_TILES_H_
#define U2MOE_OPS_CUDA_TILES_H_

#include "ops/cuda-block.h"
#include "ops/cuda-packs.h"

namespace u2moe {
namespace cuda {

constexpr int kTileThreads = 256, kTileDepth = 16;  // threads of a block; terms fetched at a time
constexpr int kTilePadding = 4;  // floats between the terms: for banks, and 16 bytes of alignment

// A tile of C by a block: 16 x 16 threads of kRowsEach x kColsEach elements, in runs of up to 4 (of
// neighbours, which are one load from shared memory).
template <int kRowsOfTile, int kColsOfTile>
struct TileShape {
  static constexpr int kRows = kRowsOfTile, kCols = kColsOfTile;
  static constexpr int kRowsEach = kRows / 16, kColsEach = kCols / 16;
  static constexpr int kFloatsOfA = kTileDepth * (kRows + kTilePadding);
  static constexpr int kFloats = kFloatsOfA + kTileDepth * (kCols + kTilePadding);
  static constexpr size_t kBytes = 2 * kFloats * sizeof(float);  // of shared memory

  static int64_t Count(int64_t rows, int64_t cols) {
    return (rows + kRows - 1) / kRows * ((cols + kCols - 1) / kCols);
  }
};

// An operand is an object in each thread with
//   Fetch(float *to)  the thread's kCount elements of the next kTileDepth terms, zeros beyond the
//                     operand's end
//   Place(e)          where in the tile, kept as [terms][rows], element e goes
// and one of these bases. What it costs to find elements is paid by few: a thread's rows are always
// the same, its terms go on by steps.

// For terms that are neighbours in memory: 8 of them are a sector, those of 4 rows go to 32 banks.
template <int kRows>
struct AlongTerms {
  static constexpr int kTermsTogether = 8, kRowStep = kTileThreads / kTermsTogether;
  static constexpr int kRowsEach = kRows / kRowStep, kPasses = kTileDepth / kTermsTogether;
  static constexpr int kCount = kRowsEach * kPasses;  // element e: row e / kPasses
  static_assert(kRows % kRowStep == 0, "whole rows for each thread");

  __device__ static int Row(int i) {
    return static_cast<int>(threadIdx.x) / kTermsTogether + i * kRowStep;
  }
  __device__ static int Term() { return static_cast<int>(threadIdx.x) % kTermsTogether; }
  __device__ static int Place(int e) {
    return (Term() + e % kPasses * kTermsTogether) * (kRows + kTilePadding) + Row(e / kPasses);
  }
};

// For rows that are neighbours in memory: a thread has one row, and every kTermStep-th term.
template <int kRows>
struct AlongRows {
  static constexpr int kTermStep = kTileThreads / kRows, kCount = kTileDepth / kTermStep;
  static_assert(kTermStep <= kTileDepth, "a term for each thread");

  __device__ static int Row() { return static_cast<int>(threadIdx.x) % kRows; }
  __device__ static int Term() { return static_cast<int>(threadIdx.x) / kRows; }
  __device__ static int Place(int e) {
    return (Term() + e * kTermStep) * (kRows + kTilePadding) + Row();
  }
};

// Rows [first, first + kRows) of a matrix. They must lie within 2^31 floats: RowsAreNear.
template <int kRows>
struct RowsOfMatrix : AlongTerms<kRows> {
  using Base = AlongTerms<kRows>;

  __device__ RowsOfMatrix(const DeviceRows<const float> &m, int64_t first)
      : data(m.Row(first)), term(Base::Term()), end(static_cast<int>(m.cols)) {
    U2MOE_UNROLL
    for (int i = 0; i < Base::kRowsEach; ++i) {
      const int row = Base::Row(i);
      offsets[i] = first + row < m.rows ? static_cast<int>(row * m.stride) : -1;
    }
  }
  __device__ void Fetch(float *to) {
    U2MOE_UNROLL
    for (int p = 0; p < Base::kPasses; ++p, term += Base::kTermsTogether) {
      U2MOE_UNROLL
      for (int i = 0; i < Base::kRowsEach; ++i)
        to[i * Base::kPasses + p] = offsets[i] >= 0 && term < end ? data[offsets[i] + term] : 0;
    }
  }

  const float *data;
  int offsets[Base::kRowsEach];  // of rows from data, negative beyond the end
  int term, end;
};

inline bool RowsAreNear(ConstView m, int64_t rows) {
  return rows * m.Stride() + m.Cols() < int64_t{1} << 31;
}

// One element from each term on, `step` floats apart: of columns of a matrix, of panels.
template <int kRows>
struct Columns : AlongRows<kRows> {
  using Base = AlongRows<kRows>;

  // Terms [begin, end); column: of term 0, or null.
  __device__ Columns(const float *column, int64_t step, int64_t begin, int64_t end)
      : column(column), step(step), term(begin + Base::Term()), end(end) {}
  __device__ void Fetch(float *to) {
    U2MOE_UNROLL
    for (int e = 0; e < Base::kCount; ++e, term += Base::kTermStep)
      to[e] = column != nullptr && term < end ? column[term * step] : 0;
  }

  const float *column;
  int64_t step, term, end;
};

// The thread's elements of a row or column of the tile: runs of kRun, 16 threads' apart.
template <int kCount>
__device__ void LoadRuns(const float *from, int thread, float *to) {
  constexpr int kRun = kCount < 4 ? kCount : 4;
  U2MOE_UNROLL
  for (int i = 0; i < kCount; i += kRun) {
    const float *run = from + i * 16 + thread * kRun;
    if constexpr (kRun == 4) {
      const Pack<4> four = *reinterpret_cast<const Pack<4> *>(run);
      U2MOE_UNROLL
      for (int j = 0; j < 4; ++j) to[i + j] = four.at[j];
    } else {
      U2MOE_UNROLL
      for (int j = 0; j < kRun; ++j) to[i + j] = run[j];
    }
  }
}

// The tile of C with `terms` terms, by all of kTileThreads threads with Tile::kBytes of shared
// memory. Calls out(row, col, values, count): values[0...count) are the elements (row, col), (row,
// col + 1)... of the tile; what is beyond the edge of C is left to `out`.
// Bound by arithmetic: a thread's 64 products take 16 floats from shared memory.
template <class Tile, class A, class B, class Out>
__device__ void TileProduct(A a, B b, int64_t terms, const Out &out) {
  const int thread_row = static_cast<int>(threadIdx.x) / 16;
  const int thread_col = static_cast<int>(threadIdx.x) % 16;
  float *const tiles = SharedArray<float>(0, 2 * Tile::kFloats);
  float sums[Tile::kRowsEach][Tile::kColsEach] = {}, next_a[A::kCount], next_b[B::kCount];
  if (terms > 0) {
    a.Fetch(next_a);
    b.Fetch(next_b);
  }
  // Two buffers: one barrier between those who still read one and those who fill the other.
  int buffer = 0;
  for (int64_t begin = 0; begin < terms; begin += kTileDepth, buffer = Tile::kFloats - buffer) {
    float *const tile_a = tiles + buffer, *const tile_b = tile_a + Tile::kFloatsOfA;
    U2MOE_UNROLL
    for (int e = 0; e < A::kCount; ++e) tile_a[A::Place(e)] = next_a[e];
    U2MOE_UNROLL
    for (int e = 0; e < B::kCount; ++e) tile_b[B::Place(e)] = next_b[e];
    __syncthreads();
    if (begin + kTileDepth < terms) {  // on their way while the products are made
      a.Fetch(next_a);
      b.Fetch(next_b);
    }
    for (int k = 0; k < kTileDepth; ++k) {
      float rows[Tile::kRowsEach], cols[Tile::kColsEach];
      LoadRuns<Tile::kRowsEach>(tile_a + k * (Tile::kRows + kTilePadding), thread_row, rows);
      LoadRuns<Tile::kColsEach>(tile_b + k * (Tile::kCols + kTilePadding), thread_col, cols);
      U2MOE_UNROLL
      for (int i = 0; i < Tile::kRowsEach; ++i) {
        U2MOE_UNROLL
        for (int j = 0; j < Tile::kColsEach; ++j) sums[i][j] = fmaf(rows[i], cols[j], sums[i][j]);
      }
    }
  }
  constexpr int kRowRun = Tile::kRowsEach < 4 ? Tile::kRowsEach : 4;
  constexpr int kColRun = Tile::kColsEach < 4 ? Tile::kColsEach : 4;
  U2MOE_UNROLL
  for (int i = 0; i < Tile::kRowsEach; ++i) {
    const int row = i / kRowRun * kRowRun * 16 + thread_row * kRowRun + i % kRowRun;
    U2MOE_UNROLL
    for (int j = 0; j < Tile::kColsEach; j += kColRun)
      out(row, j * 16 + thread_col * kColRun, &sums[i][j], kColRun);
  }
}

// Whether all rows begin at multiples of 16 bytes.
template <class T>
__device__ bool RowsAligned(const DeviceRows<T> &v) {
  return reinterpret_cast<uintptr_t>(v.data) % 16 == 0 && v.stride % 4 == 0;
}

// Columns [col, col + count) of a row, count 1 or 4, as far as there are cols of them. aligned: of
// the row; col is a multiple of count.
__device__ inline void StoreRun(const float *values, int count, int64_t col, int64_t cols,
                                bool aligned, float *row) {
  if (count == 4 && aligned && col + 4 <= cols) {
    *reinterpret_cast<Pack<4> *>(row + col) = {{values[0], values[1], values[2], values[3]}};
    return;
  }
  U2MOE_UNROLL
  for (int j = 0; j < count && col + j < cols; ++j) row[col + j] = values[j];
}

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_TILES_H_
