#include "layer/subsampling.h"

#include <cmath>
#include <utility>

#include "ops/activation.h"
#include "ops/elementwise.h"
#include "ops/packed/packed-gemm.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

struct KernelStride {
  int64_t kernel, stride;
};

std::vector<KernelStride> Convolutions(int rate) {
  switch (rate) {
    case 4:
      return {{3, 2}, {3, 2}};
    case 6:
      return {{3, 2}, {5, 3}};
    case 8:
      return {{3, 2}, {3, 2}, {3, 2}};
    default:
      throw DataError("subsampling by ", rate, ": known are 4, 6 and 8");
  }
}

}  // namespace

Subsampling::Subsampling(int64_t feature_dim, int64_t dim, int rate) : rate_(rate) {
  int64_t freq = feature_dim, channels = 1;
  for (const KernelStride &ks : Convolutions(rate)) {
    Conv2dShape s;
    s.in_channels = channels;
    s.out_channels = dim;
    s.kernel = ks.kernel;
    s.stride = ks.stride;
    s.in_freq = freq;
    if (freq < s.kernel)
      throw DataError(feature_dim, "-dimensional features are too few for subsampling by ", rate);
    shapes_.push_back(s);
    weights_.emplace_back(std::vector<int64_t>{dim, channels, s.kernel, s.kernel});
    biases_.emplace_back(std::vector<int64_t>{dim});
    freq = s.OutFreq();
    channels = dim;
  }
  out_ = Linear(dim * freq, dim);
}

int64_t Subsampling::RightContext() const {
  int64_t context = 0, step = 1;
  for (const Conv2dShape &s : shapes_) {
    context += (s.kernel - 1) * step;
    step *= s.stride;
  }
  return context;
}

int64_t Subsampling::OutLength(int64_t length) const {
  for (const Conv2dShape &s : shapes_) length = s.OutTime(length);
  return length;
}

RaggedShape Subsampling::OutShape(const RaggedShape &in) const {
  RaggedShape out;
  for (int b = 0; b < in.NumSequences(); ++b) out.Append(OutLength(in.Length(b)));
  return out;
}

Subsampling::Packed Subsampling::Pack(const Context &ctx) const {
  Packed packed;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    packed.conv.emplace_back(ctx, shapes_[i].out_channels, shapes_[i].PatchSize());
    PackChannelsLast(ctx, shapes_[i].in_channels, weights_[i], packed.conv.back());
  }
  packed.linear = Tensor(ctx, out_.OutDim(), out_.InDim());
  PackChannelsLast(ctx, shapes_.back().out_channels, out_.Weight(), packed.linear);
  return packed;
}

Subsampling::Packed Subsampling::PackForInference(const Context &ctx, WeightFormat format,
                                                  int64_t group_size) const {
  const Packed packed = Pack(ctx);
  Packed result;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    result.packed_conv.push_back(PackedMatrix::Pack(
        ctx, packed.conv[i], i == 0 ? WeightFormat::kFloat32 : format, group_size));
    const PackedMatrix &w = result.packed_conv.back();
    // CUDA convolves directly: tiles would be 36 products of few rows each, with all that lies
    // between them in memory.
    result.tiles.push_back(!ctx.OnCuda() && Conv2dTiles::Suit(shapes_[i], w.Format())
                               ? std::make_shared<const Conv2dTiles>(shapes_[i], w)
                               : nullptr);
  }
  result.packed_linear = PackedMatrix::Pack(ctx, packed.linear, format, group_size);
  return result;
}

