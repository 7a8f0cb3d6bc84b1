// The one place where a device becomes a function. Each op has its checks in <op>.cc, which calls
// OPS_CALL(ctx, Fn, args...): cpu::Fn in <op>-cpu.cc or, in a CUDA build, cuda::Fn in <op>-cuda.cu.
#ifndef U2MOE_OPS_DISPATCH_H_
#define U2MOE_OPS_DISPATCH_H_

#include "tensor/context.h"

#if HAVE_CUDA
#define OPS_CALL(ctx, fn, ...) \
  ((ctx).OnCuda() ? cuda::fn(ctx, __VA_ARGS__) : cpu::fn(ctx, __VA_ARGS__))
#else  // a CUDA Context cannot be made in this build
#define OPS_CALL(ctx, fn, ...) cpu::fn(ctx, __VA_ARGS__)
#endif

#endif  // U2MOE_OPS_DISPATCH_H_
