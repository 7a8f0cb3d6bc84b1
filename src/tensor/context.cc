#include "tensor/context.h"

#include <cblas.h>
#include <hwy/targets.h>
#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <fstream>

#include "base/error.h"
#include "tensor/cpu-limit.h"
#if HAVE_CUDA
#include "tensor/cuda-runtime.h"
#endif

namespace u2moe {

Context::Context(Device device, int number) : device_(device) {
#if HAVE_CUDA
  if (OnCuda()) cuda::SelectDevice(number);
#else
  (void)number;
  if (OnCuda()) {
    throw UsageError(
        "--device=cuda: this build has no CUDA; use --device=cpu, or build with CUDA=1");
  }
#endif
  // Highway's kernels have no baseline below AVX2 worth running; say so instead of an illegal
  // instruction.
  static const bool checked = [] {
    GetCpuLimit();  // a word that it does not know is wrong usage
    if (!(hwy::SupportedTargets() & (HWY_AVX2 | HWY_AVX3 | HWY_AVX3_DL)) && HWY_ARCH_X86) {
      throw Error("this processor has no AVX2, which u2moe needs");
    }
    openblas_set_num_threads(1);  // threads are ours: over utterances and shards
    return true;
  }();
  (void)checked;
}

void Context::Synchronize() const {
#if HAVE_CUDA
  if (OnCuda()) cuda::Synchronize();
#endif
}

std::pair<Device, int> ParseDevice(const std::string &name) {
  if (name == "cpu") return {Device::kCpu, 0};
  if (name == "cuda") return {Device::kCuda, 0};
  const std::string prefix = "cuda:";
  const std::string number =
      name.compare(0, prefix.size(), prefix) == 0 ? name.substr(prefix.size()) : std::string();
  if (number.empty() || number.size() > 4 ||
      number.find_first_not_of("0123456789") != std::string::npos) {
    throw UsageError("--device=", name, ": expected cpu, cuda or cuda:N");
  }
  return {Device::kCuda, std::stoi(number)};
}

bool HasAmx() {
#if defined(__x86_64__) && defined(__linux__)
  static const bool has = [] {
    if (GetCpuLimit() != CpuLimit::kNone) return false;
    unsigned a = 0, b = 0, c = 0, d = 0;
    constexpr unsigned kTile = 1u << 24, kInt8 = 1u << 25, kXsave = 1u << 27;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kTile) == 0 || (d & kInt8) == 0)
      return false;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kXsave) == 0) return false;
    // The kernel keeps tiles for the processes that ask it to: ARCH_REQ_XCOMP_PERM of
    // XFEATURE_XTILE_DATA.
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return has;
#else
  return false;
#endif
}

std::string DescribeMachine(const Context &ctx) {
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
  std::string gpu;
#if HAVE_CUDA
  if (ctx.OnCuda()) gpu = "; " + cuda::DescribeDevice();
#else
  (void)ctx;
#endif
  return model + "; OpenBLAS " + openblas_get_corename() + ", Highway " +
         hwy::TargetName(targets & -targets) + (HasAmx() ? ", AMX" : "") + DescribeCpuLimit() + gpu;
}

}  // namespace u2moe
