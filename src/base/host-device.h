// For small functions of plain headers that kernels call, too.
#ifndef U2MOE_BASE_HOST_DEVICE_H_
#define U2MOE_BASE_HOST_DEVICE_H_

#ifdef __CUDACC__
#define U2MOE_HOST_DEVICE __host__ __device__
#else
#define U2MOE_HOST_DEVICE
#endif

#endif  // U2MOE_BASE_HOST_DEVICE_H_
