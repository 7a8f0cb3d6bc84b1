// A block for each sequence goes through the frames, its threads through the states of the chain
// (util/ctc-topology.h); then a block for each frame writes its gradient. Bound by the barriers
// between frames, which all sequences of the batch wait for at once.
#include <limits>

#include "ops/ctc-loss.h"
#include "ops/cuda-block.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace cuda {
namespace {

// As the CPU has them: log 0, finite so that differences are numbers, and where no path is left.
constexpr double kLogZero = -1e30, kImpossible = -1e29;

struct State {
  int32_t symbol;
  int32_t may_skip;  // whether paths may come from two states before
  int32_t next;      // the next state of the same symbol; -1: none
  int32_t first;     // whether no state before has the symbol
};
struct Sequence {
  int64_t first_row, rows, first_state, states;
  int64_t lattice;  // place of [rows, states] doubles, and behind them of [2, states]
};

__device__ double LogSum(double a, double b, double c) {
  const double max = a > b ? (a > c ? a : c) : (b > c ? b : c);
  return max + log(exp(a - max) + exp(b - max) + exp(c - max));
}

// Leaves the occupancies of all frames and states in the lattice.
__global__ void LatticeKernel(DeviceRows<const float> logp, const Sequence *sequences,
                              const State *all_states, double *lattices, double *losses,
                              bool backward) {
  const Sequence q = sequences[blockIdx.x];
  const State *states = all_states + q.first_state;
  double *alpha = lattices + q.lattice, *beta = alpha + q.rows * q.states;
  int *has_nan = SharedArray<int>(0, 1);
  if (threadIdx.x == 0) *has_nan = 0;
  __syncthreads();
  const auto emit = [&](int64_t t, int64_t s) {
    const double p = logp(q.first_row + t, states[s].symbol);
    return p < kLogZero ? kLogZero : p;
  };
  for (int64_t t = 0; t < q.rows; ++t) {
    const double *from = alpha + (t - 1) * q.states;
    for (int64_t s = threadIdx.x; s < q.states; s += blockDim.x) {
      const double e = emit(t, s);
      if (e != e) *has_nan = 1;  // whoever writes it writes the same
      double sum = s < 2 ? 0 : kLogZero;
      if (t > 0) {
        sum = LogSum(from[s], s > 0 ? from[s - 1] : kLogZero,
                     s > 1 && states[s].may_skip ? from[s - 2] : kLogZero);
      }
      alpha[t * q.states + s] = sum + e;
    }
    __syncthreads();
  }
  double total = kLogZero;
  if (q.rows > 0) {
    const double *last = alpha + (q.rows - 1) * q.states;
    const double a = last[q.states - 1], b = q.states > 1 ? last[q.states - 2] : kLogZero;
    const double max = a > b ? a : b;
    if (max > kImpossible) total = max + log(exp(a - max) + exp(b - max));
  } else if (q.states == 1) {
    total = 0;
  }
  const bool nan = *has_nan != 0;
  if (threadIdx.x == 0) losses[blockIdx.x] = nan ? NAN : total <= kImpossible ? INFINITY : -total;
  if (!backward || nan || total <= kImpossible) return;
  __syncthreads();  // all threads have read the last frame, which now becomes its occupancies
  // beta of a frame: the rest of the paths, without the frame itself.
  for (int64_t t = q.rows - 1; t >= 0; --t) {
    double *to = beta + t % 2 * q.states;
    const double *next = beta + (t + 1) % 2 * q.states;
    for (int64_t s = threadIdx.x; s < q.states; s += blockDim.x) {
      double rest = s + 2 >= q.states ? 0 : kLogZero;
      if (t + 1 < q.rows) {
        rest = LogSum(next[s] + emit(t + 1, s),
                      s + 1 < q.states ? next[s + 1] + emit(t + 1, s + 1) : kLogZero,
                      s + 2 < q.states && states[s + 2].may_skip ? next[s + 2] + emit(t + 1, s + 2)
                                                                 : kLogZero);
      }
      to[s] = rest;
      double *place = alpha + t * q.states + s;
      *place = exp(*place + rest - total);
    }
    __syncthreads();
  }
}

// dlogits = weight * (exp(logp) - occupancy). Of each symbol the first state sums up, in the order
// of states. dlogits may be logp: what is read of a row is read before any of it is written.
__global__ void GradientKernel(DeviceRows<const float> logp, const Sequence *sequences,
                               const int32_t *row_sequence, const State *all_states,
                               double *lattices, const double *losses, float weight,
                               DeviceRows<float> dlogits) {
  const int64_t row = blockIdx.x;
  const int32_t b = row_sequence[row];
  const Sequence q = sequences[b];
  const State *states = all_states + q.first_state;
  double *occupancy = lattices + q.lattice + (row - q.first_row) * q.states;
  const double loss = losses[b];
  const bool good = loss - loss == 0;
  if (!good) {
    for (int64_t v = threadIdx.x; v < logp.cols; v += blockDim.x)
      dlogits(row, v) = loss != loss ? NAN : 0.0f;
    return;
  }
  for (int64_t s = threadIdx.x; s < q.states; s += blockDim.x) {
    if (!states[s].first) continue;
    double sum = 0;
    for (int64_t n = s; n >= 0; n = states[n].next) sum += occupancy[n];
    occupancy[s] = weight * (exp(static_cast<double>(logp(row, states[s].symbol))) - sum);
  }
  __syncthreads();
  for (int64_t v = threadIdx.x; v < logp.cols; v += blockDim.x)
    dlogits(row, v) = weight * expf(logp(row, v));
  __syncthreads();
  for (int64_t s = threadIdx.x; s < q.states; s += blockDim.x) {
    if (states[s].first) dlogits(row, states[s].symbol) = static_cast<float>(occupancy[s]);
  }
}

}  // namespace

