#include "moe/mpo-chain.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "tensor/gemm.h"
#include "tensor/transfer.h"
#include "util/text.h"

namespace u2moe {
namespace {

int64_t Product(const std::vector<int64_t> &v) {
  return std::accumulate(v.begin(), v.end(), int64_t{1}, std::multiplies<int64_t>());
}

// What the first k tensors make, [(i_1 j_1 .. i_k j_k), a_k], for k = 1 .. n.
std::vector<Tensor> Prefixes(const Context &ctx, const MpoShape &shape,
                             const std::vector<const Tensor *> &chain) {
  std::vector<Tensor> prefixes;
  int64_t places = shape.Row(0) * shape.Col(0);
  prefixes.emplace_back(ctx, places, shape.Bond(1));
  CopyTo(ctx, ConstView(chain[0]->Data(), places, shape.Bond(1)), prefixes[0]);
  for (size_t k = 1; k < shape.Length(); ++k) {
    const int64_t width = shape.Row(k) * shape.Col(k) * shape.Bond(k + 1);
    Tensor next(ctx, places * shape.Row(k) * shape.Col(k), shape.Bond(k + 1));
    Gemm(ctx, 1, prefixes.back(), Trans::kNo, ConstView(chain[k]->Data(), shape.Bond(k), width),
         Trans::kNo, 0, View(next.Data(), places, width));
    places *= shape.Row(k) * shape.Col(k);
    prefixes.push_back(std::move(next));
  }
  return prefixes;
}

std::vector<int64_t> ParseFactors(const std::string &option, const std::string &text) {
  std::vector<int64_t> factors;
  for (const std::string &part : Split(text, 'x')) {
    int64_t f = 0;
    if (!ParseNumber(part, &f) || f < 1 || f > 1 << 20)
      throw UsageError(option, ": '", Printable(part), "' is no factor");
    factors.push_back(f);
  }
  return factors;
}

std::string Written(const std::vector<int64_t> &factors) {
  std::string text;
  for (const int64_t f : factors) text += Cat(text.empty() ? "" : "x", f);
  return text;
}

}  // namespace

MpoShape::MpoShape(std::vector<int64_t> rows, std::vector<int64_t> cols, int64_t max_bond)
    : rows_(std::move(rows)), cols_(std::move(cols)) {
  CHECK(rows_.size() == cols_.size() && rows_.size() >= 3);
  bonds_.assign(rows_.size() + 1, 1);
  int64_t left = 1, all = Rows() * Cols();
  for (size_t k = 1; k < rows_.size(); ++k) {
    left *= rows_[k - 1] * cols_[k - 1];
    bonds_[k] = std::min(left, all / left);
    if (max_bond > 0) bonds_[k] = std::min(bonds_[k], max_bond);
  }
}

int64_t MpoShape::Rows() const { return Product(rows_); }
int64_t MpoShape::Cols() const { return Product(cols_); }

std::vector<int64_t> MpoShape::TensorShape(size_t k) const {
  return {Bond(k), Row(k) * Col(k) * Bond(k + 1)};
}

std::vector<int64_t> MpoFactors(int64_t number, size_t n) {
  std::vector<int64_t> primes, factors(n, 1);
  for (int64_t p = 2; p * p <= number; ++p) {
    for (; number % p == 0; number /= p) primes.push_back(p);
  }
  if (number > 1) primes.push_back(number);
  std::sort(primes.rbegin(), primes.rend());
  for (const int64_t p : primes) *std::min_element(factors.begin(), factors.end()) *= p;
  std::sort(factors.begin(), factors.end());
  // Smallest at the ends: alternately to the left and to the right.
  std::vector<int64_t> result(n);
  for (size_t i = 0; i < n; ++i) result[i % 2 == 0 ? i / 2 : n - 1 - i / 2] = factors[i];
  return result;
}

std::string MpoShapesText(const std::vector<int64_t> &dim, const std::vector<int64_t> &hidden) {
  return Written(dim) + "/" + Written(hidden);
}

MpoShapes ParseMpoShapes(const std::string &text, int64_t dim, int64_t hidden, int64_t max_bond) {
  const std::string option = Cat("mpo-shape=", Printable(text, 80)),
                    example =
                        Cat("; for a model of ", dim, " dimensions and ", hidden,
                            " hidden ones, mpo-shape=",
                            MpoShapesText(MpoFactors(dim, 3), MpoFactors(hidden, 3)), " will do");
  const std::vector<std::string> parts = Split(text, '/');
  if (parts.size() != 2)
    throw UsageError(option, ": expected factors of both dimensions with a '/' between", example);
  const std::vector<int64_t> d = ParseFactors(option, parts[0]), h = ParseFactors(option, parts[1]);
  if (d.size() != h.size() || d.size() < 3 || d.size() > 15) {
    throw UsageError(option, ": has ", d.size(), " and ", h.size(),
                     " factors, not as many of both, 3 to 15", example);
  }
  const auto product_is = [](const std::vector<int64_t> &factors, int64_t number) {
    int64_t product = 1;  // stops before it overflows
    for (const int64_t f : factors) product = product > number ? product : product * f;
    return product == number;
  };
  if (!product_is(d, dim) || !product_is(h, hidden))
    throw UsageError(option, ": the products are not ", dim, " and ", hidden, example);
  return {MpoShape(h, d, max_bond), MpoShape(d, h, max_bond)};
}

std::vector<int32_t> MpoPlaces(const MpoShape &shape) {
  const int64_t rows = shape.Rows(), cols = shape.Cols();
  std::vector<int32_t> places(static_cast<size_t>(rows * cols));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      int64_t row = r, col = c, place = 0, step = 1;
      for (size_t k = shape.Length(); k-- > 0;) {
        place += step * (col % shape.Col(k) + shape.Col(k) * (row % shape.Row(k)));
        step *= shape.Row(k) * shape.Col(k);
        row /= shape.Row(k);
        col /= shape.Col(k);
      }
      places[static_cast<size_t>(r * cols + c)] = static_cast<int32_t>(place);
    }
  }
  return places;
}

