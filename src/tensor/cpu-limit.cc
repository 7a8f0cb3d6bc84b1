#include "tensor/cpu-limit.h"

#include <cblas.h>
#include <hwy/targets.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

constexpr char kVariable[] = "U2MOE_CPU";

std::string Setting() {
  const char *value = std::getenv(kVariable);
  return value ? value : "";
}

std::optional<CpuLimit> Parse(const std::string &value) {
  if (value == "avx2") return CpuLimit::kAvx2;
  if (value == "avx512") return CpuLimit::kAvx512;
  if (value == "amx" || value.empty()) return CpuLimit::kNone;
  return std::nullopt;
}

// The name of the OpenBLAS kernels to ask for instead of those in use, or "" to keep these.
std::string BlasKernelsFor(CpuLimit limit) {
  const std::string used = openblas_get_corename();
  const bool amx = used == "SapphireRapids";
  const bool avx512 = amx || used == "SkylakeX" || used == "Cooperlake" || used == "ZEN4";
  if (limit == CpuLimit::kAvx2 && avx512) return "Haswell";
  if (limit == CpuLimit::kAvx512 && amx) return "SkylakeX";
  return "";
}

// OpenBLAS has chosen its kernels by now, and takes the wish for others from the environment alone,
// when it is loaded: the program begins once more. It has read and written nothing yet.
void BeginAgainWith(const std::string &blas_kernels) {
  constexpr char kBlasVariable[] = "OPENBLAS_CORETYPE";
  const char *asked = std::getenv(kBlasVariable);
  if (asked && asked == blas_kernels) return;  // in vain
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string words(std::istreambuf_iterator<char>(in), {});
  if (words.empty() || setenv(kBlasVariable, blas_kernels.c_str(), 1) != 0) return;
  std::vector<char *> argv;
  for (size_t i = 0; i < words.size(); i = words.find('\0', i) + 1) argv.push_back(&words[i]);
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());  // where it fails, OpenBLAS keeps its kernels
}

// Before main, so that nothing has been dispatched. A wrong value is left to GetCpuLimit.
__attribute__((constructor)) void ApplyCpuLimit() {
  const CpuLimit limit = Parse(Setting()).value_or(CpuLimit::kNone);
  if (limit == CpuLimit::kNone) return;
  const std::string blas_kernels = BlasKernelsFor(limit);
  if (!blas_kernels.empty()) BeginAgainWith(blas_kernels);
  // Highway's targets of x86 above AVX2 are the bits below it: a better one has a lower bit.
  if (limit == CpuLimit::kAvx2 && HWY_ARCH_X86) hwy::DisableTargets(HWY_AVX2 - 1);
}

}  // namespace

CpuLimit GetCpuLimit() {
  const std::optional<CpuLimit> limit = Parse(Setting());
  if (!limit) {
    throw UsageError(kVariable, "=", Setting(),
                     " in the environment: expected avx2, avx512 or amx");
  }
  return *limit;
}

std::string DescribeCpuLimit() {
  return Setting().empty() ? "" : Cat(", ", kVariable, "=", Setting());
}

}  // namespace u2moe