CachedVector<double> CtcLosses(const Context &ctx, ConstView logp, const RaggedShape &shape,
                               const std::vector<std::vector<int32_t>> &labels, int32_t blank,
                               float weight, View dlogits) {
  const size_t num_sequences = labels.size();
  if (num_sequences == 0) return {};
  std::vector<Sequence> sequences;
  std::vector<State> states;
  std::vector<int32_t> row_sequence, last(static_cast<size_t>(logp.Cols()), -1);
  int64_t lattice = 0, most_states = 1;
  for (size_t b = 0; b < num_sequences; ++b) {
    const CtcChain chain(labels[b], blank);
    Sequence q;
    q.first_row = shape.Begin(static_cast<int>(b));
    q.rows = shape.Length(static_cast<int>(b));
    q.first_state = static_cast<int64_t>(states.size());
    q.states = chain.NumStates();
    q.lattice = lattice;
    lattice += (q.rows + 2) * q.states;
    most_states = std::max(most_states, q.states);
    for (int64_t s = 0; s < q.states && q.rows > 0; ++s) {
      int32_t &before = last[static_cast<size_t>(chain.Symbol(s))];
      states.push_back({chain.Symbol(s), chain.MaySkip(s) ? 1 : 0, -1, before < 0 ? 1 : 0});
      if (before >= 0)
        states[static_cast<size_t>(q.first_state + before)].next = static_cast<int32_t>(s);
      before = static_cast<int32_t>(s);
    }
    for (int64_t s = 0; s < q.states && q.rows > 0; ++s)
      last[static_cast<size_t>(chain.Symbol(s))] = -1;
    row_sequence.insert(row_sequence.end(), static_cast<size_t>(q.rows), static_cast<int32_t>(b));
    sequences.push_back(q);
  }
  const ListOnDevice<Sequence> sequences_there(ctx, sequences);
  const ListOnDevice<State> states_there(ctx, states);
  constexpr int64_t kFloats = sizeof(double) / sizeof(float);
  const std::shared_ptr<float> memory =
      AllocateFloats(kFloats * (lattice + static_cast<int64_t>(num_sequences)));
  auto *lattices = reinterpret_cast<double *>(memory.get());
  double *losses = lattices + lattice;
  const bool backward = !dlogits.Empty();
  Launch("CtcLosses", LatticeKernel, RowGrid(static_cast<int64_t>(num_sequences), most_states),
         sizeof(int), logp, sequences_there.data(), states_there.data(), lattices, losses,
         backward);
  if (backward) {
    const ListOnDevice<int32_t> row_sequence_there(ctx, row_sequence);
    Launch("CtcLosses, gradient", GradientKernel, RowGrid(logp.Rows(), logp.Cols()), 0, logp,
           sequences_there.data(), row_sequence_there.data(), states_there.data(), lattices, losses,
           weight, dlogits);
  }
  CachedVector<double> result(num_sequences);
  CopyBytes(result.data(), losses, num_sequences * sizeof(double), cudaMemcpyDeviceToHost);
  return result;
}

}  // namespace cuda
}  // namespace u2moe
