// Attention as FlashAttention does it: no matrix of [Tq, Tk] but the probabilities that training
// asks for. A block has some query rows of a head (in backward also some key rows) and goes over
// the keys; the softmax goes along (arXiv 2205.14135). Bound by arithmetic in float32, without
// tensor cores; blocks that wait for a tile leave the processor to the others that it holds.
#include "base/error.h"
#include "ops/attention.h"
#include "ops/cuda-attention.h"

namespace u2moe {
namespace cuda {
namespace {

// Calls f(Tile()) with the largest tile of those that suit heads of this many columns and sequences
// of at most `rows` rows, and fit into the shared memory beside score_tiles tiles of scores.
// kLarge: rows of a thread of the largest one for heads of more than 64 columns. The bits are the
// same with all of them.
template <int kLarge, class F>
void WithTile(int64_t head, int64_t rows, int score_tiles, const F &f) {
  const auto suits = [&](auto tile) {
    using Tile = decltype(tile);
    return rows > Tile::kRows / 4 &&
           kReduceBytes + Tile::Bytes(static_cast<int>(head), score_tiles) <= kBytesOfBlock;
  };
  const auto narrow = [&](auto large, auto small, auto least) {
    if (suits(large)) return f(large);
    if (suits(small)) return f(small);
    f(least);
  };
  CHECK_LT(head, 1 << 16);
  if (head <= 32) {
    narrow(AttentionTile<32, 16, 4>(), AttentionTile<32, 8, 2>(), AttentionTile<32, 4, 1>());
  } else if (head <= 64) {
    narrow(AttentionTile<64, 16, 4>(), AttentionTile<64, 8, 2>(), AttentionTile<64, 4, 1>());
  } else {
    using Least = AttentionTile<128, 4, 1>;
    if (kReduceBytes + Least::Bytes(static_cast<int>(head), score_tiles) > kBytesOfBlock)
      throw Error("attention on CUDA: heads of ", head, " columns do not fit into its memory");
    narrow(AttentionTile<128, 16, kLarge>(), AttentionTile<128, 8, 2>(), Least());
  }
}

struct ForwardSequence {
  DeviceRows<const float> q, k, v, key_bias;
  DeviceRows<float> y;
  float *probs;   // [H * Tq, Tk], or null
  bool in_fours;  // all of q, k, v, y
};

// What the softmax of a row is so far.
struct RowState {
  float max, sum;
  int64_t begin, end;  // keys that it sees
};

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads)
    ForwardKernel(DeviceBatch<ForwardSequence> batch, AttentionMask mask, int head) {
  const TileOfRows at = batch.tiles[blockIdx.x];
  const ForwardSequence &s = batch.sequences[at.sequence];
  const int h = static_cast<int>(blockIdx.y), col = static_cast<int>(blockIdx.z) * Tile::kCols;
  const int64_t head_col = static_cast<int64_t>(h) * head, tq = s.q.rows, tk = s.k.rows;
  const int rows = static_cast<int>(tq - at.row < Tile::kRows ? tq - at.row : Tile::kRows);
  const float scale = 1.f / sqrtf(static_cast<float>(head));
  const int held_floats = Tile::kRows * Tile::HeldPitch(head);
  float *held = SharedArray<float>(0, held_floats + Tile::kSliceFloats + Tile::kScoreFloats);
  float *slice = held + held_floats, *scores = slice + Tile::kSliceFloats;
  const HeadRows q(s.q, s.in_fours, head_col), k(s.k, s.in_fours, head_col);
  const HeadRows v(s.v, s.in_fours, head_col);
  // Only the blocks of the first columns write probabilities.
  float *probs = s.probs != nullptr && col == 0 ? s.probs + (h * tq + at.row) * tk : nullptr;

  RowState state[Tile::kRowsEach];
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    const int64_t i = at.row + Tile::Row(r);
    const bool there = Tile::Row(r) < rows;
    state[r] = {-INFINITY, 0, there ? mask.Begin(i) : 0, there ? mask.End(i, tk) : 0};
  }
  Sums<Tile> y;
  ClearSums<Tile>(y);
  HoldRows<Tile>(q, at.row, rows, head, scale, held);

