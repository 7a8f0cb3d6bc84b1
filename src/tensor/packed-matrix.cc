#include "tensor/packed-matrix.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "tensor/allocator.h"
#include "tensor/context.h"

namespace u2moe {
namespace {

constexpr int64_t kPanel = PackedMatrix::kPanel;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Inputs that lie together in a panel; K is filled up to a multiple.
int64_t BlockSize(WeightFormat format) {
  switch (format) {
    case WeightFormat::kFloat32:
      return 1;
    case WeightFormat::kBfloat16:
      return 2;
    case WeightFormat::kInt8:
      return 4;
    case WeightFormat::kInt4:
      return 8;
  }
  return 1;
}

int64_t BlockBytes(WeightFormat format) {
  return format == WeightFormat::kFloat32 || format == WeightFormat::kBfloat16
             ? kPanel * static_cast<int64_t>(sizeof(float))
             : kPanel * 4;
}

bool HasCodes(WeightFormat format) {
  return format == WeightFormat::kInt8 || format == WeightFormat::kInt4;
}

// Codes of one output, kPanel elements apart the scales of its groups, and the sum over the groups
// of scale * (sum of codes).
void Quantize(const float *w, int64_t cols, int64_t group_size, int32_t largest, int8_t *codes,
              float *scales, float *correction) {
  *correction = 0;
  for (int64_t begin = 0, g = 0; begin < cols; begin += group_size, ++g) {
    const int64_t end = std::min(cols, begin + group_size);
    float max = 0;
    for (int64_t k = begin; k < end; ++k) max = std::max(max, std::abs(w[k]));
    const float scale = max / static_cast<float>(largest);
    int32_t sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      // A scale that underflows to zero, or is too small to divide by, stands for zeros.
      const float code = scale > 1e-30f ? std::nearbyint(w[k] / scale) : 0.f;
      codes[k] = static_cast<int8_t>(
          std::min<float>(static_cast<float>(largest), std::max<float>(code, -largest)));
      sum += codes[k];
    }
    scales[g * kPanel] = scale;
    *correction += scale * static_cast<float>(sum);
  }
}

}  // namespace

WeightFormat ParseWeightFormat(const std::string &name) {
  for (WeightFormat f : {WeightFormat::kFloat32, WeightFormat::kBfloat16, WeightFormat::kInt8,
                         WeightFormat::kInt4}) {
    if (name == ToString(f)) return f;
  }
  throw UsageError("unknown format of weights '", name,
                   "'; known are float32, bfloat16, int8 and int4");
}

std::string ToString(WeightFormat format) {
  switch (format) {
    case WeightFormat::kFloat32:
      return "float32";
    case WeightFormat::kBfloat16:
      return "bfloat16";
    case WeightFormat::kInt8:
      return "int8";
    case WeightFormat::kInt4:
      return "int4";
  }
  return "";
}

int64_t PackedMatrix::PackedBytes(WeightFormat format, int64_t rows, int64_t cols) {
  return CeilDiv(rows, kPanel) * CeilDiv(cols, BlockSize(format)) * BlockBytes(format);
}

int64_t PackedMatrix::ScaleRows(WeightFormat format, int64_t rows, int64_t cols,
                                int64_t group_size) {
  if (!HasCodes(format) || cols == 0) return 0;
  return CeilDiv(rows, kPanel) * (1 + CeilDiv(cols, group_size > 0 ? group_size : cols));
}

PackedMatrix PackedMatrix::Borrow(WeightFormat format, int64_t rows, int64_t cols,
                                  int64_t group_size, std::shared_ptr<const uint8_t> data,
                                  Tensor scales) {
  PackedMatrix m;
  m.format_ = format;
  m.rows_ = rows;
  m.cols_ = cols;
  m.group_size_ = HasCodes(format) && group_size > 0 ? group_size : cols;
  m.data_ = std::move(data);
  m.scales_ = std::move(scales);
  const int64_t scale_rows = ScaleRows(format, rows, cols, group_size);
  if (m.scales_.Size() != scale_rows * kPanel || (scale_rows > 0 && m.scales_.Cols() != kPanel)) {
    throw DataError("scales of shape ", m.scales_.ShapeString(), " for a ", rows, " x ", cols, " ",
                    ToString(format), " matrix in groups of ", m.group_size_, "; expected [",
                    scale_rows, ", ", kPanel, "]");
  }
  return m;
}

