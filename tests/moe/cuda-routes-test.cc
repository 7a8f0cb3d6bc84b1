// Routes that are made on the device are the host's.
#include "moe/cuda-routes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "moe/dispatch-plan.h"
#include "moe/expert-policy.h"
#include "moe/router-topk-softmax.h"
#include "support/test-util.h"
#include "tensor/cuda-runtime.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

template <class T>
std::vector<T> Fetch(const T *p, int64_t count) {
  std::vector<T> host(static_cast<size_t>(count));
  cuda::CopyBytes(host.data(), p, host.size() * sizeof(T), cudaMemcpyDeviceToHost);
  return host;
}

// The router and policy of the host, on logits that are given.
class GivenLogits : public TopKSoftmaxRouter {
 public:
  GivenLogits(const RouterConfig &config, ConstView logits)
      : TopKSoftmaxRouter(kTraits, config), given_(logits) {}

 protected:
  void Logits(const Context &, const RouteInput &, View logits,
              std::unique_ptr<RouterTape> *) const override {
    for (int64_t t = 0; t < logits.Rows(); ++t)
      std::copy_n(given_.Row(t), given_.Cols(), logits.Row(t));
  }

 private:
  ConstView given_;
};

struct Case {
  int64_t rows;
  int num_experts, choices, row_experts;
  float skip_gate;
  bool exits;
};

TEST(CudaRoutes, AreTheHosts) {
  const Context cpu, device(Device::kCuda);
  Rng rng(1);
  for (const Case &c : {Case{1, 2, 1, 0, 2, false},
                        {7, 8, 2, 0, 2, false},
                        {256, 8, 2, 0, 0.6f, false},
                        {257, 8, 2, 1, 2, true},
                        {700, 32, 4, 3, 0.4f, true},
                        {300, 5, 5, 0, 0.3f, false},
                        {33, 64, 16, 0, 2, true},
                        {0, 4, 2, 0, 2, false}}) {
    SCOPED_TRACE(Cat(c.rows, " rows, ", c.choices, " of ", c.num_experts));
    Tensor logits = RandomTensor(&rng, c.rows, c.num_experts, 2);
    for (int64_t t = 0; t + 1 < c.rows; t += 3) {  // ties, and some rows that agree
      for (int e = 1; e < c.num_experts; e += 2) logits(t, e) = logits(t, e - 1);
      for (int e = 0; e < c.num_experts; ++e) logits(t + 1, e) = logits(0, e);
    }
    CachedVector<bool> exited(static_cast<size_t>(c.rows));
    std::vector<uint8_t> exited_bytes;
    for (size_t t = 0; t < exited.size(); ++t) exited[t] = c.exits && rng.UniformInt(0, 3) == 0;
    for (const bool e : exited) exited_bytes.push_back(e ? 1 : 0);
    RouterConfig config;
    config.dim = 3;
    config.num_experts = c.num_experts;
    config.num_choices = c.choices;
    const GivenLogits router(config, logits);
    RouteCall call;
    call.exited = &exited;
    Routes routes;
    router.Route(cpu, {Tensor(c.rows, 3), call}, &routes, nullptr);
    MixturePolicy policy;
    policy.row_experts = c.row_experts;
    policy.skip_gate = c.skip_gate;
    ApplyExpertPolicy(policy, call, router, &routes);
    const DispatchPlan want = MakeDispatchPlan(routes, c.num_experts);

    const ListOnDevice<uint8_t> exited_there(device, exited_bytes);
    const cuda::DeviceRoutes got = cuda::RouteRows(
        MatrixOnDevice(device, logits).View(),
        {c.num_experts, c.choices, c.row_experts, c.skip_gate}, exited_there.data());
    EXPECT_EQ(Fetch(got.expert_begin, c.num_experts + 1),
              std::vector<int32_t>(want.expert_begin.begin(), want.expert_begin.end()));
    const std::vector<int32_t> rows = Fetch(got.slot_row, want.NumSlots());
    EXPECT_EQ(rows, std::vector<int32_t>(want.slot_frame.begin(), want.slot_frame.end()));

    // What becomes of the slots: sums with the plan's gates.
    Tensor out = RandomTensor(&rng, got.MostSlots(), 5), y = RandomTensor(&rng, c.rows, 5);
    for (const bool add : {false, true}) {
      Tensor sums = Tensor::Zeros(c.rows, 5), y_there = y.ToDevice(device);
      for (int64_t s = 0; s < want.NumSlots(); ++s) {
        for (int64_t d = 0; d < 5; ++d)
          sums(want.slot_frame[static_cast<size_t>(s)], d) +=
              want.slot_gate[static_cast<size_t>(s)] * out(s, d);
      }
      cuda::CombineSlots(got, out.ToDevice(device), 0.5f, add, y_there);
      const Tensor y_got = y_there.ToHost();
      for (int64_t t = 0; t < c.rows; ++t) {
        for (int64_t d = 0; d < 5; ++d)
          ASSERT_NEAR(y_got(t, d), 0.5f * sums(t, d) + (add ? y(t, d) : 0), 1e-5);
      }
    }
  }
}

TEST(CudaRoutes, NanReachesTheResult) {
  const Context device(Device::kCuda);
  Rng rng(2);
  Tensor logits = RandomTensor(&rng, 3, 4);
  logits(1, 3) = NAN;
  logits(2, 0) = -INFINITY;
  const cuda::DeviceRoutes routes =
      cuda::RouteRows(MatrixOnDevice(device, logits).View(), {4, 2, 0, 0.1f}, nullptr);
  Tensor y(device, 3, 2);
  cuda::CombineSlots(routes, RandomTensor(&rng, 6, 2).ToDevice(device), 1, false, y);
  const Tensor got = y.ToHost();
  EXPECT_TRUE(std::isfinite(got(0, 0)));
  EXPECT_TRUE(std::isnan(got(1, 0)) && std::isnan(got(2, 1)));
}

}  // namespace
}  // namespace u2moe