  // Begin and End grow with the row.
  int64_t first = mask.Begin(at.row);
  const int64_t end = mask.End(at.row + rows - 1, tk);
  first = (first < end ? first : end) / kTileKeys * kTileKeys;
  for (int64_t j0 = first; j0 < end; j0 += kTileKeys) {
    const int keys = static_cast<int>(end - j0 < kTileKeys ? end - j0 : kTileKeys);
    float x[Tile::kRowsEach][kKeysOfThread], bias[kKeysOfThread];
    Products<Tile>(held, k, j0, keys, head, slice, x);
    U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
      const bool has_bias = s.key_bias.data != nullptr && Tile::Key(c) < keys;
      bias[c] = has_bias ? s.key_bias(j0 + Tile::Key(c), h) : 0;
    }
    U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
      RowState &row = state[r];
      float largest = -INFINITY;
      U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
        const int64_t j = j0 + Tile::Key(c);
        x[r][c] = j >= row.begin && j < row.end ? fmaf(scale, bias[c], x[r][c]) : -INFINITY;
        largest = MaxOf::Of(largest, x[r][c]);
        if (probs != nullptr && Tile::Row(r) < rows && Tile::Key(c) < keys)
          probs[Tile::Row(r) * tk + j] = x[r][c];  // until the sum is known
      }
      largest = MaxOf::Of(row.max, ReduceRow<MaxOf>(largest));
      // Where all is masked nothing changes: the factor of the past is 1, or that of nothing.
      const float base = largest == -INFINITY ? 0 : largest, past = expf(row.max - base);
      float sum = 0;
      U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
        x[r][c] = expf(x[r][c] - base);
        sum = Add(sum, x[r][c]);
      }
      row.max = largest;
      row.sum = fmaf(row.sum, past, ReduceRow<SumOf>(sum));
      U2MOE_UNROLL for (auto &run : y[r]) { U2MOE_UNROLL for (float &value : run) value *= past; }
    }
    PutScores<Tile>(x, scores);
    AddProduct<Tile>(scores, v, j0, keys, col, head, slice, y);
  }

  float inverse[Tile::kRowsEach];
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    inverse[r] = state[r].sum == 0 ? 0 : 1 / state[r].sum;
  }
  StoreSums<Tile>(y, inverse, s.y, s.in_fours, at.row, rows, head_col, col, head);
  if (probs == nullptr) return;
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    if (Tile::Row(r) >= rows) continue;
    const float base = state[r].max == -INFINITY ? 0 : state[r].max;
    float *p = probs + Tile::Row(r) * tk;
    // Each thread goes on from what it wrote itself.
    for (int64_t j = Tile::ThreadOfRow(); j < tk; j += kThreadsOfRow)
      p[j] = j >= first && j < end ? expf(p[j] - base) * inverse[r] : 0;
  }
}

struct BackwardSequence {
  DeviceRows<const float> q, k, v, dy;
  const float *probs;  // [H * Tq, Tk]
  DeviceRows<float> dq, dk, dv, dkey_bias;
  float *dots;    // [H, Tq]: sum_j p_ij dp_ij
  bool in_fours;  // all of q, k, v, dy, dq, dk, dv
};

// The thread's elements of a tile of probabilities, 0 beyond its edges; whether any is not 0, which
// is the same for all threads. What a mask hid needs no products.
template <class Tile>
__device__ bool LoadProbs(const float *probs, int64_t tk, int rows, int keys,
                          float (&p)[Tile::kRowsEach][kKeysOfThread]) {
  float any = 0;
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
      const bool there = Tile::Row(r) < rows && Tile::Key(c) < keys;
      p[r][c] = there ? probs[Tile::Row(r) * tk + Tile::Key(c)] : 0;
      if (p[r][c] != 0) any = 1;
    }
  }
  return ReduceBlock<MaxOf>(any) != 0;
}

