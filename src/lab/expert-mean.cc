#include "lab/expert-mean.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lab/assignment.h"
#include "tensor/gemm.h"

namespace u2moe {

std::vector<int> GroupAlike(ConstView rows, int n) {
  const auto num_rows = static_cast<size_t>(rows.Rows());
  CHECK(n >= 1 && static_cast<size_t>(n) <= num_rows);
  std::vector<double> cosine(num_rows * num_rows);
  for (size_t i = 0; i < num_rows; ++i) {
    for (size_t j = 0; j < num_rows; ++j) {
      double dot = 0, ii = 0, jj = 0;
      for (int64_t d = 0; d < rows.Cols(); ++d) {
        const double a = rows(static_cast<int64_t>(i), d), b = rows(static_cast<int64_t>(j), d);
        dot += a * b;
        ii += a * a;
        jj += b * b;
      }
      cosine[i * num_rows + j] = ii > 0 && jj > 0 ? dot / std::sqrt(ii * jj) : 0;
    }
  }
  std::vector<std::vector<size_t>> groups;
  for (size_t i = 0; i < num_rows; ++i) groups.push_back({i});
  while (groups.size() > static_cast<size_t>(n)) {
    size_t first = 0, second = 1;
    double best = -2;
    for (size_t a = 0; a < groups.size(); ++a) {
      for (size_t b = a + 1; b < groups.size(); ++b) {
        double sum = 0;
        for (const size_t i : groups[a]) {
          for (const size_t j : groups[b]) sum += cosine[i * num_rows + j];
        }
        const double mean = sum / static_cast<double>(groups[a].size() * groups[b].size());
        if (mean <= best) continue;
        best = mean;
        first = a;
        second = b;
      }
    }
    groups[first].insert(groups[first].end(), groups[second].begin(), groups[second].end());
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(second));
  }
  std::vector<int> group_of(num_rows);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const size_t i : groups[g]) group_of[i] = static_cast<int>(g);
  }
  return group_of;
}

std::vector<int64_t> MatchNeurons(const Context &ctx, const TensorsByName &tensors,
                                  const std::string &a, const std::string &b) {
  const Tensor &rows_a = tensors[a + ".w_1.weight"], &rows_b = tensors[b + ".w_1.weight"];
  Tensor score(rows_a.Rows(), rows_a.Rows());
  Gemm(ctx, 1, rows_a, Trans::kNo, rows_b, Trans::kYes, 0, score);
  if (tensors.Has(a + ".w_1.bias")) {
    const Tensor &bias_a = tensors[a + ".w_1.bias"], &bias_b = tensors[b + ".w_1.bias"];
    for (int64_t i = 0; i < score.Rows(); ++i) {
      for (int64_t j = 0; j < score.Cols(); ++j) score(i, j) += bias_a.Data()[i] * bias_b.Data()[j];
    }
  }
  return BestAssignment(score);
}

void WriteExpertMean(const Context &ctx, const TensorsByName &from,
                     const std::vector<std::string> &scopes, const std::vector<double> &weights,
                     bool align, const TensorsByName &to, const std::string &to_scope) {
  CHECK(!scopes.empty() && scopes.size() == weights.size());
  const size_t heaviest =
      static_cast<size_t>(std::max_element(weights.begin(), weights.end()) - weights.begin());
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const int64_t hidden = from[scopes[0] + ".w_1.weight"].Rows();
  std::vector<int64_t> plain(static_cast<size_t>(hidden));
  std::iota(plain.begin(), plain.end(), 0);
  std::vector<std::vector<int64_t>> orders;
  for (size_t i = 0; i < scopes.size(); ++i) {
    orders.push_back(align && i != heaviest ? MatchNeurons(ctx, from, scopes[heaviest], scopes[i])
                                            : plain);
  }
  for (const char *name : {".w_1.weight", ".w_1.bias", ".w_2.weight", ".w_2.bias"}) {
    if (!to.Has(to_scope + name)) continue;
    Tensor &mean = to[to_scope + name];
    const std::string which = name;
    std::vector<double> total(static_cast<size_t>(mean.Size()), 0);
    for (size_t i = 0; i < scopes.size(); ++i) {
      const double weight = sum > 0 ? weights[i] / sum : 1 / static_cast<double>(scopes.size());
      const Tensor &t = from[scopes[i] + name];
      CHECK(t.Shape() == mean.Shape()) << to_scope << name;
      for (int64_t at = 0; at < t.Size(); ++at) {
        int64_t source = at;
        if (which == ".w_2.weight") {  // [D, F]
          source = at - at % hidden + orders[i][static_cast<size_t>(at % hidden)];
        } else if (which != ".w_2.bias") {  // [F, D] or [F]
          const int64_t width = t.Size() / hidden;
          source = orders[i][static_cast<size_t>(at / width)] * width + at % width;
        }
        total[static_cast<size_t>(at)] += weight * static_cast<double>(t.Data()[source]);
      }
    }
    std::transform(total.begin(), total.end(), mean.Data(),
                   [](double v) { return static_cast<float>(v); });
  }
}

}  // namespace u2moe