PackedMatrix PackedMatrix::Pack(ConstView w, WeightFormat format, int64_t group_size) {
  CHECK(group_size >= 0 && group_size % 8 == 0) << group_size;
  const int64_t rows = w.Rows(), cols = w.Cols(), block = BlockSize(format);
  const int64_t blocks = CeilDiv(cols, block), panels = CeilDiv(rows, kPanel);
  const int64_t bytes = PackedBytes(format, rows, cols);
  const std::shared_ptr<float> floats = AllocateFloats(CeilDiv(bytes, sizeof(float)));
  auto *out = reinterpret_cast<uint8_t *>(floats.get());
  const int64_t group = group_size > 0 ? group_size : std::max<int64_t>(cols, 1);
  const int64_t scale_rows = ScaleRows(format, rows, cols, group_size);
  Tensor scales;
  if (scale_rows > 0) scales = Tensor::Zeros(scale_rows, kPanel);
  const int32_t largest = format == WeightFormat::kInt8 ? 127 : 7;
  std::vector<int8_t> codes(static_cast<size_t>(blocks * block));
  for (int64_t n = 0; n < panels * kPanel; ++n) {
    const int64_t lane = n % kPanel;
    uint8_t *panel = out + n / kPanel * blocks * BlockBytes(format);
    const float *row = n < rows ? w.Row(n) : nullptr;
    for (int64_t k = 0; row != nullptr && k < cols; ++k) {
      if (!std::isfinite(row[k]))
        throw DataError("the weight of output ", n, ", input ", k, " is ", row[k]);
    }
    switch (format) {
      case WeightFormat::kFloat32: {
        float *to = reinterpret_cast<float *>(panel) + lane;
        for (int64_t k = 0; k < cols; ++k) to[k * kPanel] = row != nullptr ? row[k] : 0;
        break;
      }
      case WeightFormat::kBfloat16: {
        uint16_t *to = reinterpret_cast<uint16_t *>(panel) + 2 * lane;
        for (int64_t k = 0; k < 2 * blocks; ++k) {
          to[k / 2 * 2 * kPanel + k % 2] =
              row != nullptr && k < cols ? ToBfloat16(row[k]) : uint16_t{0};
        }
        break;
      }
      case WeightFormat::kInt8:
      case WeightFormat::kInt4: {
        std::fill(codes.begin(), codes.end(), 0);
        if (row != nullptr) {
          float *correction = scales.View().Row(n / kPanel * (scale_rows / panels)) + lane;
          Quantize(row, cols, group, largest, codes.data(), correction + kPanel, correction);
        }
        for (int64_t b = 0; b < blocks; ++b) {
          uint8_t *to = panel + b * BlockBytes(format) + lane * 4;
          const int8_t *from = codes.data() + b * block;
          for (int64_t i = 0; i < 4; ++i) {
            to[i] = format == WeightFormat::kInt8
                        ? static_cast<uint8_t>(from[i] + 128)
                        : static_cast<uint8_t>((from[i] + 8) | (from[i + 4] + 8) << 4);
          }
        }
        break;
      }
    }
  }
  return Borrow(format, rows, cols, group_size, std::shared_ptr<const uint8_t>(floats, out),
                std::move(scales));
}

PackedMatrix PackedMatrix::Pack(const Context &ctx, ConstView w, WeightFormat format,
                                int64_t group_size) {
  if (ctx.OnHost()) return Pack(w, format, group_size);
  return Pack(CopyToHost(ctx, w), format, group_size).ToDevice(ctx);
}

PackedMatrix PackedMatrix::ToDevice(const Context &ctx) const {
  const int64_t bytes = NumPanels() * PanelBytes();
  const std::shared_ptr<float> data =
      AllocateFloatsOn(ctx.GetDevice(), CeilDiv(bytes, sizeof(float)));
  CopyBytes(ctx.GetDevice(), data.get(), Device::kCpu, data_.get(), static_cast<size_t>(bytes));
  PackedMatrix m = *this;
  m.data_ = std::shared_ptr<const uint8_t>(data, reinterpret_cast<uint8_t *>(data.get()));
  m.scales_ = scales_.ToDevice(ctx);
  return m;
}

PackedMatrix PackedMatrix::PanelRange(int64_t first, int64_t count) const {
  CHECK(first >= 0 && count >= 0 && first + count <= NumPanels()) << first << " " << count;
  const int64_t rows = std::min(rows_, (first + count) * kPanel) - first * kPanel;
  Tensor scales;
  if (!scales_.Empty()) {
    auto *from = const_cast<float *>(Corrections(first));
    scales = Tensor::Borrow(std::shared_ptr<float>(std::shared_ptr<void>(), from),
                            {count * (NumGroups() + 1), kPanel});
  }
  return Borrow(format_, rows, cols_, group_size_,
                std::shared_ptr<const uint8_t>(std::shared_ptr<void>(), Panel(first)),
                std::move(scales));
}

Tensor PackedMatrix::Unpack() const {
  Tensor w(rows_, cols_);
  for (int64_t n = 0; n < rows_; ++n) {
    const int64_t p = n / kPanel, lane = n % kPanel;
    const uint8_t *panel = Panel(p);
    const float *scale = scales_.Empty() ? nullptr : PanelScales(p) + lane;
    for (int64_t k = 0; k < cols_; ++k) {
      const uint8_t *code = panel + k / BlockSize(format_) * BlockBytes(format_) + lane * 4;
      float value = 0;
      switch (format_) {
        case WeightFormat::kFloat32:
          std::memcpy(&value, code, sizeof(value));
          break;
        case WeightFormat::kBfloat16: {
          uint16_t bits;
          std::memcpy(&bits, code + k % 2 * 2, sizeof(bits));
          value = FromBfloat16(bits);
          break;
        }
        case WeightFormat::kInt8:
          value = static_cast<float>(code[k % 4] - 128) * scale[k / group_size_ * kPanel];
          break;
        case WeightFormat::kInt4:
          value = static_cast<float>((code[k % 4] >> (k % 8 / 4 * 4) & 15) - 8) *
                  scale[k / group_size_ * kPanel];
          break;
      }
      w(n, k) = value;
    }
  }
  return w;
}

}  // namespace u2moe
