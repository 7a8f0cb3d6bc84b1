#ifndef U2MOE_TESTS_SUPPORT_FOR_TARGETS_H_
#define U2MOE_TESTS_SUPPORT_FOR_TARGETS_H_

#include <gtest/gtest.h>
#include <hwy/targets.h>

namespace u2moe {

// Calls test() on every instruction set of this machine that the ops are compiled for.
template <class Test>
void ForTargets(const Test &test) {
  for (int64_t target : {HWY_AVX3, HWY_AVX2, HWY_STATIC_TARGET}) {
    if (target != HWY_STATIC_TARGET && (hwy::SupportedTargets() & target) == 0) continue;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::GetChosenTarget().Update(target);
    test();
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_FOR_TARGETS_H_
