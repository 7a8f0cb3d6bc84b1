#include "moe/cuda-routes.h"

#include "base/check.h"
#include "ops/cuda-block.h"

namespace u2moe {
namespace cuda {
namespace {

constexpr int kRowsTogether = 256;  // threads of a block, each with a row
constexpr int kWarps = kRowsTogether / 32;

// The rule for one row. experts, gates [choices]; returns how many the row has.
__host__ __device__ int Choose(const float *logits, const RouteRule &rule, bool exited,
                               int32_t *experts, float *gates) {
  if (exited) return 0;
  int n = 0;
  bool finite = true;
  for (int e = 0; e < rule.num_experts; ++e) {
    finite = finite && logits[e] - logits[e] == 0;  // neither NaN nor infinite
    int i = n < rule.choices ? n++ : rule.choices;
    if (i == rule.choices) {
      if (!(logits[e] > logits[experts[i - 1]])) continue;
      --i;
    }
    for (; i > 0 && logits[e] > logits[experts[i - 1]]; --i) experts[i] = experts[i - 1];
    experts[i] = e;
  }
  if (rule.row_experts > 0 && n > rule.row_experts) n = rule.row_experts;
  for (bool again = true; again;) {
    again = false;
    float sum = 0;
    for (int i = 0; i < n; ++i) sum += gates[i] = expf(logits[experts[i]] - logits[experts[0]]);
    for (int i = 0; i < n; ++i) gates[i] = finite ? gates[i] / sum : NAN;
    if (n > 1 && gates[0] >= rule.skip_gate) {
      n = 1;
      again = true;
    }
  }
  return n;
}

// Of a block's rows, how many have each expert; and, if rank is given, of each choice of this
// thread how many rows of its warp before it have it, too. warp_counts [kWarps, E] of shared memory
// receives the counts by warp. All threads call it.
__device__ void CountByWarp(const int32_t *experts, int n, int num_experts, int *warp_counts,
                            int *rank) {
  const unsigned lane = threadIdx.x % warpSize, warp = threadIdx.x / warpSize;
  for (int e = 0; e < num_experts; ++e) {
    int mine = -1;
    for (int i = 0; i < n; ++i) {
      if (experts[i] == e) mine = i;
    }
    const unsigned have = __ballot_sync(~0u, mine >= 0);
    if (rank != nullptr && mine >= 0) rank[mine] = __popc(have & ((1u << lane) - 1));
    if (lane == 0) warp_counts[static_cast<int>(warp) * num_experts + e] = __popc(have);
  }
  __syncthreads();
}

// experts [T, K], -1 where there are no more, gates [T, K], block_counts [blocks, E].
__global__ void ChooseKernel(DeviceRows<const float> logits, RouteRule rule, const uint8_t *exited,
                             int32_t *experts, float *gates, int32_t *block_counts) {
  const int64_t t = static_cast<int64_t>(blockIdx.x) * kRowsTogether + threadIdx.x;
  int32_t chosen[kMostChoices] = {};
  float gate[kMostChoices] = {};
  int n = 0;
  if (t < logits.rows) {
    n = Choose(logits.Row(t), rule, exited != nullptr && exited[t] != 0, chosen, gate);
    for (int i = 0; i < rule.choices; ++i) {
      experts[t * rule.choices + i] = i < n ? chosen[i] : -1;
      gates[t * rule.choices + i] = i < n ? gate[i] : 0;
    }
  }
  int *warp_counts = SharedArray<int>(0, static_cast<size_t>(kWarps * rule.num_experts));
  CountByWarp(chosen, n, rule.num_experts, warp_counts, nullptr);
  for (int e = static_cast<int>(threadIdx.x); e < rule.num_experts; e += kRowsTogether) {
    int32_t sum = 0;
    for (int w = 0; w < kWarps; ++w) sum += warp_counts[w * rule.num_experts + e];
    block_counts[static_cast<int64_t>(blockIdx.x) * rule.num_experts + e] = sum;
  }
}

// One block: counts become the first slot of each block's rows of each expert.
__global__ void FirstSlotsKernel(int64_t num_blocks, int num_experts, int32_t *block_counts,
                                 int32_t *expert_begin) {
  for (int e = static_cast<int>(threadIdx.x); e < num_experts; e += kRowsTogether) {
    int32_t sum = 0;
    for (int64_t b = 0; b < num_blocks; ++b) sum += block_counts[b * num_experts + e];
    expert_begin[e + 1] = sum;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    expert_begin[0] = 0;
    for (int e = 0; e < num_experts; ++e) expert_begin[e + 1] += expert_begin[e];
  }
  __syncthreads();
  for (int e = static_cast<int>(threadIdx.x); e < num_experts; e += kRowsTogether) {
    int32_t next = expert_begin[e];
    for (int64_t b = 0; b < num_blocks; ++b) {
      const int32_t count = block_counts[b * num_experts + e];
      block_counts[b * num_experts + e] = next;
      next += count;
    }
  }
}

__global__ void SlotsKernel(int64_t rows, RouteRule rule, const int32_t *experts,
                            const float *gates, const int32_t *first_slots, int32_t *slot_row,
                            int32_t *row_slot, float *row_gate) {
  const int64_t t = static_cast<int64_t>(blockIdx.x) * kRowsTogether + threadIdx.x;
  const int warp = static_cast<int>(threadIdx.x / warpSize), k = rule.choices;
  int32_t chosen[kMostChoices] = {};
  float gate[kMostChoices] = {};
  int rank[kMostChoices] = {};
  int n = 0;
  if (t < rows) {
    // By rising expert.
    for (int i = 0; i < k && experts[t * k + i] >= 0; ++i) {
      int at = n++;
      for (; at > 0 && chosen[at - 1] > experts[t * k + i]; --at) {
        chosen[at] = chosen[at - 1];
        gate[at] = gate[at - 1];
      }
      chosen[at] = experts[t * k + i];
      gate[at] = gates[t * k + i];
    }
  }
  int *warp_counts = SharedArray<int>(0, static_cast<size_t>(kWarps * rule.num_experts));
  CountByWarp(chosen, n, rule.num_experts, warp_counts, rank);
  if (t >= rows) return;
  for (int i = 0; i < k; ++i) {
    int32_t slot = -1;
    if (i < n) {
      slot = first_slots[static_cast<int64_t>(blockIdx.x) * rule.num_experts + chosen[i]] + rank[i];
      for (int w = 0; w < warp; ++w) slot += warp_counts[w * rule.num_experts + chosen[i]];
      slot_row[slot] = static_cast<int32_t>(t);
    }
    row_slot[t * k + i] = slot;
    row_gate[t * k + i] = i < n ? gate[i] : 0;
  }
}

__global__ void CombineKernel(const int32_t *row_slot, const float *row_gate, int choices,
                              DeviceRows<const float> out, float scale, bool add,
                              DeviceRows<float> y) {
  ForEachElement(y, [&](int64_t t, int64_t d) {
    float sum = 0;
    for (int i = 0; i < choices; ++i) {
      const int32_t slot = row_slot[t * choices + i];
      if (slot < 0) break;
      sum += row_gate[t * choices + i] * out(slot, d);
    }
    y(t, d) = add ? y(t, d) + scale * sum : scale * sum;
  });
}

}  // namespace

DeviceRoutes RouteRows(ConstView logits, const RouteRule &rule, const uint8_t *exited) {
  CHECK(rule.choices >= 1 && rule.choices <= kMostChoices && rule.choices <= rule.num_experts);
  CHECK_EQ(logits.Cols(), rule.num_experts);
  DeviceRoutes r;
  r.rows = logits.Rows();
  r.rule = rule;
  const int64_t num_blocks = (r.rows + kRowsTogether - 1) / kRowsTogether;
  const int64_t places = r.MostSlots(), counts = num_blocks * rule.num_experts;
  // One piece of memory, of 4-byte entries.
  static_assert(sizeof(int32_t) == sizeof(float), "they share memory");
  r.memory = AllocateFloats(rule.num_experts + 1 + 3 * places);
  r.expert_begin = reinterpret_cast<int32_t *>(r.memory.get());
  r.slot_row = r.expert_begin + rule.num_experts + 1;
  r.row_slot = r.slot_row + places;
  r.row_gate = reinterpret_cast<float *>(r.row_slot + places);
  if (r.rows == 0) {
    ZeroBytes(r.expert_begin, static_cast<size_t>(rule.num_experts + 1) * sizeof(int32_t));
    return r;
  }
  const std::shared_ptr<float> scratch = AllocateFloats(2 * places + counts);
  auto *experts = reinterpret_cast<int32_t *>(scratch.get());
  float *gates = scratch.get() + places;
  auto *block_counts = reinterpret_cast<int32_t *>(gates + places);
  const GridShape by_row = {dim3(static_cast<unsigned>(num_blocks)), dim3(kRowsTogether)};
  const size_t shared = static_cast<size_t>(kWarps * rule.num_experts) * sizeof(int);
  Launch("RouteRows, choices", ChooseKernel, by_row, shared, logits, rule, exited, experts, gates,
         block_counts);
  Launch("RouteRows, first slots", FirstSlotsKernel, {dim3(1), dim3(kRowsTogether)}, 0, num_blocks,
         rule.num_experts, block_counts, r.expert_begin);
  Launch("RouteRows, slots", SlotsKernel, by_row, shared, r.rows, rule, experts, gates,
         block_counts, r.slot_row, r.row_slot, r.row_gate);
  return r;
}

void CombineSlots(const DeviceRoutes &routes, ConstView out, float scale, bool add, View y) {
  CHECK(out.Rows() == routes.MostSlots() && y.Rows() == routes.rows && out.Cols() == y.Cols());
  if (y.Empty()) return;
  Launch("CombineSlots", CombineKernel, ElementGrid(y), 0, routes.row_slot, routes.row_gate,
         routes.rule.choices, out, scale, add, y);
}

}  // namespace cuda
}  // namespace u2moe
