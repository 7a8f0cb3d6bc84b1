// All of it is bound by memory as long as shared memory keeps up: so a thread takes four taps at a
// time, for which it reads each input once.
#include "ops/cuda-block.h"
#include "ops/depthwise-conv.h"

namespace u2moe {
namespace cuda {
namespace {

using Rows = DeviceRows<float>;
using ConstRows = DeviceRows<const float>;

// A block has a tile of kTileRows rows of kChannels channels, a warp all channels of kRowsEach
// rows. More than kMostTaps taps are taken in turns.
constexpr int kChannels = 32, kWarps = 8, kRowsEach = 8, kTileRows = kWarps * kRowsEach;
constexpr int kMostTaps = 32, kTogether = 4;
constexpr int kInputRows = kTileRows + kMostTaps - 1;
constexpr size_t kSlideBytes = (kInputRows + kMostTaps) * kChannels * sizeof(float);
constexpr size_t kTapsBytes = (kInputRows + kTileRows) * kChannels * sizeof(float);

// `rows` rows of channels [channel, channel + kChannels) of m from row `first` on, as [rows,
// kChannels]; what is not in m is zero.
__device__ void LoadTile(const ConstRows &m, int64_t first, int rows, int64_t channel, float *to) {
  const int64_t c = channel + threadIdx.x;
  for (int r = static_cast<int>(threadIdx.y); r < rows; r += kWarps) {
    const int64_t row = first + r;
    const bool inside = row >= 0 && row < m.rows && c < m.cols;
    to[r * kChannels + threadIdx.x] = inside ? m(row, c) : 0;
  }
}

// y[t] = bias + the sum over j < W, in order, of tap j times row t + j - lead of x, zeros beyond
// its ends; tap j is w[j], or w[W - 1 - j] for the transpose, which slides over dy. bias may be
// null.
template <bool kTranspose>
__global__ void SlideKernel(ConstRows x, ConstRows weight, const float *bias, int64_t lead,
                            Rows y) {
  float *const inputs = SharedArray<float>(0, (kInputRows + kMostTaps) * kChannels);
  float *const taps = inputs + kInputRows * kChannels;  // [kMostTaps, kChannels]
  const int64_t channel = static_cast<int64_t>(blockIdx.y) * kChannels, c = channel + threadIdx.x;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kTileRows;
  const int thread = static_cast<int>(threadIdx.y * kChannels + threadIdx.x);
  float sums[kRowsEach];
  for (int r = 0; r < kRowsEach; ++r) sums[r] = bias != nullptr && c < y.cols ? bias[c] : 0;
  for (int64_t first = 0; first < weight.cols; first += kMostTaps) {
    const int64_t left = weight.cols - first;
    const int n = left < kMostTaps ? static_cast<int>(left) : kMostTaps;
    __syncthreads();  // who reads the taps before
    LoadTile(x, begin + first - lead, kTileRows + n - 1, channel, inputs);
    for (int k = thread; k < kChannels * n; k += kChannels * kWarps) {
      const int64_t of = channel + k / n, j = first + k % n;
      taps[k % n * kChannels + k / n] =
          of < weight.rows ? weight(of, kTranspose ? weight.cols - 1 - j : j) : 0;
    }
    __syncthreads();
    const float *from = inputs + threadIdx.y * kRowsEach * kChannels + threadIdx.x;
    const float *tap = taps + threadIdx.x;
    int j = 0;
    for (; j + kTogether <= n; j += kTogether) {
      float window[kRowsEach + kTogether - 1];
      for (int r = 0; r < kRowsEach + kTogether - 1; ++r) window[r] = from[(j + r) * kChannels];
      for (int i = 0; i < kTogether; ++i) {
        const float w = tap[(j + i) * kChannels];
        for (int r = 0; r < kRowsEach; ++r) sums[r] = fmaf(w, window[r + i], sums[r]);
      }
    }
    for (; j < n; ++j) {  // a tap of zero would make NaN of what a row does not reach
      const float w = tap[j * kChannels];
      for (int r = 0; r < kRowsEach; ++r) sums[r] = fmaf(w, from[(j + r) * kChannels], sums[r]);
    }
  }
  if (c >= y.cols) return;
  for (int r = 0; r < kRowsEach; ++r) {
    const int64_t row = begin + threadIdx.y * kRowsEach + r;
    if (row < y.rows) y(row, c) = sums[r];
  }
}

template <bool kTranspose>
void Slide(const char *name, ConstView x, ConstView weight, const float *bias, int64_t lead,
           View y) {
  const auto tiles = [](int64_t n, int64_t of) { return static_cast<unsigned>((n + of - 1) / of); };
  Launch(name, SlideKernel<kTranspose>,
         {dim3(tiles(y.Rows(), kTileRows), tiles(y.Cols(), kChannels)), dim3(kChannels, kWarps)},
         kSlideBytes, x, weight, bias, lead, y);
}

// parts[p * (W + 1) + j, d] = sum_t dy[t, d] * x[t + j, d], and for j = W that of dy alone, over
// the rows of tile p. A warp has four taps, and shares the rows with other warps if there are fewer
// taps than warps have; thread by thread they add up in order.
__global__ void TapsKernel(ConstRows x, ConstRows dy, int64_t num_taps, Rows parts) {
  float *const inputs = SharedArray<float>(0, (kInputRows + kTileRows) * kChannels);
  float *const upstream = inputs + kInputRows * kChannels;
  const int64_t channel = static_cast<int64_t>(blockIdx.y) * kChannels, c = channel + threadIdx.x;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kTileRows;
  const int64_t first = static_cast<int64_t>(blockIdx.z) * kMostTaps, left = num_taps - first;
  const int n = left < kMostTaps ? static_cast<int>(left) : kMostTaps;
  const int groups = (n + kTogether - 1) / kTogether, slices = kWarps / groups;
  LoadTile(x, begin + first, kTileRows + groups * kTogether - 1, channel, inputs);
  LoadTile(dy, begin, kTileRows, channel, upstream);
  __syncthreads();

  const int group = static_cast<int>(threadIdx.y) % groups;
  const int slice = static_cast<int>(threadIdx.y) / groups;
  const int tap = group * kTogether, taps = n - tap < kTogether ? n - tap : kTogether;
  const int64_t rows_left = dy.rows - begin;
  const int rows = rows_left < kTileRows ? static_cast<int>(rows_left) : kTileRows;
  float sums[kTogether] = {}, total = 0;
  if (slice < slices) {
    // Rows [t, end) of this slice; taps beyond the last sum what nobody asks for.
    int t = rows * slice / slices;
    const int end = rows * (slice + 1) / slices;
    const float *from = inputs + (t + tap) * kChannels + threadIdx.x;
    float window[kTogether];
    for (int i = 0; i + 1 < kTogether; ++i) window[i] = from[i * kChannels];
    for (; t < end; ++t, from += kChannels) {
      const float g = upstream[t * kChannels + threadIdx.x];
      total += g;
      window[kTogether - 1] = from[(kTogether - 1) * kChannels];
      for (int i = 0; i < kTogether; ++i) sums[i] = fmaf(g, window[i], sums[i]);
      for (int i = 0; i + 1 < kTogether; ++i) window[i] = window[i + 1];
    }
  }
  __syncthreads();
  float *const shared = inputs;  // [kWarps, kTogether + 1, kChannels], the tile is done with
  float *const own = shared + threadIdx.y * (kTogether + 1) * kChannels + threadIdx.x;
  for (int i = 0; i < kTogether; ++i) own[i * kChannels] = sums[i];
  own[kTogether * kChannels] = total;
  __syncthreads();
  if (slice > 0 || c >= dy.cols) return;
  const auto add = [&](int i) {
    float sum = 0;
    for (int s = 0; s < slices; ++s) sum += own[(s * groups * (kTogether + 1) + i) * kChannels];
    return sum;
  };
  const int64_t part = static_cast<int64_t>(blockIdx.x) * (num_taps + 1);
  for (int i = 0; i < taps; ++i) parts(part + first + tap + i, c) = add(i);
  if (first == 0 && group == 0) parts(part + num_taps, c) = add(kTogether);
}

// The parts, in order. A thread for each tap, or dy's sum, of a channel.
__global__ void AddTapsKernel(ConstRows parts, Rows dweight, Rows dbias) {
  const int64_t c = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, j = blockIdx.y;
  if (c >= parts.cols) return;
  float sum = 0;
  for (int64_t row = j; row < parts.rows; row += dweight.cols + 1) sum += parts(row, c);
  if (j < dweight.cols) {
    dweight(c, j) += sum;
  } else {
    dbias(0, c) += sum;
  }
}

}  // namespace

void DepthwiseConvForward(const Context &, ConstView x, ConstView weight, ConstView bias, View y) {
  if (!y.Empty()) Slide<false>("DepthwiseConvForward", x, weight, bias.Data(), 0, y);
}

void DepthwiseConvBackward(const Context &, ConstView x, ConstView weight, ConstView dy, View dx,
                           View dweight, View dbias) {
  const int64_t num_taps = weight.Cols();
  if (!dy.Empty()) {
    const int64_t tiles = (dy.Rows() + kTileRows - 1) / kTileRows;
    const unsigned across = static_cast<unsigned>((dy.Cols() + kChannels - 1) / kChannels);
    const unsigned turns = static_cast<unsigned>((num_taps + kMostTaps - 1) / kMostTaps);
    const std::shared_ptr<float> memory = AllocateFloats(tiles * (num_taps + 1) * dy.Cols());
    const View parts(memory.get(), tiles * (num_taps + 1), dy.Cols());
    Launch("DepthwiseConvBackward, parts", TapsKernel,
           {dim3(static_cast<unsigned>(tiles), across, turns), dim3(kChannels, kWarps)}, kTapsBytes,
           x, dy, num_taps, parts);
    Launch("DepthwiseConvBackward, dweight", AddTapsKernel,
           {dim3(across, static_cast<unsigned>(num_taps + 1)), dim3(kChannels)}, 0, parts, dweight,
           dbias);
  }
  if (!dx.Empty()) Slide<true>("DepthwiseConvBackward, dx", dy, weight, nullptr, num_taps - 1, dx);
}

}  // namespace cuda
}  // namespace u2moe
