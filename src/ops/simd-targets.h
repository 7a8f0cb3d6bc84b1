// The first Highway header of every <op>-cpu.cc. Such a file begins
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "ops/<op>-cpu.cc"
//   #include "ops/simd-targets.h"
//
//   #include "ops/simd-inl.h"
// and is compiled once per instruction set, with its kernels between HWY_BEFORE_NAMESPACE() and
// HWY_AFTER_NAMESPACE(); the part under HWY_ONCE holds the functions of u2moe::cpu, which choose
// one at run time (HWY_EXPORT, HWY_DYNAMIC_DISPATCH).
#ifndef U2MOE_OPS_SIMD_TARGETS_H_
#define U2MOE_OPS_SIMD_TARGETS_H_

#include "hwy/base.h"  // HWY_MAJOR, in versions after 1.0.3

// x86-64: AVX2 and AVX-512. Below AVX2 Context refuses to run; AVX3_DL and what newer versions have
// above it (AVX3_ZEN4, AVX3_SPR; older ones lack the names) add nothing for floats. Each target
// less is compile time saved.
#ifdef HWY_MAJOR
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | 1LL << 6 | 1LL << 4)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif

#endif  // U2MOE_OPS_SIMD_TARGETS_H_

#include "hwy/foreach_target.h"  // outside the guard: it includes HWY_TARGET_INCLUDE again and again
