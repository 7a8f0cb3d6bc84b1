// The environment variable U2MOE_CPU: the most that may be used of what the processor can do, so
// that results and speed of a lesser one can be seen on this one.
//
//   U2MOE_CPU=avx2    AVX2 and FMA: neither AVX-512 (with or without VNNI) nor AMX
//   U2MOE_CPU=avx512  what AVX-512 has, no AMX
//   U2MOE_CPU=amx     everything, as without the variable
//
// It holds for our kernels and for OpenBLAS's. A limit above what the processor has changes
// nothing; below AVX2 there is nothing to run.
#ifndef U2MOE_TENSOR_CPU_LIMIT_H_
#define U2MOE_TENSOR_CPU_LIMIT_H_

#include <string>

namespace u2moe {

enum class CpuLimit { kAvx2, kAvx512, kNone };

// What U2MOE_CPU says; kNone where it is unset or empty. Throws UsageError for another word.
CpuLimit GetCpuLimit();

// ", U2MOE_CPU=avx2" where the variable is set, for the line that describes the machine.
std::string DescribeCpuLimit();

}  // namespace u2moe

#endif  // U2MOE_TENSOR_CPU_LIMIT_H_