// With dp_ij = dy_i . v_j and dot_i = sum_j p_ij dp_ij:
//   ds_ij = scale p_ij (dp_ij - dot_i),  dq_i = sum_j ds_ij k_j.
// A block for query rows. dp is made twice, which costs less than to keep it.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads)
    QueriesKernel(DeviceBatch<BackwardSequence> batch, int head) {
  const TileOfRows at = batch.tiles[blockIdx.x];
  const BackwardSequence &s = batch.sequences[at.sequence];
  const int h = static_cast<int>(blockIdx.y), col = static_cast<int>(blockIdx.z) * Tile::kCols;
  const int64_t head_col = static_cast<int64_t>(h) * head, tq = s.q.rows, tk = s.k.rows;
  const int rows = static_cast<int>(tq - at.row < Tile::kRows ? tq - at.row : Tile::kRows);
  const float scale = 1.f / sqrtf(static_cast<float>(head));
  const int held_floats = Tile::kRows * Tile::HeldPitch(head);
  const int floats = held_floats + Tile::kSliceFloats + Tile::kScoreFloats;
  // LoadProbs has the beginning for its reduction.
  float *held = SharedArray<float>(kReduceBytes, static_cast<size_t>(floats));
  float *slice = held + held_floats, *scores = slice + Tile::kSliceFloats;
  const HeadRows dy(s.dy, s.in_fours, head_col), k(s.k, s.in_fours, head_col);
  const HeadRows v(s.v, s.in_fours, head_col);
  const float *probs = s.probs + (h * tq + at.row) * tk;
  HoldRows<Tile>(dy, at.row, rows, head, 1, held);

  float p[Tile::kRowsEach][kKeysOfThread], dp[Tile::kRowsEach][kKeysOfThread];
  float dot[Tile::kRowsEach], one[Tile::kRowsEach];
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    dot[r] = 0;
    one[r] = 1;
  }
  int64_t first = tk, end = 0;  // tiles that are not all 0
  for (int64_t j0 = 0; j0 < tk; j0 += kTileKeys) {
    const int keys = static_cast<int>(tk - j0 < kTileKeys ? tk - j0 : kTileKeys);
    if (!LoadProbs<Tile>(probs + j0, tk, rows, keys, p)) continue;
    if (first > j0) first = j0;
    end = j0 + keys;
    Products<Tile>(held, v, j0, keys, head, slice, dp);
    U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
      U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) dot[r] = fmaf(p[r][c], dp[r][c], dot[r]);
    }
  }
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    dot[r] = ReduceRow<SumOf>(dot[r]);
    if (col == 0 && Tile::ThreadOfRow() == 0 && Tile::Row(r) < rows)
      s.dots[h * tq + at.row + Tile::Row(r)] = dot[r];
  }

  Sums<Tile> dq;
  ClearSums<Tile>(dq);
  for (int64_t j0 = first; j0 < end; j0 += kTileKeys) {
    const int keys = static_cast<int>(end - j0 < kTileKeys ? end - j0 : kTileKeys);
    if (!LoadProbs<Tile>(probs + j0, tk, rows, keys, p)) continue;
    Products<Tile>(held, v, j0, keys, head, slice, dp);
    U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
      U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
        dp[r][c] = scale * (p[r][c] * (dp[r][c] - dot[r]));
      }
    }
    PutScores<Tile>(dp, scores);
    AddProduct<Tile>(scores, k, j0, keys, col, head, slice, dq);
  }
  StoreSums<Tile>(dq, one, s.dq, s.in_fours, at.row, rows, head_col, col, head);
}

