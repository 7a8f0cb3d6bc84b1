#include "base/random-bits.h"
#include "ops/cuda-block.h"
#include "ops/noise.h"

namespace u2moe {
namespace cuda {
namespace {

constexpr int64_t kTile = 32;

// The numbers of a row, one after another.
struct Normals {
  double deviation, spare = 0;
  bool has_spare = false;

  __host__ __device__ explicit Normals(double deviation) : deviation(deviation) {}
  __device__ float operator()(uint64_t *words) {
    double first = spare;
    if (!has_spare) NormalPair(words, &first, &spare);
    has_spare = !has_spare;
    return static_cast<float>(deviation * first);
  }
  __device__ static void Apply(float draw, float *y) { *y += draw; }
};
struct Uniforms {
  double low, high;

  __host__ __device__ explicit Uniforms(double spread) : low(1 - spread), high(1 + spread) {}
  __device__ float operator()(uint64_t *words) const {
    return static_cast<float>(low + (high - low) * UniformOf(NextBits(words)));
  }
  __device__ static void Apply(float draw, float *y) { *y *= draw; }
};

// A warp for 32 rows: a thread draws for each, as numbers follow one from another, which is what
// bounds it; a tile in shared memory turns rows into columns, so that y is met in its order. The
// draws are those of the CPU but for the last bit of a double.
template <class Draw>
__global__ void DrawKernel(const uint64_t *seeds, Draw draw, DeviceRows<float> y) {
  float *tile = SharedArray<float>(0, kTile * (kTile + 1));
  const int64_t begin = blockIdx.x * kTile, lane = threadIdx.x;
  const int64_t rows = begin + kTile < y.rows ? kTile : y.rows - begin;
  uint64_t words[4];
  SeedWords(lane < rows ? seeds[begin + lane] : 0, words);
  for (int64_t j = 0; j < y.cols; j += kTile) {
    for (int64_t d = 0; d < kTile && j + d < y.cols; ++d)
      tile[lane * (kTile + 1) + d] = draw(words);
    __syncthreads();
    for (int64_t r = 0; r < rows && j + lane < y.cols; ++r)
      Draw::Apply(tile[r * (kTile + 1) + lane], &y(begin + r, j + lane));
    __syncthreads();
  }
}

template <class Draw>
void DrawFor(const char *name, Span<uint64_t> seeds, const Draw &draw, View y) {
  if (y.Empty()) return;
  Launch(name, DrawKernel<Draw>,
         {dim3(static_cast<unsigned>((y.Rows() + kTile - 1) / kTile)), dim3(kTile)},
         kTile * (kTile + 1) * sizeof(float), seeds.data(), draw, y);
}

}  // namespace

void AddNormalNoise(const Context &, Span<uint64_t> seeds, double deviation, View y) {
  DrawFor("AddNormalNoise", seeds, Normals(deviation), y);
}

void MultiplyByUniform(const Context &, Span<uint64_t> seeds, double spread, View y) {
  DrawFor("MultiplyByUniform", seeds, Uniforms(spread), y);
}

}  // namespace cuda
}  // namespace u2moe
