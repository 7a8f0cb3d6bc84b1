#include "lab/mpo-decompose.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace u2moe {
namespace {

std::vector<double> Transposed(const std::vector<double> &a, int64_t rows, int64_t cols) {
  std::vector<double> t(a.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c)
      t[static_cast<size_t>(c * rows + r)] = a[static_cast<size_t>(r * cols + c)];
  }
  return t;
}

// Rotates rows p and q of both lists of rows of these lengths.
void Rotate(double cosine, double sine, int64_t p, int64_t q, int64_t length,
            std::vector<double> *rows) {
  double *a = rows->data() + p * length, *b = rows->data() + q * length;
  for (int64_t i = 0; i < length; ++i) {
    const double x = a[i], y = b[i];
    a[i] = cosine * x - sine * y;
    b[i] = sine * x + cosine * y;
  }
}

}  // namespace

Svd SingularValues(const std::vector<double> &a, int64_t rows, int64_t cols) {
  CHECK_EQ(static_cast<int64_t>(a.size()), rows * cols);
  if (rows < cols) {
    Svd svd = SingularValues(Transposed(a, rows, cols), cols, rows);
    std::swap(svd.u, svd.v);
    return svd;
  }
  // Columns of a as rows, made orthogonal to each other; v gathers what was done to them.
  constexpr int kMaxSweeps = 60;
  std::vector<double> columns = Transposed(a, rows, cols);
  std::vector<double> v(static_cast<size_t>(cols * cols), 0);
  for (int64_t i = 0; i < cols; ++i) v[static_cast<size_t>(i * cols + i)] = 1;
  bool rotated = true;
  for (int sweep = 0; sweep < kMaxSweeps && rotated; ++sweep) {
    rotated = false;
    for (int64_t p = 0; p < cols; ++p) {
      for (int64_t q = p + 1; q < cols; ++q) {
        const double *x = columns.data() + p * rows, *y = columns.data() + q * rows;
        double xx = 0, yy = 0, xy = 0;
        for (int64_t i = 0; i < rows; ++i) {
          xx += x[i] * x[i];
          yy += y[i] * y[i];
          xy += x[i] * y[i];
        }
        if (std::fabs(xy) <= 1e-15 * std::sqrt(xx * yy)) continue;
        rotated = true;
        const double zeta = (yy - xx) / (2 * xy);
        const double t = (zeta >= 0 ? 1 : -1) / (std::fabs(zeta) + std::sqrt(1 + zeta * zeta));
        const double cosine = 1 / std::sqrt(1 + t * t);
        Rotate(cosine, cosine * t, p, q, rows, &columns);
        Rotate(cosine, cosine * t, p, q, cols, &v);
      }
    }
  }
  std::vector<double> norms;
  for (int64_t c = 0; c < cols; ++c) {
    double square = 0;
    for (int64_t i = 0; i < rows; ++i)
      square +=
          columns[static_cast<size_t>(c * rows + i)] * columns[static_cast<size_t>(c * rows + i)];
    norms.push_back(std::sqrt(square));
  }
  std::vector<int64_t> order(static_cast<size_t>(cols));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t x, int64_t y) {
    return norms[static_cast<size_t>(x)] > norms[static_cast<size_t>(y)];
  });
  Svd svd;
  svd.u.resize(static_cast<size_t>(rows * cols), 0);
  svd.v.resize(static_cast<size_t>(cols * cols), 0);
  const double least = order.empty() ? 0 : 1e-14 * norms[static_cast<size_t>(order[0])];
  for (int64_t n = 0; n < cols; ++n) {
    const int64_t c = order[static_cast<size_t>(n)];
    const double norm = norms[static_cast<size_t>(c)];
    svd.s.push_back(norm > least ? norm : 0);
    if (!(norm > least)) continue;
    for (int64_t i = 0; i < rows; ++i) {
      svd.u[static_cast<size_t>(i * cols + n)] = columns[static_cast<size_t>(c * rows + i)] / norm;
    }
    for (int64_t i = 0; i < cols; ++i)
      svd.v[static_cast<size_t>(i * cols + n)] = v[static_cast<size_t>(c * cols + i)];
  }
  return svd;
}

std::vector<std::vector<double>> DecomposeMpo(ConstView matrix, const MpoShape &shape,
                                              double *cut) {
  CHECK(matrix.Rows() == shape.Rows() && matrix.Cols() == shape.Cols());
  // In the order of the chain's factors.
  const std::vector<int32_t> places = MpoPlaces(shape);
  std::vector<double> rest(places.size());
  for (int64_t r = 0; r < matrix.Rows(); ++r) {
    for (int64_t c = 0; c < matrix.Cols(); ++c) {
      rest[static_cast<size_t>(places[static_cast<size_t>(r * matrix.Cols() + c)])] =
          static_cast<double>(matrix(r, c));
    }
  }
  if (cut != nullptr) *cut = 0;
  std::vector<std::vector<double>> chain;
  // What the next tensor's rows have yet to be divided by, to share the singular values evenly.
  std::vector<double> roots = {1};
  for (size_t k = 0; k + 1 < shape.Length(); ++k) {
    const int64_t left = shape.Bond(k) * shape.Row(k) * shape.Col(k),
                  right = static_cast<int64_t>(rest.size()) / left, bond = shape.Bond(k + 1);
    const Svd svd = SingularValues(rest, left, right);
    const int64_t n = static_cast<int64_t>(svd.s.size()), kept = std::min(bond, n);
    for (int64_t a = kept; cut != nullptr && a < n; ++a)
      *cut += svd.s[static_cast<size_t>(a)] * svd.s[static_cast<size_t>(a)];
    std::vector<double> tensor(static_cast<size_t>(left * bond), 0),
        next(static_cast<size_t>(bond * right), 0), next_roots(static_cast<size_t>(bond), 0);
    for (int64_t a = 0; a < kept; ++a) {
      const double s = svd.s[static_cast<size_t>(a)], root = std::sqrt(s);
      next_roots[static_cast<size_t>(a)] = root;
      for (int64_t i = 0; i < left; ++i) {
        const double before = roots[static_cast<size_t>(i / (shape.Row(k) * shape.Col(k)))];
        if (before > 0) {
          tensor[static_cast<size_t>(i * bond + a)] =
              svd.u[static_cast<size_t>(i * n + a)] * root / before;
        }
      }
      for (int64_t j = 0; j < right; ++j)
        next[static_cast<size_t>(a * right + j)] = s * svd.v[static_cast<size_t>(j * n + a)];
    }
    chain.push_back(std::move(tensor));
    rest = std::move(next);
    roots = std::move(next_roots);
  }
  const size_t width = rest.size() / roots.size();
  for (size_t i = 0; i < rest.size(); ++i)
    rest[i] = roots[i / width] > 0 ? rest[i] / roots[i / width] : 0;
  chain.push_back(std::move(rest));
  return chain;
}

}  // namespace u2moe