// A tile of probabilities, transposed: to[j * kScorePitch + i] for query rows i, key rows j. A warp
// reads sectors of 8 keys from 4 query rows.
template <class Tile>
__device__ void LoadProbsTransposed(const float *probs, int64_t tk, int queries, int keys,
                                    float *to, float *any) {
  constexpr int kNear = Tile::kRows < 8 ? Tile::kRows : 8, kRuns = Tile::kRows / kNear;
  for (int n = static_cast<int>(threadIdx.x); n < kTileKeys * Tile::kRows; n += Tile::kThreads) {
    const int rest = n / (kNear * 4);
    const int j = n % kNear + rest % kRuns * kNear, i = n / kNear % 4 + rest / kRuns * 4;
    const float p = i < queries && j < keys ? probs[i * tk + j] : 0;
    if (p != 0) *any = 1;
    to[j * kScorePitch + i] = p;
  }
}

// A block for key rows:  dv_j = sum_i p_ij dy_i,  dk_j = sum_i ds_ij q_i,  dkey_bias_j = sum_i
// ds_ij, over query rows, kTileKeys at a time.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads)
    KeysKernel(DeviceBatch<BackwardSequence> batch, int head) {
  const TileOfRows at = batch.tiles[blockIdx.x];
  const BackwardSequence &s = batch.sequences[at.sequence];
  const int h = static_cast<int>(blockIdx.y), col = static_cast<int>(blockIdx.z) * Tile::kCols;
  const int64_t head_col = static_cast<int64_t>(h) * head, tq = s.q.rows, tk = s.k.rows;
  const int rows = static_cast<int>(tk - at.row < Tile::kRows ? tk - at.row : Tile::kRows);
  const float scale = 1.f / sqrtf(static_cast<float>(head));
  const int held_floats = Tile::kRows * Tile::HeldPitch(head);
  const int floats = held_floats + Tile::kSliceFloats + 2 * Tile::kScoreFloats;
  float *held = SharedArray<float>(kReduceBytes, static_cast<size_t>(floats));
  float *slice = held + held_floats, *probs = slice + Tile::kSliceFloats;
  float *scores = probs + Tile::kScoreFloats;
  const HeadRows q(s.q, s.in_fours, head_col), dy(s.dy, s.in_fours, head_col);
  const HeadRows v(s.v, s.in_fours, head_col);
  HoldRows<Tile>(v, at.row, rows, head, 1, held);

  Sums<Tile> dk, dv;
  ClearSums<Tile>(dk);
  ClearSums<Tile>(dv);
  float bias[Tile::kRowsEach], one[Tile::kRowsEach];
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    bias[r] = 0;
    one[r] = 1;
  }
  for (int64_t i0 = 0; i0 < tq; i0 += kTileKeys) {
    const int queries = static_cast<int>(tq - i0 < kTileKeys ? tq - i0 : kTileKeys);
    float any = 0;
    __syncthreads();  // the last tile may still be read
    LoadProbsTransposed<Tile>(s.probs + (h * tq + i0) * tk + at.row, tk, queries, rows, probs,
                              &any);
    if (ReduceBlock<MaxOf>(any) == 0) continue;
    float ds[Tile::kRowsEach][kKeysOfThread];
    Products<Tile>(held, dy, i0, queries, head, slice, ds);
    U2MOE_UNROLL for (int c = 0; c < kKeysOfThread; ++c) {
      const float dot = Tile::Key(c) < queries ? s.dots[h * tq + i0 + Tile::Key(c)] : 0;
      U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
        const float p = probs[Tile::Row(r) * kScorePitch + Tile::Key(c)];
        ds[r][c] = scale * (p * (ds[r][c] - dot));
        bias[r] = Add(bias[r], ds[r][c]);
      }
    }
    PutScores<Tile>(ds, scores);
    AddProduct<Tile>(probs, dy, i0, queries, col, head, slice, dv);
    AddProduct<Tile>(scores, q, i0, queries, col, head, slice, dk);
  }
  StoreSums<Tile>(dk, one, s.dk, s.in_fours, at.row, rows, head_col, col, head);
  StoreSums<Tile>(dv, one, s.dv, s.in_fours, at.row, rows, head_col, col, head);
  U2MOE_UNROLL for (int r = 0; r < Tile::kRowsEach; ++r) {
    const float sum = ReduceRow<SumOf>(bias[r]);
    if (s.dkey_bias.data != nullptr && col == 0 && Tile::ThreadOfRow() == 0 && Tile::Row(r) < rows)
      s.dkey_bias(at.row + Tile::Row(r), h) = sum;
  }
}

