#include "lab/neuron-split.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/rng.h"
#include "tensor/gemm.h"

// The only code that knows METIS (Makefile).
#ifdef U2MOE_METIS
#include <metis.h>
#endif

namespace u2moe {
namespace {

size_t GroupSize(int64_t num_neurons, int num_groups) {
  CHECK(num_groups >= 1 && num_neurons % num_groups == 0) << num_neurons << " in " << num_groups;
  return static_cast<size_t>(num_neurons / num_groups);
}

double SquaredDistance(const float *a, const double *b, int64_t dim) {
  double sum = 0;
  for (int64_t d = 0; d < dim; ++d) sum += (a[d] - b[d]) * (a[d] - b[d]);
  return sum;
}

// Nearest first, into groups that are not full. Returns the sum of squared distances.
double AssignBalanced(ConstView points, const std::vector<double> &centres, size_t size,
                      std::vector<int> *group_of) {
  struct Pair {
    double distance;
    int64_t point;
    int group;
  };
  const int num_groups = static_cast<int>(centres.size() / static_cast<size_t>(points.Cols()));
  std::vector<Pair> pairs;
  for (int64_t i = 0; i < points.Rows(); ++i) {
    for (int g = 0; g < num_groups; ++g) {
      const double *centre = centres.data() + static_cast<int64_t>(g) * points.Cols();
      pairs.push_back({SquaredDistance(points.Row(i), centre, points.Cols()), i, g});
    }
  }
  std::sort(pairs.begin(), pairs.end(), [](const Pair &a, const Pair &b) {
    if (a.distance != b.distance) return a.distance < b.distance;
    return a.point != b.point ? a.point < b.point : a.group < b.group;
  });
  std::vector<size_t> filled(static_cast<size_t>(num_groups), 0);
  group_of->assign(static_cast<size_t>(points.Rows()), -1);
  double sum = 0;
  for (const Pair &p : pairs) {
    int &group = (*group_of)[static_cast<size_t>(p.point)];
    if (group >= 0 || filled[static_cast<size_t>(p.group)] == size) continue;
    group = p.group;
    ++filled[static_cast<size_t>(p.group)];
    sum += p.distance;
  }
  return sum;
}

std::vector<double> Centres(ConstView points, const std::vector<int> &group_of, int num_groups) {
  const int64_t dim = points.Cols();
  std::vector<double> centres(static_cast<size_t>(num_groups * dim), 0);
  const double share = num_groups / static_cast<double>(points.Rows());
  for (int64_t i = 0; i < points.Rows(); ++i) {
    double *centre = centres.data() + group_of[static_cast<size_t>(i)] * dim;
    for (int64_t d = 0; d < dim; ++d) centre[d] += share * static_cast<double>(points(i, d));
  }
  return centres;
}

#ifdef U2MOE_METIS
// Random neurons of groups with too many go to groups with too few.
void Balance(size_t size, uint64_t seed, std::vector<int> *group_of, int num_groups) {
  std::vector<std::vector<size_t>> members(static_cast<size_t>(num_groups));
  for (size_t i = 0; i < group_of->size(); ++i)
    members[static_cast<size_t>((*group_of)[i])].push_back(i);
  Rng rng(seed);
  std::vector<size_t> surplus;
  for (auto &group : members) {
    if (group.size() <= size) continue;
    rng.Shuffle(&group);
    surplus.insert(surplus.end(), group.begin() + static_cast<std::ptrdiff_t>(size), group.end());
    group.resize(size);
  }
  rng.Shuffle(&surplus);
  for (int g = 0; g < num_groups; ++g) {
    for (size_t n = members[static_cast<size_t>(g)].size(); n < size; ++n) {
      (*group_of)[surplus.back()] = g;
      surplus.pop_back();
    }
  }
}
#endif

}  // namespace

Tensor UnitRows(ConstView x) {
  Tensor unit = Tensor::Copy(x);
  for (int64_t i = 0; i < unit.Rows(); ++i) {
    double square = 0;
    for (int64_t d = 0; d < unit.Cols(); ++d)
      square += static_cast<double>(unit(i, d)) * unit(i, d);
    const float factor = square > 0 ? static_cast<float>(1 / std::sqrt(square)) : 0;
    for (int64_t d = 0; d < unit.Cols(); ++d) unit(i, d) *= factor;
  }
  return unit;
}

std::vector<int> SplitAtRandom(int64_t num_neurons, int num_groups, uint64_t seed) {
  const size_t size = GroupSize(num_neurons, num_groups);
  std::vector<int> group_of;
  for (int64_t i = 0; i < num_neurons; ++i)
    group_of.push_back(static_cast<int>(static_cast<size_t>(i) / size));
  Rng(seed).Shuffle(&group_of);
  return group_of;
}

std::vector<int> SplitByKMeans(ConstView rows, int num_groups, uint64_t seed) {
  constexpr int kMaxRounds = 50;
  const size_t size = GroupSize(rows.Rows(), num_groups);
  const Tensor points = UnitRows(rows);
  // Begins with one neuron of each of random groups.
  std::vector<double> centres;
  const std::vector<int> random = SplitAtRandom(rows.Rows(), num_groups, seed);
  for (int g = 0; g < num_groups; ++g) {
    const int64_t first = std::find(random.begin(), random.end(), g) - random.begin();
    const float *row = points.View().Row(first);
    centres.insert(centres.end(), row, row + points.Cols());
  }
  std::vector<int> best, group_of, before;
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kMaxRounds; ++round) {
    const double sum = AssignBalanced(points, centres, size, &group_of);
    if (best.empty() || sum < least) {
      least = sum;
      best = group_of;
    }
    if (group_of == before) break;
    before = group_of;
    centres = Centres(points, group_of, num_groups);
  }
  return best;
}

