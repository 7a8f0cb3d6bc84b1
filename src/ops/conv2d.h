// Strided 2-D convolution without padding over (time, frequency) of one sequence: a product of
// patches and weights. Activations keep channels last: a "plane" x is [T * F, C], row t*F + f.
#ifndef U2MOE_OPS_CONV2D_H_
#define U2MOE_OPS_CONV2D_H_

#include <cstdint>

#include "tensor/context.h"
#include "tensor/packed-matrix.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

namespace u2moe {

struct Conv2dShape {
  int64_t in_channels = 0, out_channels = 0;
  int64_t kernel = 3, stride = 2;  // square: the same in time and frequency
  int64_t in_freq = 0;             // F of the input
  int64_t OutFreq() const { return (in_freq - kernel) / stride + 1; }
  int64_t OutTime(int64_t in_time) const {
    return in_time < kernel ? 0 : (in_time - kernel) / stride + 1;
  }
  int64_t PatchSize() const { return kernel * kernel * in_channels; }
};

// Weights whose columns torch numbers channel first, to channels last: packed[o, i*channels + c] =
// weight[o, c*n + i] with n = Cols() / channels. Of a convolution [Cout, Cin, kt, kf] (viewed as
// [Cout, Cin*kt*kf]) that is the order of patches, [Cout, (kt*k + kf)*Cin + cin]; of a linear map
// of planes the order of these. UnpackAdd is the transpose, for gradients: it adds.
void PackChannelsLast(const Context &ctx, int64_t channels, ConstView weight, View packed);
void UnpackChannelsLastAdd(const Context &ctx, int64_t channels, ConstView packed, View weight);

// y = patches(x) * packed^T + bias; x [T*F, Cin], y [OutTime(T)*OutFreq, Cout], bias [1, Cout].
void Conv2dForward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                   ConstView bias, View y);
// y = relu(patches(x) * w^T + bias) for inference, w = `packed` as a PackedMatrix of any format.
// Patches are copied, some rows at a time: they are read out_channels times. (By CUDA not where
// weights are floats: tiles are copied to shared memory anyway.)
void Conv2dReluPacked(const Context &ctx, const Conv2dShape &shape, ConstView x,
                      const PackedMatrix &w, ConstView bias, View y);
// dx overwritten (pass a default View to skip it), dpacked and dbias added to.
void Conv2dBackward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                    ConstView dy, View dx, View dpacked, View dbias);

namespace cpu {
void PackChannelsLast(const Context &ctx, int64_t channels, ConstView weight, View packed);
void UnpackChannelsLastAdd(const Context &ctx, int64_t channels, ConstView packed, View weight);
void Conv2dForward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                   ConstView bias, View y);
void Conv2dReluPacked(const Context &ctx, const Conv2dShape &shape, ConstView x,
                      const PackedMatrix &w, ConstView bias, View y);
void Conv2dBackward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                    ConstView dy, View dx, View dpacked, View dbias);
}  // namespace cpu

namespace cuda {
void PackChannelsLast(const Context &ctx, int64_t channels, ConstView weight, View packed);
void UnpackChannelsLastAdd(const Context &ctx, int64_t channels, ConstView packed, View weight);
void Conv2dForward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                   ConstView bias, View y);
void Conv2dReluPacked(const Context &ctx, const Conv2dShape &shape, ConstView x,
                      const PackedMatrix &w, ConstView bias, View y);
void Conv2dBackward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                    ConstView dy, View dx, View dpacked, View dbias);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_CONV2D_H_
