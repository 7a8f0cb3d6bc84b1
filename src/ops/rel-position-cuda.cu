// Relative positions of attention. Bound by memory.
#include <algorithm>
#include <numeric>

#include "ops/attention.h"
#include "ops/cuda-attention.h"
#include "ops/cuda-columns.h"

namespace u2moe {
namespace cuda {
namespace {

constexpr int64_t kKeyRows = 8;  // of a block of the forward kernel
constexpr int kWarps = kBlockThreads / 32;

struct KeysSequence {
  DeviceRows<const float> k, p;
  DeviceRows<float> kp, key_bias;
};

// A warp for each head of each of kKeyRows rows, in strides.
__global__ void ForwardKernel(DeviceBatch<KeysSequence> batch, const float *u, const float *vb,
                              int num_heads) {
  const TileOfRows at = batch.tiles[blockIdx.x];
  const KeysSequence &s = batch.sequences[at.sequence];
  const int64_t rows = s.k.rows - at.row < kKeyRows ? s.k.rows - at.row : kKeyRows;
  const int64_t head = s.k.cols / num_heads;
  const int lane = static_cast<int>(threadIdx.x) % warpSize;
  for (int64_t n = threadIdx.x / warpSize; n < rows * num_heads; n += kWarps) {
    const int64_t j = at.row + n / num_heads, h = n % num_heads, end = (h + 1) * head;
    float sum = 0;
    for (int64_t c = h * head + lane; c < end; c += warpSize) {
      const float k = s.k(j, c), p = s.p(j, c);
      sum = fmaf(k, u[c], sum);
      sum = fmaf(p, vb[c], sum);
      s.kp(j, c) = k + p;
    }
    sum = ReduceWarp<SumOf>(sum);
    if (lane == 0) s.key_bias(j, h) = sum;
  }
}

struct GradientSequence {
  DeviceRows<const float> k, p, dkp, dkey_bias;
  DeviceRows<float> dk;
};

// With g = dkey_bias:  dk_j = dkp_j + g_j u, and for kRowsTogether rows the sums g_j k_j and
// g_j p_j, to be added up to du and dvb. A thread for each column.
__global__ void KeysKernel(DeviceBatch<GradientSequence> batch, const float *u, int64_t head,
                           DeviceRows<float> du_parts, DeviceRows<float> dvb_parts) {
  const int64_t c = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (c >= du_parts.cols) return;
  const TileOfRows at = batch.tiles[blockIdx.x];
  const GradientSequence &s = batch.sequences[at.sequence];
  const int64_t end = s.k.rows - at.row < kRowsTogether ? s.k.rows : at.row + kRowsTogether;
  const int64_t h = c / head;
  const float uc = u[c];
  float du = 0, dvb = 0;
  for (int64_t j = at.row; j < end; ++j) {
    const float g = s.dkey_bias(j, h);
    s.dk(j, c) = fmaf(g, uc, s.dkp(j, c));
    du = fmaf(g, s.k(j, c), du);
    dvb = fmaf(g, s.p(j, c), dvb);
  }
  du_parts(blockIdx.x, c) = du;
  dvb_parts(blockIdx.x, c) = dvb;
}

// Rows of dp in memory that some sequences of the batch share, and one of these.
struct SharedPositions {
  DeviceRows<float> dp;  // all the rows that any of them has
  int32_t begin, end;    // its contributors
};
struct Contributor {
  DeviceRows<const float> dkp, dkey_bias;
  int64_t first;  // its first row among the shared ones
};
constexpr int64_t kPositionRows = 4;  // of a block

// dp_r += sum of dkp_j + g_j vb over the sequences that have row r, in the order of the batch.
__global__ void PositionsKernel(DeviceBatch<SharedPositions> batch, const Contributor *contributors,
                                const float *vb, int64_t head) {
  const TileOfRows at = batch.tiles[blockIdx.x];
  const SharedPositions &s = batch.sequences[at.sequence];
  const int64_t c = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (c >= s.dp.cols) return;
  const float vc = vb[c];
  for (int64_t r = at.row; r < s.dp.rows && r < at.row + kPositionRows; ++r) {
    float sum = s.dp(r, c);
    for (int32_t n = s.begin; n < s.end; ++n) {
      const Contributor &from = contributors[n];
      const int64_t j = r - from.first;
      if (j < 0 || j >= from.dkp.rows) continue;
      sum += fmaf(from.dkey_bias(j, c / head), vc, from.dkp(j, c));
    }
    s.dp(r, c) = sum;
  }
}

unsigned ColumnBlocks(int64_t cols) {
  return static_cast<unsigned>((cols + kBlockThreads - 1) / kBlockThreads);
}

// What a group of sequences with common rows of dp adds to them. Views of other strides, or of
// other columns of the same matrix, are of different groups.
void AddToPositions(const Context &ctx, ConstView vb, int64_t head,
                    Span<RelPositionKeysGradient> batch) {
  const auto window = [](const View &dp) {
    const auto at = reinterpret_cast<uintptr_t>(dp.Data()) / sizeof(float);
    const auto stride = static_cast<uintptr_t>(std::max<int64_t>(dp.Stride(), 1));
    return std::make_tuple(stride, at % stride, at / stride);
  };
  CachedVector<int32_t> order;
  for (size_t b = 0; b < batch.size(); ++b) {
    if (!batch[b].dp.Empty()) order.push_back(static_cast<int32_t>(b));
  }
  if (order.empty()) return;
  const auto dp = [&](int32_t b) -> const View & { return batch[static_cast<size_t>(b)].dp; };
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return window(dp(a)) < window(dp(b)); });
  TiledBatch<SharedPositions> groups(kPositionRows);
  CachedVector<Contributor> contributors;
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    const View &first = dp(order[begin]);
    const auto [stride, offset, row] = window(first);
    uintptr_t row_end = row;
    for (end = begin; end < order.size(); ++end) {
      const auto [its_stride, its_offset, its_row] = window(dp(order[end]));
      if (its_stride != stride || its_offset != offset || (end > begin && its_row >= row_end))
        break;
      row_end = std::max(row_end, its_row + static_cast<uintptr_t>(dp(order[end]).Rows()));
    }
    std::sort(order.begin() + static_cast<std::ptrdiff_t>(begin),
              order.begin() + static_cast<std::ptrdiff_t>(end));  // as in the batch
    const auto index = static_cast<int32_t>(contributors.size());
    for (size_t n = begin; n < end; ++n) {
      const RelPositionKeysGradient &s = batch[static_cast<size_t>(order[n])];
      contributors.push_back(
          {s.dkp, s.dkey_bias, static_cast<int64_t>(std::get<2>(window(s.dp)) - row)});
    }
    const auto rows = static_cast<int64_t>(row_end - row);
    groups.Add({View(first.Data(), rows, first.Cols(), first.Stride()), index,
                static_cast<int32_t>(contributors.size())},
               rows);
  }
  const ListOnDevice<Contributor> list(ctx, contributors);
  Launch("RelPositionKeysBackward, dp", PositionsKernel,
         {dim3(static_cast<unsigned>(groups.NumTiles()), ColumnBlocks(vb.Size())),
          dim3(kBlockThreads)},
         0, groups.OnDevice(ctx), list.data(), vb.Data(), head);
}

}  // namespace