Tensor ContractMpo(const Context &ctx, const MpoShape &shape,
                   const std::vector<const Tensor *> &chain) {
  const Tensor last = std::move(Prefixes(ctx, shape, chain).back());
  Tensor matrix(ctx, shape.Rows(), shape.Cols());
  GatherRows(ctx, last, ListOnDevice<int32_t>(ctx, MpoPlaces(shape)),
             View(matrix.Data(), matrix.Size(), 1));
  return matrix;
}

void ContractMpoBackward(const Context &ctx, const MpoShape &shape,
                         const std::vector<const Tensor *> &chain, ConstView dmatrix,
                         const std::vector<Tensor *> &grad) {
  const std::vector<Tensor> prefixes = Prefixes(ctx, shape, chain);
  const int64_t size = shape.Rows() * shape.Cols();
  const std::vector<int32_t> places_of = MpoPlaces(shape);
  std::vector<int32_t> entry_of(places_of.size());
  for (size_t i = 0; i < places_of.size(); ++i)
    entry_of[static_cast<size_t>(places_of[i])] = static_cast<int32_t>(i);
  Tensor dcopy(ctx, shape.Rows(), shape.Cols()), dprefix(ctx, size, 1);
  CopyTo(ctx, dmatrix, dcopy);  // whose rows follow one another
  GatherRows(ctx, ConstView(dcopy.Data(), size, 1), ListOnDevice<int32_t>(ctx, entry_of), dprefix);
  int64_t places = size;
  for (size_t k = shape.Length(); k-- > 1;) {
    places /= shape.Row(k) * shape.Col(k);
    const int64_t width = shape.Row(k) * shape.Col(k) * shape.Bond(k + 1);
    const ConstView d(dprefix.Data(), places, width);
    Gemm(ctx, 1, prefixes[k - 1], Trans::kYes, d, Trans::kNo, 1,
         View(grad[k]->Data(), shape.Bond(k), width));
    Tensor before(ctx, places, shape.Bond(k));
    Gemm(ctx, 1, d, Trans::kNo, ConstView(chain[k]->Data(), shape.Bond(k), width), Trans::kYes, 0,
         before);
    dprefix = std::move(before);
  }
  AddTo(ctx, 1, dprefix, View(grad[0]->Data(), dprefix.Rows(), dprefix.Cols()));
}

}  // namespace u2moe
