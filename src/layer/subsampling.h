#ifndef U2MOE_LAYER_SUBSAMPLING_H_
#define U2MOE_LAYER_SUBSAMPLING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "layer/linear.h"
#include "layer/param-visitor.h"
#include "ops/conv2d.h"
#include "ops/packed/conv2d-tiles.h"
#include "tensor/packed-matrix.h"
#include "tensor/ragged.h"

namespace u2moe {

// Convolutional subsampling in time by 4, 6 or 8 (WeNet subsampling.py: Conv2dSubsampling4/6/8):
// unpadded strided convolutions over (time, frequency) with ReLU, then a linear layer from the
// channels of all frequencies to D.
class Subsampling {
 public:
  // Weights in the order the kernels read them. Made anew for each training forward; kept by a
  // model that only infers.
  struct Packed {
    // In training: [Cout, k*k*Cin] each; [D, F' * C], frequency-major as the planes are.
    std::vector<Tensor> conv;
    Tensor linear;
    // At inference.
    std::vector<PackedMatrix> packed_conv;
    std::vector<std::shared_ptr<const Conv2dTiles>> tiles;  // null where they do not suit
    PackedMatrix packed_linear;
  };
  struct Tape {
    Packed packed;
    std::vector<Tensor> planes;       // input of conv i; the last is the input of the linear layer
    std::vector<RaggedShape> shapes;  // their rows
  };

  Subsampling() = default;
  Subsampling(int64_t feature_dim, int64_t dim, int rate);

  int Rate() const { return rate_; }
  // One output frame needs this many input frames after its first one: 6, 10 or 14.
  int64_t RightContext() const;
  int64_t OutLength(int64_t in_length) const;
  RaggedShape OutShape(const RaggedShape &in) const;

  Packed Pack(const Context &ctx) const;
  // format: of all but the first convolution, whose products are too short to gain.
  Packed PackForInference(const Context &ctx, WeightFormat format, int64_t group_size) const;
  // x [sum T, F] -> y [sum OutLength(T), D], overwritten.
  void Forward(const Context &ctx, const Packed &packed, ConstView x, const RaggedShape &shape,
               View y, Tape *tape) const;
  // Parameters only: adds to grad. The gradient of the features is not needed.
  void Backward(const Context &ctx, const Tape &tape, ConstView dy, Subsampling *grad) const;
  void VisitParams(ParamVisitor *v);

 private:
  int64_t Frequencies() const { return shapes_.back().OutFreq(); }

  int rate_ = 4;
  std::vector<Conv2dShape> shapes_;
  std::vector<Tensor> weights_, biases_;
  Linear out_;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_SUBSAMPLING_H_
