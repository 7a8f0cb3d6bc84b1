#include <cmath>

#include "ops/cuda-launch.h"
#include "ops/rotary.h"

namespace u2moe {
namespace cuda {
namespace {

constexpr int64_t kRowsOfThread = 4;

// threadIdx.x: a pair of each head; threadIdx.y: rows, kRowsOfThread for each thread, so that a
// power serves several sines. In double: positions of long streams times a rate are beyond what
// floats tell apart. That is what bounds it, and why all heads share an angle.
__global__ void RotateKernel(int64_t num_heads, int64_t first, bool back, DeviceRows<float> x) {
  const int64_t width = x.cols / num_heads, half = width / 2;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= half) return;
  const double rate = pow(10000.0, -2 * static_cast<double>(i) / static_cast<double>(width));
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * blockDim.y * kRowsOfThread + threadIdx.y;
  for (int64_t k = 0; k < kRowsOfThread; ++k) {
    const int64_t t = begin + k * blockDim.y;
    if (t >= x.rows) return;
    const double angle = static_cast<double>(first + t) * rate;
    const auto c = static_cast<float>(cos(angle));
    const auto s = static_cast<float>(back ? -sin(angle) : sin(angle));
    for (int64_t h = 0; h < num_heads; ++h) {
      float *a = x.Row(t) + h * width + i, *b = a + half;
      const float before_a = *a, before_b = *b;
      *a = before_a * c - before_b * s;
      *b = before_a * s + before_b * c;
    }
  }
}

}  // namespace

void Rotate(const Context &, int num_heads, int64_t first, bool back, View x) {
  if (x.Empty()) return;
  const int64_t half = x.Cols() / num_heads / 2;
  const dim3 block(32, kBlockThreads / 32);
  constexpr int64_t kRowsOfBlock = kRowsOfThread * kBlockThreads / 32;
  constexpr int64_t kMostBlocks = 65535;  // that a grid has in y
  for (int64_t begin = 0; begin < x.Rows(); begin += kMostBlocks * kRowsOfBlock) {
    const View rows = x.RowRange(begin, std::min(x.Rows() - begin, kMostBlocks * kRowsOfBlock));
    const int64_t blocks = (rows.Rows() + kRowsOfBlock - 1) / kRowsOfBlock;
    Launch("Rotate", RotateKernel,
           {dim3(static_cast<unsigned>((half + 31) / 32), static_cast<unsigned>(blocks)), block}, 0,
           num_heads, first + begin, back, rows);
  }
}

}  // namespace cuda
}  // namespace u2moe