std::vector<int> SplitByCoActivation(const Context &ctx, ConstView activity, int num_groups,
                                     uint64_t seed) {
#ifndef U2MOE_METIS
  (void)ctx, (void)activity, (void)num_groups, (void)seed;
  throw UsageError(
      "--split=co-activation needs METIS, which was not there when this was built: "
      "install libmetis-dev and build again, or take --split=k-means");
#else
  constexpr int64_t kBatch = 8;
  const int64_t n = activity.Cols();
  const size_t size = GroupSize(n, num_groups);
  if (num_groups == 1) return std::vector<int>(static_cast<size_t>(n), 0);
  Tensor weight = Tensor::Zeros(n, n), batch(n, n);
  for (int64_t begin = 0; begin < activity.Rows(); begin += kBatch) {
    const ConstView rows = activity.RowRange(begin, std::min(kBatch, activity.Rows() - begin));
    Gemm(ctx, 1, rows, Trans::kYes, rows, Trans::kNo, 0, batch);
    for (int64_t i = 0; i < batch.Size(); ++i) weight.Data()[i] += std::min(1.f, batch.Data()[i]);
  }
  std::vector<float> sorted;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) sorted.push_back(weight(i, j));
  }
  std::sort(sorted.begin(), sorted.end());
  double threshold = 0;
  for (size_t decile = 1; decile < 10 && threshold == 0 && !sorted.empty(); ++decile)
    threshold = 0.99 * static_cast<double>(sorted[decile * sorted.size() / 10]);
  if (threshold == 0 && !sorted.empty()) threshold = 0.99 * static_cast<double>(sorted.back());
  // Neighbours and weights of each neuron, as METIS takes them.
  // As METIS adds them up, no weight is larger than lets all of them fit.
  const double largest = std::max(
      1.0, static_cast<double>(std::numeric_limits<int32_t>::max() / std::max<int64_t>(1, n * n)));
  std::vector<idx_t> begin = {0}, neighbour, edge;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const double w = static_cast<double>(std::min(weight(i, j), weight(j, i)));
      if (i == j || threshold == 0 || w < threshold) continue;
      neighbour.push_back(static_cast<idx_t>(j));
      edge.push_back(static_cast<idx_t>(std::min(largest, w / threshold)));
      if (edge.back() < 1) edge.back() = 1;
    }
    begin.push_back(static_cast<idx_t>(neighbour.size()));
  }
  // METIS may look at the first entry of a list that is empty.
  if (neighbour.empty()) return SplitAtRandom(n, num_groups, seed);
  idx_t vertices = static_cast<idx_t>(n), constraints = 1, parts = num_groups, cut = 0;
  idx_t options[METIS_NOPTIONS];
  METIS_SetDefaultOptions(options);
  options[METIS_OPTION_SEED] = static_cast<idx_t>(seed % 1000003);
  std::vector<idx_t> part(static_cast<size_t>(n));
  if (METIS_PartGraphKway(&vertices, &constraints, begin.data(), neighbour.data(), nullptr, nullptr,
                          edge.data(), &parts, nullptr, nullptr, options, &cut,
                          part.data()) != METIS_OK) {
    throw Error("METIS could not cut a graph of ", n, " neurons into ", num_groups, " groups");
  }
  std::vector<int> group_of(part.begin(), part.end());
  Balance(size, seed, &group_of, num_groups);
  return group_of;
#endif
}

std::vector<int64_t> MostActive(ConstView activity, int64_t count) {
  CHECK(count >= 0 && count <= activity.Cols()) << count;
  std::vector<double> sums(static_cast<size_t>(activity.Cols()), 0);
  for (int64_t t = 0; t < activity.Rows(); ++t) {
    for (int64_t i = 0; i < activity.Cols(); ++i)
      sums[static_cast<size_t>(i)] += std::fabs(static_cast<double>(activity(t, i)));
  }
  std::vector<int64_t> order(sums.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&sums](int64_t a, int64_t b) {
    return sums[static_cast<size_t>(a)] > sums[static_cast<size_t>(b)];
  });
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

Tensor GroupScores(ConstView activity, const std::vector<int> &group_of, int num_groups) {
  Tensor scores = Tensor::Zeros(activity.Rows(), num_groups);
  for (int64_t t = 0; t < activity.Rows(); ++t) {
    for (int64_t i = 0; i < activity.Cols(); ++i)
      scores(t, group_of[static_cast<size_t>(i)]) += activity(t, i);
  }
  return scores;
}

double CapturedShare(ConstView scores, ConstView guess, int k) {
  CHECK(guess.Rows() == scores.Rows() && guess.Cols() == scores.Cols() && k <= scores.Cols());
  double captured = 0, all = 0;
  std::vector<int64_t> order(static_cast<size_t>(scores.Cols()));
  for (int64_t t = 0; t < scores.Rows(); ++t) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return guess(t, a) > guess(t, b); });
    for (size_t i = 0; i < order.size(); ++i) {
      const double score = static_cast<double>(scores(t, order[i]));
      all += score;
      if (static_cast<int>(i) < k) captured += score;
    }
  }
  return all > 0 ? captured / all : 1;
}

GroupRouter CentreRouter(ConstView rows, const std::vector<int> &group_of, int num_groups) {
  GroupRouter router{Tensor(num_groups, rows.Cols()), Tensor::Zeros(num_groups, num_groups)};
  const std::vector<double> centres = Centres(UnitRows(rows), group_of, num_groups);
  std::transform(centres.begin(), centres.end(), router.v1.Data(),
                 [](double v) { return static_cast<float>(v); });
  for (int g = 0; g < num_groups; ++g) router.v2(g, g) = 1;
  return router;
}

}  // namespace u2moe
