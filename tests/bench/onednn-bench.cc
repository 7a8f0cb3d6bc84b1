// oneDNN's matrix products beside ours in the same run, with its weights reordered once as it likes
// them: one thread, 64 weight matrices in turn. Not part of the build: oneDNN is no dependency.
//
//   pip download --no-deps onednn-cpu-gomp onednn-devel-cpu-gomp, unpacked (wheels are zip files);
//   make build/cpu/tests/bench/onednn-bench ONEDNN=<folder with include/ and lib/>
//   OMP_NUM_THREADS=1 build/cpu/tests/bench/onednn-bench
//
// Ours with int8 finds each row's range, quantises it, and applies scales and zero points in the
// time shown; oneDNN's int8 is the bare product of codes to int32.
#include <algorithm>
#include <cstdio>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/matrices-in-turn.h"
#include "bench/random-rows.h"
#include "ops/packed/packed-gemm.h"

namespace u2moe {
namespace {

// Products [M, K] x [K, N] of oneDNN for the data types of source, weights and destination.
class OneDnn {
 public:
  OneDnn(int64_t m, int64_t n, int64_t k, dnnl::memory::data_type src,
         dnnl::memory::data_type weights, dnnl::memory::data_type dst)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dnnl::memory;
    const dnnl::matmul::primitive_desc desc(engine_,
                                            memory::desc({m, k}, src, memory::format_tag::ab),
                                            memory::desc({k, n}, weights, memory::format_tag::any),
                                            memory::desc({m, n}, dst, memory::format_tag::ab));
    matmul_ = dnnl::matmul(desc);
    implementation_ = desc.impl_info_str();
    source_ = memory(desc.src_desc(), engine_);
    destination_ = memory(desc.dst_desc(), engine_);
    for (int i = 0; i < kMatrices; ++i) weights_.emplace_back(desc.weights_desc(), engine_);
    for (memory *part : {&source_, &destination_})
      std::fill_n(static_cast<char *>(part->get_data_handle()), part->get_desc().get_size(), 1);
    for (memory &part : weights_)
      std::fill_n(static_cast<char *>(part.get_data_handle()), part.get_desc().get_size(), 1);
  }
  void Multiply(int i) {
    matmul_.execute(stream_, {{DNNL_ARG_SRC, source_},
                              {DNNL_ARG_WEIGHTS, weights_[static_cast<size_t>(i)]},
                              {DNNL_ARG_DST, destination_}});
    stream_.wait();
  }
  const std::string &Implementation() const { return implementation_; }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul matmul_;
  std::string implementation_;
  dnnl::memory source_, destination_;
  std::vector<dnnl::memory> weights_;
};

void Bench(const Context &ctx, int64_t n, int64_t k) {
  using Type = dnnl::memory::data_type;
  struct Format {
    WeightFormat ours;
    Type src, weights, dst;
  };
  const std::vector<Format> formats = {
      {WeightFormat::kFloat32, Type::f32, Type::f32, Type::f32},
      {WeightFormat::kBfloat16, Type::bf16, Type::bf16, Type::f32},
      {WeightFormat::kInt8, Type::u8, Type::s8, Type::s32},
  };
  std::printf("N=%ld K=%ld, %s\n%5s %-9s %9s %9s %14s\n", static_cast<long>(n),
              static_cast<long>(k), DescribeMachine().c_str(), "M", "weights", "ours us",
              "oneDNN us", "ours / oneDNN");
  Rng rng(1);
  const Tensor weights = RandomRows(&rng, n, k);
  for (const Format &format : formats) {
    std::vector<PackedMatrix> packed;
    for (int m = 0; m < kMatrices; ++m)
      packed.push_back(PackedMatrix::Pack(weights, format.ours, 0));
    for (const int64_t rows : {1, 4, 16, 62, 250, 1000}) {
      const Tensor x = RandomRows(&rng, rows, k);
      Tensor y(rows, n);
      OneDnn theirs(rows, n, k, format.src, format.weights, format.dst);
      const double us = TimeInTurn(
          [&](int m) { PackedGemm(ctx, x, packed[static_cast<size_t>(m)], Epilogue(), y); });
      const double one_dnn = TimeInTurn([&](int m) { theirs.Multiply(m); });
      std::printf("%5ld %-9s %9.1f %9.1f %14.2f  %s\n", static_cast<long>(rows),
                  ToString(format.ours).c_str(), us, one_dnn, us / one_dnn,
                  theirs.Implementation().c_str());
    }
  }
}

}  // namespace
}  // namespace u2moe

int main() {
  using namespace u2moe;
  const Context ctx;
  Bench(ctx, 2560, 640);
  Bench(ctx, 640, 2560);
  return 0;
}
