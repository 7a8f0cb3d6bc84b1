// Two kernels that add in the same order, so that no row depends on which of them is taken: tiles
// for many rows, which are bound by arithmetic, and one for few rows, which is bound by the
// weights' way from memory.
//
// Inputs come in words: a float, two bfloat16, four codes. The order: words in units of kUnit, each
// summed up from its first word to its last, and the units' sums one after another; of codes, whose
// sums are exact, the groups with scales of their own.
#include "ops/cuda-block.h"
#include "ops/cuda-math.h"
#include "ops/packed/cuda-packed-gemm.h"

namespace u2moe {
namespace cuda {
namespace {

constexpr int kPanel = static_cast<int>(PackedMatrix::kPanel);
constexpr int64_t kUnit = 128;

__host__ __device__ float FloatOf(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// A format's words: of a row at a step, of a panel at a step for output n, and their product.
struct Float32Words {
  using Word = float;
  using Sum = float;
  static constexpr bool kCodes = false;
  static __device__ float Of(const void *row, int64_t step) {
    return static_cast<const float *>(row)[step];
  }
  static __device__ float OfPanel(const uint8_t *panel, int64_t step, int n) {
    return reinterpret_cast<const float *>(panel)[step * kPanel + n];
  }
  static __device__ float Add(float sum, float a, float w) { return fmaf(a, w, sum); }
};
struct Bfloat16Words {
  using Word = uint32_t;
  using Sum = float;
  static constexpr bool kCodes = false;
  static __device__ uint32_t Of(const void *row, int64_t step) {
    return static_cast<const uint32_t *>(row)[step];
  }
  static __device__ uint32_t OfPanel(const uint8_t *panel, int64_t step, int n) {
    return reinterpret_cast<const uint32_t *>(panel)[step * kPanel + n];
  }
  static __device__ float Add(float sum, uint32_t a, uint32_t w) {
    sum = fmaf(FloatOf(a << 16), FloatOf(w << 16), sum);
    return fmaf(FloatOf(a & 0xffff0000u), FloatOf(w & 0xffff0000u), sum);
  }
};
struct Int8Words {
  using Word = uint32_t;
  using Sum = int32_t;
  static constexpr bool kCodes = true;
  static __device__ uint32_t Of(const void *row, int64_t step) {
    return static_cast<const uint32_t *>(row)[step];
  }
  static __device__ uint32_t OfPanel(const uint8_t *panel, int64_t step, int n) {
    return reinterpret_cast<const uint32_t *>(panel)[step * kPanel + n] ^ 0x80808080u;
  }
  static __device__ int32_t Add(int32_t sum, uint32_t a, uint32_t w) {
    return __dp4a(static_cast<int>(a), static_cast<int>(w), sum);
  }
};
struct Int4Words : Int8Words {
  static __device__ uint32_t OfPanel(const uint8_t *panel, int64_t step, int n) {
    const uint32_t both = reinterpret_cast<const uint32_t *>(panel)[step / 2 * kPanel + n];
    // Bytes of 0...15 less 8: 0x78 more, which carries nothing on, and the highest bit changed.
    return (((both >> (step % 2 * 4)) & 0x0f0f0f0fu) + 0x78787878u) ^ 0x80808080u;
  }
};

// One matrix of weights.
struct Weights {
  const uint8_t *panels;
  const float *scales, *bias;
};
// What all matrices of a call have in common.
struct Shape {
  int64_t outputs, panel_bytes, steps, group_steps, groups;
};
// Rows of x: the first word of each `stride` bytes after the one before.
struct Rows {
  const uint8_t *words;
  int64_t stride;
  const float *scales;  // of codes: [scale, zero]
};
struct Finish {
  bool swish, relu, add;
  float scale;
};

// Where the rows of one expert begin, and how many there are; of a call without experts, of all.
struct Tile {
  int64_t first, count;  // rows of the tile
  int expert;
};

// The experts of a call by value, and which rows are whose.
template <int kExperts>
struct Groups {
  Weights weights[kExperts];
  int num_experts;
  const int32_t *begin;  // [E+1] of the device; null: one matrix for `count` rows
  int64_t count;
  const int32_t *in, *out;
  const float *factor;

  // The n-th tile of so many rows; an expert's last one may be shorter. count 0: there is none.
  __device__ Tile TileOf(int64_t n, int rows) const {
    if (begin == nullptr) {
      const int64_t first = n * rows, left = count - first;
      return {first, left < rows ? left : rows, 0};
    }
    for (int e = 0; e < num_experts; ++e) {
      const int64_t size = begin[e + 1] - begin[e], tiles = (size + rows - 1) / rows;
      if (n < tiles) {
        const int64_t left = size - n * rows;
        return {begin[e] + n * rows, left < rows ? left : rows, e};
      }
      n -= tiles;
    }
    return {0, 0, 0};
  }
};

// Sums of a row and an output, unit by unit.
template <class Words>
class Total {
 public:
  // The sum of a unit of group g; last: of this group.
  __device__ void Add(typename Words::Sum unit, const float *panel_scales, int64_t g, bool last,
                      int n) {
    if constexpr (Words::kCodes) {
      codes_ += unit;
      if (!last) return;
      const float value = static_cast<float>(codes_), scale = panel_scales[g * kPanel + n];
      total_ = g == 0 ? value * scale : fmaf(value, scale, total_);
      codes_ = 0;
    } else {
      total_ += unit;
    }
  }
  __device__ float Value() const { return total_; }

 private:
  float total_ = 0;
  int32_t codes_ = 0;
};

// Through zero point, scale and epilogue into memory. i: of the call.
template <class Words, int kExperts>
__device__ void Store(float value, const Groups<kExperts> &groups, const Weights &w,
                      const Shape &shape, const Rows &x, const Finish &finish, int64_t i,
                      int64_t panel, int n, const DeviceRows<float> &y) {
  const int64_t output = panel * kPanel + n;
  if (output >= shape.outputs) return;
  const int64_t in = groups.in != nullptr ? groups.in[i] : i;
  if constexpr (Words::kCodes) {
    const float *scale = x.scales + 2 * in;
    const float correction = w.scales[panel * (shape.groups + 1) * kPanel + n];
    value = fmaf(-scale[1], correction, value) * scale[0];
  }
  if (w.bias != nullptr) value += w.bias[output];
  if (finish.swish) {
    value = SwishOf(value);
  } else if (finish.relu) {
    value = ReluOf(value);
  }
  const float factor = groups.factor != nullptr ? finish.scale * groups.factor[i] : finish.scale;
  float *to = &y(groups.out != nullptr ? groups.out[i] : i, output);
  *to = finish.add ? fmaf(value, factor, *to) : value * factor;
}

constexpr int kTileRows = 64, kTilePanels = 4, kTileSteps = 16, kTileThreads = 256;
constexpr int kTileOutputs = kTilePanels * kPanel;
constexpr int kRowsOfThread = 4, kOutputsOfThread = 4;
constexpr int kLoads = kTileSteps * kTileRows / kTileThreads;  // of each thread, of rows and panels
static_assert(kTileRows == kTileOutputs, "a thread loads as much of both");
// A row more between steps, so that a warp's stores meet few of its own banks.
constexpr int kTileStride = kTileRows + 4;

// A block: kTileRows rows by kTilePanels panels, kTileSteps words at a time through shared memory;
// what comes next is on its way while the threads compute, each 4 rows by 4 outputs.
template <class Words, int kExperts>
__global__ void TilesKernel(Groups<kExperts> groups, Shape shape, Rows x, Finish finish,
                            DeviceRows<float> y) {
  using Word = typename Words::Word;
  const Tile tile = groups.TileOf(blockIdx.y, kTileRows);
  if (tile.count <= 0) return;
  const Weights &w = groups.weights[kExperts == 1 ? 0 : tile.expert];
  const int64_t first_panel = static_cast<int64_t>(blockIdx.x) * kTilePanels;
  const int64_t last_panel = (shape.outputs + kPanel - 1) / kPanel - 1;
  Word *rows = SharedArray<Word>(0, kTileSteps * kTileStride);
  Word *panels =
      SharedArray<Word>(kTileSteps * kTileStride * sizeof(Word), kTileSteps * kTileStride);
  const int thread = static_cast<int>(threadIdx.x);

  // What this thread brings: of one row kLoads successive words, of a panel at one step kLoads
  // successive outputs.
  constexpr int kStrips = kTileSteps / kLoads;
  const int my_row = thread / kStrips, my_step = thread % kStrips * kLoads;
  const int64_t row = tile.first + (my_row < tile.count ? my_row : 0);
  const uint8_t *my_words = x.words + (groups.in != nullptr ? groups.in[row] : row) * x.stride;
  const int panel_step = thread / (kTileOutputs / kLoads),
            my_output = thread % (kTileOutputs / kLoads) * kLoads;
  int64_t my_panel = first_panel + my_output / kPanel;
  if (my_panel > last_panel) my_panel = last_panel;
  const uint8_t *my_panel_words = w.panels + my_panel * shape.panel_bytes;
  Word next_row[kLoads], next_panel[kLoads];
  const auto load = [&](int64_t from, int64_t to) {
    for (int i = 0; i < kLoads; ++i) {
      next_row[i] = from + my_step + i < to ? Words::Of(my_words, from + my_step + i) : Word(0);
      next_panel[i] = from + panel_step < to ? Words::OfPanel(my_panel_words, from + panel_step,
                                                              my_output % kPanel + i)
                                             : Word(0);
    }
  };

  const int row0 = thread / (kTileOutputs / kOutputsOfThread) * kRowsOfThread;
  const int output0 = thread % (kTileOutputs / kOutputsOfThread) * kOutputsOfThread;
  int64_t panel = first_panel + output0 / kPanel;
  const bool inside = panel <= last_panel;
  if (!inside) panel = last_panel;
  const float *panel_scales =
      Words::kCodes ? w.scales + (panel * (shape.groups + 1) + 1) * kPanel : nullptr;
  Total<Words> total[kRowsOfThread][kOutputsOfThread];
  typename Words::Sum sum[kRowsOfThread][kOutputsOfThread];

  for (int64_t g = 0; g < shape.groups; ++g) {
    const int64_t end =
        (g + 1) * shape.group_steps < shape.steps ? (g + 1) * shape.group_steps : shape.steps;
    for (int64_t unit = g * shape.group_steps; unit < end; unit += kUnit) {
      const int64_t unit_end = unit + kUnit < end ? unit + kUnit : end;
      for (auto &of_row : sum) {
        for (auto &s : of_row) s = 0;
      }
      load(unit, unit_end);
      for (int64_t from = unit; from < unit_end; from += kTileSteps) {
        __syncthreads();
        for (int i = 0; i < kLoads; ++i) {
          rows[(my_step + i) * kTileStride + my_row] = next_row[i];
          panels[panel_step * kTileStride + my_output + i] = next_panel[i];
        }
        __syncthreads();
        if (from + kTileSteps < unit_end) load(from + kTileSteps, unit_end);
        for (int s = 0; s < kTileSteps; ++s) {
          Word a[kRowsOfThread], b[kOutputsOfThread];
          for (int r = 0; r < kRowsOfThread; ++r) a[r] = rows[s * kTileStride + row0 + r];
          for (int n = 0; n < kOutputsOfThread; ++n) b[n] = panels[s * kTileStride + output0 + n];
          for (int r = 0; r < kRowsOfThread; ++r) {
            for (int n = 0; n < kOutputsOfThread; ++n)
              sum[r][n] = Words::Add(sum[r][n], a[r], b[n]);
          }
        }
      }
      for (int r = 0; r < kRowsOfThread; ++r) {
        for (int n = 0; n < kOutputsOfThread; ++n)
          total[r][n].Add(sum[r][n], panel_scales, g, unit_end == end, output0 % kPanel + n);
      }
    }
  }
  if (!inside) return;
  for (int r = 0; r < kRowsOfThread && row0 + r < tile.count; ++r) {
    for (int n = 0; n < kOutputsOfThread; ++n) {
      Store<Words>(total[r][n].Value(), groups, w, shape, x, finish, tile.first + row0 + r, panel,
                   output0 % kPanel + n, y);
    }
  }
}

constexpr int kFewRows = 4, kFewThreads = 256;
constexpr int kFewWarps = kFewThreads / 32;

// A block: up to kFewRows rows by one panel. Each warp takes units in turn, its lanes the outputs,
// twice, for two rows each; their sums wait in shared memory [units][kFewRows][16].
template <class Words, int kExperts>
__global__ void FewRowsKernel(Groups<kExperts> groups, Shape shape, Rows x, Finish finish,
                              DeviceRows<float> y) {
  using Sum = typename Words::Sum;
  const Tile tile = groups.TileOf(blockIdx.y, kFewRows);
  if (tile.count <= 0) return;
  const Weights &w = groups.weights[kExperts == 1 ? 0 : tile.expert];
  const int64_t panel = blockIdx.x;
  const int64_t units_of_group = (shape.group_steps + kUnit - 1) / kUnit;
  const int64_t most_units = shape.groups * units_of_group;
  constexpr int kSums = kFewRows * kPanel;
  Sum *sums = SharedArray<Sum>(0, static_cast<size_t>(most_units * kSums));
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, n = lane % kPanel;
  constexpr int kMine = kFewRows / 2;  // rows of a lane
  const uint8_t *words[kMine];
  for (int i = 0; i < kMine; ++i) {
    const int r = lane / kPanel * kMine + i;
    const int64_t row = tile.first + (r < tile.count ? r : 0);
    words[i] = x.words + (groups.in != nullptr ? groups.in[row] : row) * x.stride;
  }
  const uint8_t *panel_words = w.panels + panel * shape.panel_bytes;
  for (int64_t u = thread / 32; u < most_units; u += kFewWarps) {
    const int64_t g = u / units_of_group;
    int64_t end = (g + 1) * shape.group_steps;
    if (end > shape.steps) end = shape.steps;
    const int64_t from = g * shape.group_steps + u % units_of_group * kUnit;
    const int64_t to = from + kUnit < end ? from + kUnit : end;
    Sum sum[kMine] = {};
    for (int64_t s = from; s < to; ++s) {
      const typename Words::Word b = Words::OfPanel(panel_words, s, n);
      for (int i = 0; i < kMine; ++i) sum[i] = Words::Add(sum[i], Words::Of(words[i], s), b);
    }
    for (int i = 0; i < kMine; ++i)
      sums[u * kSums + (lane / kPanel * kMine + i) * kPanel + n] = sum[i];
  }
  __syncthreads();
  const int r = thread / kPanel, output = thread % kPanel;
  if (r >= kFewRows || r >= tile.count) return;
  const float *panel_scales =
      Words::kCodes ? w.scales + (panel * (shape.groups + 1) + 1) * kPanel : nullptr;
  Total<Words> total;
  for (int64_t g = 0; g < shape.groups; ++g) {
    int64_t end = (g + 1) * shape.group_steps;
    if (end > shape.steps) end = shape.steps;
    for (int64_t k = 0, from = g * shape.group_steps; from < end; ++k, from += kUnit) {
      total.Add(sums[(g * units_of_group + k) * kSums + r * kPanel + output], panel_scales, g,
                from + kUnit >= end, output);
    }
  }
  Store<Words>(total.Value(), groups, w, shape, x, finish, tile.first + r, panel, output, y);
}

template <class Words, int kExperts>
void Run(const Groups<kExperts> &groups, const Shape &shape, const Rows &x, const Finish &finish,
         int64_t most_rows, View y) {
  const int64_t num_panels = (shape.outputs + kPanel - 1) / kPanel;
  const int64_t units = shape.groups * ((shape.group_steps + kUnit - 1) / kUnit);
  const size_t few_bytes =
      static_cast<size_t>(units * kFewRows * kPanel) * sizeof(typename Words::Sum);
  constexpr size_t kSharedBytes = 48 << 10;  // that a kernel may have without asking for more
  // Up to so many rows an expert, reading the weights again for every kFewRows costs less than
  // tiles that are mostly empty.
  constexpr int64_t kMostFew = 16;
  const int64_t experts = groups.begin == nullptr ? 1 : groups.num_experts;
  if (most_rows <= kMostFew * experts && few_bytes <= kSharedBytes) {
    const int64_t tiles = most_rows / kFewRows + experts;
    Launch(
        "PackedGemm, few rows", FewRowsKernel<Words, kExperts>,
        {dim3(static_cast<unsigned>(num_panels), static_cast<unsigned>(tiles)), dim3(kFewThreads)},
        few_bytes, groups, shape, x, finish, y);
    return;
  }
  const int64_t tiles = most_rows / kTileRows + experts;
  CHECK_LE(tiles, 65535) << "rows of one product";
  Launch("PackedGemm", TilesKernel<Words, kExperts>,
         {dim3(static_cast<unsigned>((num_panels + kTilePanels - 1) / kTilePanels),
               static_cast<unsigned>(tiles)),
          dim3(kTileThreads)},
         2 * kTileSteps * kTileStride * sizeof(typename Words::Word), groups, shape, x, finish, y);
}

Weights WeightsOf(const PackedMatrix &w, const float *bias) {
  return {w.Panel(0), w.Scales().Empty() ? nullptr : w.Scales().Data(), bias};
}

template <int kExperts>
void RunFormat(const Groups<kExperts> &groups, const PackedRows &x, const PackedMatrix &w,
               const Finish &finish, int64_t most_rows, View y) {
  Shape shape;
  shape.outputs = w.Rows();
  shape.panel_bytes = w.PanelBytes();
  shape.groups = std::max<int64_t>(w.NumGroups(), 1);
  const auto whole = [&](int64_t inputs) {
    shape.steps = (w.Cols() + inputs - 1) / inputs;
    shape.group_steps = shape.groups == 1 ? shape.steps : w.GroupSize() / inputs;
  };
  switch (w.Format()) {
    case WeightFormat::kFloat32: {
      whole(1);
      const int64_t stride = x.Rows() < 2 ? 0 : (x.FloatRow(1) - x.FloatRow(0)) * 4;
      const Rows rows{reinterpret_cast<const uint8_t *>(x.FloatRow(0)), stride, nullptr};
      return Run<Float32Words>(groups, shape, rows, finish, most_rows, y);
    }
    case WeightFormat::kBfloat16: {
      whole(2);
      const Rows rows{reinterpret_cast<const uint8_t *>(x.Bfloat16Row(0)), 2 * x.Stride(), nullptr};
      return Run<Bfloat16Words>(groups, shape, rows, finish, most_rows, y);
    }
    case WeightFormat::kInt8:
    case WeightFormat::kInt4: {
      whole(4);
      const Rows rows{reinterpret_cast<const uint8_t *>(x.CodeRow(0)), x.Stride(), x.Scale(0)};
      if (w.Format() == WeightFormat::kInt8)
        return Run<Int8Words>(groups, shape, rows, finish, most_rows, y);
      return Run<Int4Words>(groups, shape, rows, finish, most_rows, y);
    }
  }
}

void Compute(const PackedRows &x, const GemmRows &rows, const PackedMatrix &w, const Epilogue &e,
             View y) {
  Groups<1> groups = {};
  groups.weights[0] = WeightsOf(w, e.bias);
  groups.num_experts = 1;
  groups.count = rows.count;
  groups.in = rows.in;
  groups.out = rows.out;
  groups.factor = rows.factor;
  const Finish finish{e.activation == Activation::kSwish, e.activation == Activation::kRelu, e.add,
                      e.scale};
  RunFormat(groups, x, w, finish, rows.count, y);
}

// A thread an element.
__global__ void Bfloat16Kernel(DeviceRows<const float> x, uint16_t *out, int64_t stride) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t k = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; k < x.rows * stride;
       k += step) {
    const int64_t i = k / stride, j = k % stride;
    uint32_t bits = 0;
    if (j < x.cols) {
      const float v = x(i, j);
      memcpy(&bits, &v, sizeof bits);
      bits = v == v ? bits + ((bits >> 16) & 1) + 0x7fff : bits | 0x400000;
    }
    out[k] = static_cast<uint16_t>(bits >> 16);
  }
}

struct MinOf {
  __host__ __device__ static float Identity() { return INFINITY; }
  __host__ __device__ static float Of(float a, float b) { return a < b || a != a ? a : b; }
};

// A block a row. One that is not finite gets the scale NaN.
__global__ void QuantizeKernel(DeviceRows<const float> x, int8_t *codes, int64_t stride,
                               DeviceRows<float> scales) {
  const int64_t i = blockIdx.x;
  float low = 0, high = 0, finite = 0;
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x) {
    const float v = x(i, j);
    low = MinOf::Of(v, low);
    high = MaxOf::Of(v, high);
    finite += v * 0;
  }
  low = ReduceBlock<MinOf>(low);
  high = ReduceBlock<MaxOf>(high);
  finite = ReduceBlock<SumOf>(finite);
  const bool good = finite == 0;
  const float scale = high / 255 - low / 255, inverse = scale > 1e-30f ? 1 / scale : 0;
  const float zero = rintf(-128 - low * inverse);
  for (int64_t j = threadIdx.x; j < stride; j += blockDim.x) {
    int code = 0;
    if (good && j < x.cols) {
      code = static_cast<int>(rintf(x(i, j) * inverse)) + static_cast<int>(zero);
      code = code < -128 ? -128 : code > 127 ? 127 : code;
    }
    codes[i * stride + j] = static_cast<int8_t>(code);
  }
  if (threadIdx.x == 0) {
    scales(i, 0) = good ? scale : NAN;
    scales(i, 1) = good ? zero : 0;
  }
}

}  // namespace

