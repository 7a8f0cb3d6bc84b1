#include "tensor/context.h"

#include <cblas.h>
#include <hwy/targets.h>

#include <fstream>

#include "base/error.h"

namespace u2moe {

Context::Context(Device device) : device_(device) {
  if (OnCuda()) throw UsageError("--device=cuda: this build has no CUDA; use --device=cpu");
  // Highway's kernels have no baseline below AVX2 worth running; say so instead of an illegal
  // instruction.
  static const bool checked = [] {
    if (!(hwy::SupportedTargets() & (HWY_AVX2 | HWY_AVX3 | HWY_AVX3_DL)) && HWY_ARCH_X86) {
      throw Error("this processor has no AVX2, which u2moe needs");
    }
    openblas_set_num_threads(1);  // threads are ours: over utterances and shards
    return true;
  }();
  (void)checked;
}

Device ParseDevice(const std::string &name) {
  if (name == "cpu") return Device::kCpu;
  if (name == "cuda") return Device::kCuda;
  throw UsageError("--device=", name, ": expected cpu or cuda");
}

std::string DescribeMachine() {
  std::string model = "unknown processor", line;
  std::ifstream cpuinfo("/proc/cpuinfo");
  while (std::getline(cpuinfo, line)) {
    if (line.compare(0, 10, "model name") == 0) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  int64_t targets = hwy::SupportedTargets();
  if (HWY_ARCH_X86) targets &= HWY_AVX2 | HWY_AVX3;  // those of ops/simd-targets.h
  return model + "; OpenBLAS " + openblas_get_corename() + ", Highway " +
         hwy::TargetName(targets & -targets);
}

}  // namespace u2moe
