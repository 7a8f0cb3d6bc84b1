#include <numeric>
#include <vector>

#include "ops/ctc-loss.h"
#include "ops/cuda-block.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace cuda {
namespace {

// As on the CPU (ctc-loss-cpu.cc).
constexpr double kLogZero = -1e30;     // stands for log 0
constexpr double kImpossible = -1e29;  // at or below: no path

constexpr int kMostThreads = 512;
constexpr size_t kRowsAt = kReduceBytes;   // in shared memory
constexpr size_t kSharedBytes = 24 << 10;  // for rows of the lattice: two blocks on an SM

struct Sequence {
  int64_t first_row, frames;
  int64_t lattice;  // where its scores [frames, states] begin
  int64_t first_label, num_labels;

  __host__ __device__ int64_t States() const { return 2 * num_labels + 1; }
};

// log(exp(a) + exp(b) + exp(c)).
__device__ double LogSum(double a, double b, double c) {
  const double high = fmax(a, b), max = fmax(high, c);
  return max + log1p(exp(fmin(a, b) - max) + exp(fmin(high, c) - max));
}

// The scores of the paths up to and with each frame and state of the chain (CtcChain in
// util/ctc-topology.h), and of those from there on: blockIdx.y is 0 or 1. The second are the first
// of the labels and frames in reverse. A block for each sequence and direction, a thread for each
// state (or several), a barrier for each frame; bound by the latency of exp and log, frame after
// frame. Rows are passed on in shared memory if two of most_states fit, else through the lattice.
__global__ void __launch_bounds__(kMostThreads)
    ScoresKernel(DeviceRows<const float> logp, const Sequence *sequences, const int32_t *all_labels,
                 int32_t blank, int64_t most_states, bool in_shared, double *to_here,
                 double *from_here, double *totals) {
  const Sequence q = sequences[blockIdx.x];
  if (q.frames == 0) return;
  const bool reverse = blockIdx.y == 1;
  const int64_t states = q.States();
  const int32_t *labels = all_labels + q.first_label;
  const auto label = [&](int64_t n) { return labels[reverse ? q.num_labels - 1 - n : n]; };
  const auto symbol = [&](int64_t s) { return s % 2 == 0 ? blank : label(s / 2); };
  const auto may_skip = [&](int64_t s) {
    return s % 2 == 1 && s > 1 && label(s / 2) != label(s / 2 - 1);
  };
  const auto entry = [&](int64_t t, int32_t v) {
    return logp(q.first_row + (reverse ? q.frames - 1 - t : t), v);
  };
  double *lattice = (reverse ? from_here : to_here) + q.lattice;
  const auto at = [&](int64_t t, int64_t s) {
    return reverse ? (q.frames - 1 - t) * states + states - 1 - s : t * states + s;
  };
  double *rows =
      in_shared ? SharedArray<double>(kRowsAt, static_cast<size_t>(2 * most_states)) : nullptr;
  const auto before = [&](int64_t t, int64_t s) {
    return in_shared ? rows[(t - 1) % 2 * most_states + s] : lattice[at(t - 1, s)];
  };

  // The thread's first state is the only one in all but very long sequences: what does not change,
  // and the next frame's entry, which comes from memory meanwhile, are kept.
  const int64_t mine = threadIdx.x;
  const int32_t my_symbol = mine < states ? symbol(mine) : blank;
  const bool my_skip = mine < states && may_skip(mine);
  float ahead = mine < states ? entry(0, my_symbol) : 0.f;
  bool has_nan = false;
  for (int64_t t = 0; t < q.frames; ++t) {
    const float my_entry = ahead;
    if (mine < states && t + 1 < q.frames) ahead = entry(t + 1, my_symbol);
    for (int64_t s = mine; s < states; s += blockDim.x) {
      const float p = s == mine ? my_entry : entry(t, symbol(s));
      has_nan = has_nan || p != p;
      double score = s < 2 ? 0 : kLogZero;
      if (t > 0) {
        const bool skip = s == mine ? my_skip : may_skip(s);
        score = LogSum(before(t, s), s > 0 ? before(t, s - 1) : kLogZero,
                       skip ? before(t, s - 2) : kLogZero);
      }
      score += fmax(static_cast<double>(p), kLogZero);
      lattice[at(t, s)] = score;
      if (in_shared) rows[t % 2 * most_states + s] = score;
    }
    __syncthreads();
  }
  if (reverse) return;
  has_nan = ReduceBlock<MaxOf>(has_nan ? 1.f : 0.f) > 0;
  if (threadIdx.x > 0) return;
  const double total = LogSum(before(q.frames, states - 1),
                              states > 1 ? before(q.frames, states - 2) : kLogZero, kLogZero);
  totals[blockIdx.x] = has_nan ? NAN : total;
}

// dlogits = weight * (exp(logp) - occupancy). A block for each frame. order: the indices of each
// sequence's labels, the same labels together. The scores of the frame are used up.
__global__ void GradientKernel(DeviceRows<const float> logp, const Sequence *sequences,
                               int num_sequences, const int32_t *all_labels,
                               const int32_t *all_order, int32_t blank, float weight,
                               double *to_here, double *from_here, const double *totals,
                               DeviceRows<float> dlogits) {
  const int64_t row = blockIdx.x;
  int b = 0;  // the last sequence that begins here or before: those of no frames come earlier
  for (int end = num_sequences; end - b > 1;) {
    const int middle = b + (end - b) / 2;
    (sequences[middle].first_row <= row ? b : end) = middle;
  }
  const Sequence q = sequences[b];
  const double total = totals[b];
  if (!(total > kImpossible)) {
    const float value = total <= kImpossible ? 0 : NAN;
    for (int64_t v = threadIdx.x; v < logp.cols; v += blockDim.x) dlogits(row, v) = value;
    return;
  }
  const int32_t *labels = all_labels + q.first_label, *order = all_order + q.first_label;
  const int64_t states = q.States(), at = q.lattice + (row - q.first_row) * states;
  // Of each state the share of paths that are there.
  double *share = to_here + at, blanks = 0;
  for (int64_t s = threadIdx.x; s < states; s += blockDim.x) {
    const int32_t v = s % 2 == 0 ? blank : labels[s / 2];
    const double emit = fmax(static_cast<double>(logp(row, v)), kLogZero);
    share[s] = exp(share[s] + from_here[at + s] - emit - total);  // both have the frame's
    if (s % 2 == 0) blanks += share[s];
  }
  blanks = ReduceBlock<SumOf>(blanks);
  // The gradients of units of the chain: the thread with the first of equal labels adds them up, in
  // their order. Kept until all of the row, which may be that of logp, is written.
  double *kept = from_here + at;
  const auto gradient = [&](int32_t v, double occupancy) {
    return weight * (exp(static_cast<double>(logp(row, v))) - occupancy);
  };
  const auto first_of_unit = [&](int64_t k) {
    return k == 0 || labels[order[k - 1]] != labels[order[k]];
  };
  if (threadIdx.x == 0) kept[q.num_labels] = gradient(blank, blanks);
  for (int64_t k = threadIdx.x; k < q.num_labels; k += blockDim.x) {
    if (!first_of_unit(k)) continue;
    double sum = share[2 * order[k] + 1];
    for (int64_t n = k + 1; n < q.num_labels && !first_of_unit(n); ++n)
      sum += share[2 * order[n] + 1];
    kept[k] = gradient(labels[order[k]], sum);
  }
  __syncthreads();
  for (int64_t v = threadIdx.x; v < logp.cols; v += blockDim.x)
    dlogits(row, v) = weight * expf(logp(row, v));
  __syncthreads();
  if (threadIdx.x == 0) dlogits(row, blank) = static_cast<float>(kept[q.num_labels]);
  for (int64_t k = threadIdx.x; k < q.num_labels; k += blockDim.x)
    if (first_of_unit(k)) dlogits(row, labels[order[k]]) = static_cast<float>(kept[k]);
}

}  // namespace

