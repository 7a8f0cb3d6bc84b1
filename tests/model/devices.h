// The golden models where the host does not reach their tensors. On Device::kGuarded
// (tensor/guarded-memory.h) every op is given memory of the device and computes as the CPU does, to
// the bit: what runs there runs on a GPU as far as memory goes. In a CUDA build the GPU, or its
// emulation, is the second: to rounding.
#ifndef U2MOE_TESTS_MODEL_DEVICES_H_
#define U2MOE_TESTS_MODEL_DEVICES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "model/golden.h"

namespace u2moe {

inline std::vector<Device> OtherDevices() {
#if HAVE_CUDA
  return {Device::kGuarded, Device::kCuda};
#else
  return {Device::kGuarded};
#endif
}
inline std::string NameOf(Device device) {
  return device == Device::kCpu ? "cpu" : device == Device::kCuda ? "cuda" : "guarded";
}

// tolerance: on CUDA, relative to what is wanted, or to 1 where that is smaller.
inline void ExpectAgree(Device device, double want, double got, const std::string &what,
                        double tolerance = 1e-5) {
  if (device == Device::kCuda) {
    EXPECT_NEAR(got, want, tolerance * (1 + std::fabs(want))) << what;
  } else {
    EXPECT_EQ(got, want) << what;
  }
}

// tolerance: on CUDA, relative to the largest of what is wanted.
inline void ExpectAgree(Device device, ConstView want, ConstView got, const std::string &what,
                        double tolerance = 2e-5) {
  ASSERT_EQ(got.Rows(), want.Rows()) << what;
  ASSERT_EQ(got.Cols(), want.Cols()) << what;
  if (device == Device::kCuda) {
    double largest = 1e-3;
    for (int64_t i = 0; i < want.Rows(); ++i) {
      for (int64_t j = 0; j < want.Cols(); ++j)
        largest = std::max(largest, static_cast<double>(std::fabs(want(i, j))));
    }
    ASSERT_LE(MaxAbsDiff(want, got), tolerance * largest) << what;
    return;
  }
  const size_t bytes = static_cast<size_t>(want.Cols()) * sizeof(float);
  for (int64_t i = 0; i < want.Rows(); ++i)
    ASSERT_EQ(std::memcmp(got.Row(i), want.Row(i), bytes), 0) << what << " row " << i;
}

// The same of a tensor that must lie on the device.
inline void ExpectAgreeThere(Device device, ConstView want, const Tensor &there,
                             const std::string &what, double tolerance = 2e-5) {
  EXPECT_EQ(there.GetDevice(), device) << what;
  ExpectAgree(device, want, there.ToHost(), what, tolerance);
}

// Parameter by parameter, the second in the memory of the device.
inline void ExpectModelsAgree(Device device, AsrModel *here, AsrModel *there,
                              const std::string &what) {
  std::vector<const Tensor *> want;
  ForEachParam(here, [&](const std::string &, const Tensor *t, const ParamInit &, bool) {
    want.push_back(t);
  });
  size_t i = 0;
  ForEachParam(there, [&](const std::string &name, const Tensor *t, const ParamInit &, bool) {
    ExpectAgreeThere(device, want[i++]->View(), *t, what + " of " + name, 2e-4);
  });
}

// The same model on the host and on another device.
class ModelOnDevice {
 public:
  ModelOnDevice(const std::string &name, Device device)
      : there_ctx_(device), here_(name), there_(name) {
    MoveToDevice(there_ctx_, there_.model.get());
  }

  Device Where() const { return there_ctx_.GetDevice(); }

  const Context cpu_, there_ctx_;
  GoldenModel here_, there_;
};

}  // namespace u2moe

#endif  // U2MOE_TESTS_MODEL_DEVICES_H_