void Subsampling::Forward(const Context &ctx, const Packed &packed, ConstView x,
                          const RaggedShape &shape, View y, Tape *tape) const {
  // What the convolutions make of a frame is some hundred times as large. At inference, where a row
  // does not depend on its company, sequences go through in groups, so that memory does not grow
  // with the batch.
  constexpr int64_t kFramesTogether = 1024;
  const bool split = tape == nullptr && !packed.packed_conv.empty();
  if (split && shape.NumSequences() > 1 && shape.TotalRows() > kFramesTogether) {
    const RaggedShape out_shape = OutShape(shape);
    for (int begin = 0, end; begin < shape.NumSequences(); begin = end) {
      RaggedShape group;
      for (end = begin; end < shape.NumSequences() &&
                        (end == begin || group.TotalRows() + shape.Length(end) <= kFramesTogether);
           ++end) {
        group.Append(shape.Length(end));
      }
      Forward(ctx, packed, x.RowRange(shape.Begin(begin), group.TotalRows()), group,
              y.RowRange(out_shape.Begin(begin), out_shape.Begin(end) - out_shape.Begin(begin)),
              nullptr);
    }
    return;
  }
  // The planes of all sequences lie one after another; a frame of the input is `in_freq` rows of 1
  // channel.
  ConstView plane = x.Reshape(x.Rows() * x.Cols(), 1);
  RaggedShape times = shape;
  Tensor owner;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    const Conv2dShape &s = shapes_[i];
    RaggedShape out_times;
    for (int b = 0; b < times.NumSequences(); ++b) out_times.Append(s.OutTime(times.Length(b)));
    Tensor out(ctx, out_times.TotalRows() * s.OutFreq(), s.out_channels);
    for (int b = 0; b < times.NumSequences(); ++b) {
      const ConstView in = plane.RowRange(times.Begin(b) * s.in_freq, times.Length(b) * s.in_freq);
      const View to =
          out.View().RowRange(out_times.Begin(b) * s.OutFreq(), out_times.Length(b) * s.OutFreq());
      if (!packed.tiles.empty() && packed.tiles[i] != nullptr) {
        Conv2dReluTiles(ctx, *packed.tiles[i], in, biases_[i], to);
      } else if (!packed.packed_conv.empty()) {
        Conv2dReluPacked(ctx, s, in, packed.packed_conv[i], biases_[i], to);
      } else {
        Conv2dForward(ctx, s, in, packed.conv[i], biases_[i], to);
      }
    }
    if (packed.packed_conv.empty()) ActivationForward(ctx, Activation::kRelu, out, out);
    if (tape != nullptr) {
      tape->planes.push_back(i == 0 ? Tensor::Copy(ctx, plane) : std::move(owner));
      tape->shapes.push_back(times);
    }
    owner = std::move(out);
    plane = owner;
    times = std::move(out_times);
  }
  const ConstView flat =
      plane.Reshape(times.TotalRows(), Frequencies() * shapes_.back().out_channels);
  if (!packed.packed_linear.Empty()) {
    Epilogue epilogue;
    epilogue.bias = out_.Bias().Data();
    PackedGemm(ctx, flat, packed.packed_linear, epilogue, y);
  } else {
    Gemm(ctx, 1, flat, Trans::kNo, packed.linear, Trans::kYes, 0, y);
    AddRowVector(ctx, out_.Bias(), y);
  }
  if (tape != nullptr) {
    tape->planes.push_back(std::move(owner));
    tape->shapes.push_back(times);
  }
}

void Subsampling::Backward(const Context &ctx, const Tape &tape, ConstView dy,
                           Subsampling *grad) const {
  const Tensor &last = tape.planes.back();
  const int64_t channels = shapes_.back().out_channels, frames = tape.shapes.back().TotalRows();
  Tensor dplane(ctx, last.Rows(), last.Cols());
  const View dflat = dplane.View().Reshape(frames, Frequencies() * channels);
  Tensor dlinear(ctx, out_.OutDim(), out_.InDim());
  Gemm(ctx, 1, dy, Trans::kYes, last.View().Reshape(frames, Frequencies() * channels), Trans::kNo,
       0, dlinear);
  UnpackChannelsLastAdd(ctx, channels, dlinear, *grad->out_.MutableWeight());
  AddSumOfRows(ctx, dy, *grad->out_.MutableBias());
  Gemm(ctx, 1, dy, Trans::kNo, tape.packed.linear, Trans::kNo, 0, dflat);
  for (size_t i = shapes_.size(); i-- > 0;) {
    const Conv2dShape &s = shapes_[i];
    const RaggedShape &in = tape.shapes[i], &out = tape.shapes[i + 1];
    // ReLU's derivative depends on its output as on its input.
    ActivationBackward(ctx, Activation::kRelu, tape.planes[i + 1], dplane, dplane);
    Tensor dpacked = Tensor::Zeros(ctx, s.out_channels, s.PatchSize());
    Tensor dinput;
    if (i > 0) dinput = Tensor(ctx, tape.planes[i].Rows(), s.in_channels);
    for (int b = 0; b < in.NumSequences(); ++b) {
      const int64_t begin = in.Begin(b) * s.in_freq, rows = in.Length(b) * s.in_freq;
      Conv2dBackward(
          ctx, s, tape.planes[i].View().RowRange(begin, rows), tape.packed.conv[i],
          dplane.View().RowRange(out.Begin(b) * s.OutFreq(), out.Length(b) * s.OutFreq()),
          i > 0 ? dinput.View().RowRange(begin, rows) : View(), dpacked, grad->biases_[i]);
    }
    UnpackChannelsLastAdd(ctx, s.in_channels, dpacked, grad->weights_[i]);
    dplane = std::move(dinput);
  }
}

void Subsampling::VisitParams(ParamVisitor *v) {
  for (size_t i = 0; i < shapes_.size(); ++i) {
    const ParamInit init =
        ParamInit::Uniform(1 / std::sqrt(static_cast<double>(shapes_[i].PatchSize())));
    const std::string name = "conv." + std::to_string(2 * i);
    v->Param(name + ".weight", &weights_[i], init);
    v->Param(name + ".bias", &biases_[i], init);
  }
  v->Scope(rate_ == 4 ? "out.0" : "linear", &out_);
}

}  // namespace u2moe