CachedVector<double> CtcLosses(const Context &ctx, ConstView logp, const RaggedShape &shape,
                               const std::vector<std::vector<int32_t>> &labels, int32_t blank,
                               float weight, View dlogits) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  CachedVector<double> losses(labels.size());
  CachedVector<Sequence> sequences;
  CachedVector<int32_t> lists;  // all labels, then the order of each sequence's
  int64_t scores = 0, most_states = 1;
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const std::vector<int32_t> &own = labels[static_cast<size_t>(b)];
    sequences.push_back({shape.Begin(b), shape.Length(b), scores,
                         static_cast<int64_t>(lists.size()), static_cast<int64_t>(own.size())});
    lists.insert(lists.end(), own.begin(), own.end());
    scores += shape.Length(b) * sequences.back().States();
    most_states = std::max(most_states, sequences.back().States());
    losses[static_cast<size_t>(b)] = own.empty() ? 0 : kInfinity;  // of no frames
  }
  if (logp.Empty()) return losses;
  const size_t num_labels = lists.size();
  lists.resize(2 * num_labels);
  auto order = lists.begin() + static_cast<std::ptrdiff_t>(num_labels);
  for (const std::vector<int32_t> &own : labels) {
    const auto end = order + static_cast<std::ptrdiff_t>(own.size());
    std::iota(order, end, 0);
    std::sort(order, end, [&](int32_t a, int32_t b) {
      const int32_t u = own[static_cast<size_t>(a)], v = own[static_cast<size_t>(b)];
      return u != v ? u < v : a < b;
    });
    order = end;
  }
  const ListOnDevice<Sequence> device_sequences(ctx, {sequences.data(), sequences.size()});
  const ListOnDevice<int32_t> device_lists(ctx, {lists.data(), lists.size()});
  const bool backward = dlogits.Data() != nullptr;
  const std::shared_ptr<float> to_here = AllocateFloats(2 * scores),
                               from_here = AllocateFloats(backward ? 2 * scores : 0),
                               totals = AllocateFloats(2 * shape.NumSequences());
  const auto doubles = [](const std::shared_ptr<float> &p) {
    return reinterpret_cast<double *>(p.get());
  };
  const size_t row_bytes = 2 * static_cast<size_t>(most_states) * sizeof(double);
  const bool in_shared = row_bytes <= kSharedBytes;
  const unsigned warps =
      static_cast<unsigned>(std::min<int64_t>((most_states + 31) / 32, kMostThreads / 32));
  Launch("CtcLosses, scores", ScoresKernel,
         {dim3(static_cast<unsigned>(shape.NumSequences()), backward ? 2 : 1), dim3(32 * warps)},
         kRowsAt + (in_shared ? row_bytes : 0), logp, device_sequences.data(), device_lists.data(),
         blank, most_states, in_shared, doubles(to_here), doubles(from_here), doubles(totals));
  if (backward) {
    Launch("CtcLosses, gradient", GradientKernel, RowGrid(logp.Rows(), logp.Cols()), kReduceBytes,
           logp, device_sequences.data(), shape.NumSequences(), device_lists.data(),
           device_lists.data() + num_labels, blank, weight, doubles(to_here), doubles(from_here),
           doubles(totals), dlogits);
  }
  CachedVector<double> host(labels.size());
  CopyBytes(host.data(), totals.get(), host.size() * sizeof(double), cudaMemcpyDeviceToHost);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const size_t i = static_cast<size_t>(b);
    if (shape.Length(b) > 0) losses[i] = host[i] <= kImpossible ? kInfinity : -host[i];
  }
  return losses;
}

}  // namespace cuda
}  // namespace u2moe