void PackedGemmFloat32(const Context &, const PackedRows &x, const GemmRows &rows,
                       const PackedMatrix &w, const Epilogue &epilogue, View y) {
  Compute(x, rows, w, epilogue, y);
}
void PackedGemmBfloat16(const Context &, const PackedRows &x, const GemmRows &rows,
                        const PackedMatrix &w, const Epilogue &epilogue, View y) {
  Compute(x, rows, w, epilogue, y);
}
void PackedGemmCodes(const Context &, const PackedRows &x, const GemmRows &rows,
                     const PackedMatrix &w, const Epilogue &epilogue, View y) {
  Compute(x, rows, w, epilogue, y);
}

void GroupedPackedGemm(const PackedRows &x, Span<const PackedMatrix *> weights,
                       const float *const *biases, const int32_t *begin, const int32_t *in,
                       int64_t most_slots, std::optional<Activation> activation, View y) {
  CHECK(!weights.empty() && weights.size() <= kMostGroups);
  CHECK(y.Rows() == most_slots && y.Cols() == weights[0]->Rows());
  if (y.Empty()) return;
  Groups<kMostGroups> groups = {};
  for (size_t e = 0; e < weights.size(); ++e)
    groups.weights[e] = WeightsOf(*weights[e], biases != nullptr ? biases[e] : nullptr);
  groups.num_experts = static_cast<int>(weights.size());
  groups.begin = begin;
  groups.in = in;
  const Finish finish{activation == Activation::kSwish, activation == Activation::kRelu, false, 1};
  RunFormat(groups, x, *weights[0], finish, most_slots, y);
}

void Bfloat16Rows(const Context &, ConstView x, uint16_t *out, int64_t stride) {
  if (x.Rows() == 0) return;
  Launch("Bfloat16Rows", Bfloat16Kernel, ElementGrid(x), 0, x, out, stride);
}

void QuantizeRows(const Context &, ConstView x, int8_t *codes, int64_t stride, View scales) {
  if (x.Rows() == 0) return;
  Launch("QuantizeRows", QuantizeKernel, RowGrid(x.Rows(), stride), kReduceBytes, x, codes, stride,
         scales);
}

}  // namespace cuda
}  // namespace u2moe