bool AllInFours(std::initializer_list<ConstView> views) {
  return std::all_of(views.begin(), views.end(), RowsInFours);
}

}  // namespace

void AttentionForward(const Context &ctx, int num_heads, const AttentionMask &mask,
                      Span<AttentionSequence> batch) {
  int64_t most_rows = 0, head = 0;
  for (const AttentionSequence &s : batch) {
    most_rows = std::max(most_rows, s.q.Rows());
    head = std::max(head, s.q.Cols() / num_heads);
  }
  if (most_rows == 0 || head == 0) return;
  WithTile<4>(head, most_rows, 1, [&](auto tile) {
    using Tile = decltype(tile);
    TiledBatch<ForwardSequence> tiles(Tile::kRows);
    for (const AttentionSequence &s : batch) {
      if (s.y.Empty()) continue;
      CHECK_EQ(s.q.Cols(), num_heads * head);
      tiles.Add({s.q, s.k, s.v, s.key_bias, s.y, s.probs != nullptr ? s.probs->Data() : nullptr,
                 AllInFours({s.q, s.k, s.v, s.y})},
                s.q.Rows());
    }
    const int columns = static_cast<int>(head);
    Launch("AttentionForward", ForwardKernel<Tile>, Tile::Grid(tiles.NumTiles(), num_heads, head),
           Tile::Bytes(columns, 1), tiles.OnDevice(ctx), mask, columns);
  });
}

void AttentionBackward(const Context &ctx, int num_heads, Span<AttentionGradient> batch) {
  int64_t most_queries = 0, most_keys = 0, queries = 0, head = 0;
  for (const AttentionGradient &s : batch) {
    most_queries = std::max(most_queries, s.q.Rows());
    most_keys = std::max(most_keys, s.k.Rows());
    queries += s.q.Rows();
    head = std::max(head, s.q.Cols() / num_heads);
  }
  if (head == 0) return;
  const std::shared_ptr<float> dots = AllocateFloats(num_heads * queries);
  const int columns = static_cast<int>(head);
  const auto add_all = [&](bool by_keys, TiledBatch<BackwardSequence> *tiles) {
    float *to = dots.get();
    for (const AttentionGradient &s : batch) {
      CHECK_EQ(s.q.Cols(), num_heads * head);
      tiles->Add({s.q, s.k, s.v, s.dy, s.probs->Data(), s.dq, s.dk, s.dv, s.dkey_bias, to,
                  AllInFours({s.q, s.k, s.v, s.dy, s.dq, s.dk, s.dv})},
                 by_keys ? s.k.Rows() : s.q.Rows());
      to += num_heads * s.q.Rows();
    }
  };
  if (most_queries > 0) {
    WithTile<4>(head, most_queries, 1, [&](auto tile) {
      using Tile = decltype(tile);
      TiledBatch<BackwardSequence> tiles(Tile::kRows);
      add_all(false, &tiles);
      Launch("AttentionBackward, queries", QueriesKernel<Tile>,
             Tile::Grid(tiles.NumTiles(), num_heads, head), kReduceBytes + Tile::Bytes(columns, 1),
             tiles.OnDevice(ctx), columns);
    });
  }
  if (most_keys > 0) {
    WithTile<2>(head, most_keys, 2, [&](auto tile) {
      using Tile = decltype(tile);
      TiledBatch<BackwardSequence> tiles(Tile::kRows);
      add_all(true, &tiles);
      Launch("AttentionBackward, keys", KeysKernel<Tile>,
             Tile::Grid(tiles.NumTiles(), num_heads, head), kReduceBytes + Tile::Bytes(columns, 2),
             tiles.OnDevice(ctx), columns);
    });
  }
}

}  // namespace cuda
}  // namespace u2moe
