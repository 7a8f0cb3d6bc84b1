// Products with packed weights beside OpenBLAS in the same run: one thread, 64 weight matrices in
// turn, so that weights come from memory. `packed-gemm-bench [avx2] [vectors] [format...]`
#include <hwy/targets.h>

#include <cstdio>
#include <vector>

#include "bench/matrices-in-turn.h"
#include "bench/random-rows.h"
#include "ops/packed/packed-gemm.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

void Bench(const Context &ctx, int64_t n, int64_t k, const std::vector<WeightFormat> &formats) {
  Rng rng(1);
  std::vector<Tensor> weights;
  std::vector<std::vector<PackedMatrix>> packed(formats.size());
  for (int m = 0; m < kMatrices; ++m) {
    weights.push_back(m == 0 ? RandomRows(&rng, n, k) : Tensor::Copy(weights[0]));
    for (size_t f = 0; f < formats.size(); ++f) {
      packed[f].push_back(PackedMatrix::Pack(weights.back(), formats[f],
                                             formats[f] == WeightFormat::kInt4 ? 64 : 0));
    }
  }
  std::printf("N=%ld K=%ld, %s\n%5s %-10s %9s %9s %7s %9s\n", static_cast<long>(n),
              static_cast<long>(k), DescribeMachine().c_str(), "M", "format", "us", "GOP/s", "GB/s",
              "/OpenBLAS");
  for (int64_t rows : {1, 2, 4, 8, 13, 16, 32, 62, 64, 250, 1000}) {
    const Tensor x = RandomRows(&rng, rows, k);
    Tensor y(rows, n);
    const double ops = 2.0 * static_cast<double>(rows * n * k);
    const double blas = TimeInTurn([&](int m) {
      Gemm(ctx, 1, x, Trans::kNo, weights[static_cast<size_t>(m)], Trans::kYes, 0, y);
    });
    std::printf("%5ld %-10s %9.1f %9.1f %7.1f %9.2f\n", static_cast<long>(rows), "OpenBLAS", blas,
                ops / blas / 1e3, static_cast<double>(n * k * 4) / blas / 1e3, 1.0);
    for (size_t f = 0; f < formats.size(); ++f) {
      const double us = TimeInTurn(
          [&](int m) { PackedGemm(ctx, x, packed[f][static_cast<size_t>(m)], Epilogue(), y); });
      std::printf("%5ld %-10s %9.1f %9.1f %7.1f %9.2f\n", static_cast<long>(rows),
                  ToString(formats[f]).c_str(), us, ops / us / 1e3,
                  static_cast<double>(packed[f][0].Bytes()) / us / 1e3, us / blas);
    }
  }
}

}  // namespace
}  // namespace u2moe

int main(int argc, char *argv[]) {
  using namespace u2moe;
  std::vector<WeightFormat> formats;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "avx2") {  // our kernels as on a machine without AVX-512
      hwy::SetSupportedTargetsForTest(HWY_AVX2);
      UseTileUnit(nullptr);
    } else if (std::string(argv[i]) == "vectors") {  // without AMX
      UseTileUnit(nullptr);
    } else {
      formats.push_back(ParseWeightFormat(argv[i]));
    }
  }
  if (formats.empty()) formats = {WeightFormat::kFloat32};
  const Context ctx;
  Bench(ctx, 2560, 640, formats);
  Bench(ctx, 640, 2560, formats);
  return 0;
}