void RelPositionKeysForward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                            Span<RelPositionKeys> batch) {
  TiledBatch<KeysSequence> tiles(kKeyRows);
  for (const RelPositionKeys &s : batch) {
    if (!s.k.Empty()) tiles.Add({s.k, s.p, s.kp, s.key_bias}, s.k.Rows());
  }
  if (tiles.NumTiles() == 0) return;
  Launch("RelPositionKeysForward", ForwardKernel,
         {dim3(static_cast<unsigned>(tiles.NumTiles())), dim3(kBlockThreads)}, 0,
         tiles.OnDevice(ctx), u.Data(), vb.Data(), num_heads);
}

void RelPositionKeysBackward(const Context &ctx, int num_heads, ConstView u, ConstView vb,
                             Span<RelPositionKeysGradient> batch, View du, View dvb) {
  TiledBatch<GradientSequence> tiles(kRowsTogether);
  for (const RelPositionKeysGradient &s : batch) {
    if (!s.k.Empty()) tiles.Add({s.k, s.p, s.dkp, s.dkey_bias, s.dk}, s.k.Rows());
  }
  if (tiles.NumTiles() == 0) return;
  const int64_t dim = u.Size(), head = dim / num_heads;
  const std::shared_ptr<float> memory = AllocateFloats(2 * tiles.NumTiles() * dim);
  const View du_parts(memory.get(), tiles.NumTiles(), dim);
  const View dvb_parts(memory.get() + du_parts.Size(), tiles.NumTiles(), dim);
  Launch("RelPositionKeysBackward", KeysKernel,
         {dim3(static_cast<unsigned>(tiles.NumTiles()), ColumnBlocks(dim)), dim3(kBlockThreads)}, 0,
         tiles.OnDevice(ctx), u.Data(), head, du_parts, dvb_parts);
  AddColumnSums("RelPositionKeysBackward, du", tiles.NumTiles(), Entry{du_parts},
                du.Reshape(1, dim));
  AddColumnSums("RelPositionKeysBackward, dvb", tiles.NumTiles(), Entry{dvb_parts},
                dvb.Reshape(1, dim));
  AddToPositions(ctx, vb, head, batch);
}

}  // namespace cuda
}  // namespace u2moe
