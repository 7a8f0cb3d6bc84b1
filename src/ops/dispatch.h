// The one place where a device becomes a function. Each op has its checks in <op>.cc, which calls
// OPS_CALL(ctx, Fn, args...): cpu::Fn in <op>-cpu.cc or, in a CUDA build, cuda::Fn in <op>-cuda.cu.
// The checks see shapes only: views, spans and tensors that an op takes are in the memory of ctx,
// which only the functions called here may touch. On Device::kGuarded anything else ends the test.
#ifndef U2MOE_OPS_DISPATCH_H_
#define U2MOE_OPS_DISPATCH_H_

#include "tensor/context.h"
#include "tensor/op-scope.h"

// The scope is a temporary that lives as long as the call.
#define U2MOE_OPS_ON_HOST(ctx, fn, ...)                                  \
  ((ctx).OnGuarded() ? (OpScope(__VA_ARGS__), cpu::fn(ctx, __VA_ARGS__)) \
                     : cpu::fn(ctx, __VA_ARGS__))

#if HAVE_CUDA
#define OPS_CALL(ctx, fn, ...)                                                           \
  (OpRunsOnCuda(ctx) ? (CheckCudaOperands(ctx, __VA_ARGS__), cuda::fn(ctx, __VA_ARGS__)) \
                     : U2MOE_OPS_ON_HOST(ctx, fn, __VA_ARGS__))
#else  // a CUDA Context cannot be made in this build
#define OPS_CALL(ctx, fn, ...) U2MOE_OPS_ON_HOST(ctx, fn, __VA_ARGS__)
#endif

// For ops that have no cuda::Fn yet: an Error that names the op.
#define OPS_CALL_HOST(ctx, fn, ...) \
  ((ctx).OnCuda() ? RefuseOnCuda(#fn) : void(), U2MOE_OPS_ON_HOST(ctx, fn, __VA_ARGS__))

namespace u2moe {

void RefuseOnCuda(const char *op);

}  // namespace u2moe

#endif  // U2MOE_OPS_DISPATCH_H_
