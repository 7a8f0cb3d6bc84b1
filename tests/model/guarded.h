// The golden models on Device::kGuarded (tensor/guarded-memory.h): their tensors are out of reach
// but inside ops, and every op is given memory of the device. What gives the bits of the CPU there
// runs on a GPU as far as memory goes.
#ifndef U2MOE_TESTS_MODEL_GUARDED_H_
#define U2MOE_TESTS_MODEL_GUARDED_H_

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "model/golden.h"

namespace u2moe {

inline void ExpectSameBits(ConstView want, const Tensor &there, const std::string &what) {
  EXPECT_EQ(there.GetDevice(), Device::kGuarded) << what;
  const Tensor got = there.ToHost();
  ASSERT_EQ(got.Rows(), want.Rows()) << what;
  ASSERT_EQ(got.Cols(), want.Cols()) << what;
  const size_t bytes = static_cast<size_t>(want.Cols()) * sizeof(float);
  for (int64_t i = 0; i < want.Rows(); ++i)
    ASSERT_EQ(std::memcmp(got.View().Row(i), want.Row(i), bytes), 0) << what << " row " << i;
}

// The same model on both devices.
class GuardedModel {
 public:
  explicit GuardedModel(const std::string &name) : here_(name), there_(name) {
    MoveToDevice(guarded_, there_.model.get());
  }

  const Context cpu_, guarded_{Device::kGuarded};
  GoldenModel here_, there_;
};

}  // namespace u2moe

#endif  // U2MOE_TESTS_MODEL_GUARDED_H_
