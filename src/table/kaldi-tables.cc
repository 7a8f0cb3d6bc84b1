#include "table/kaldi-tables.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "table/kaldi-format.h"
#include "table/kaldi-holders.h"
#include "util/text.h"

namespace u2moe {

namespace {

Tensor ToTensor(int64_t rows, int64_t cols, const std::vector<float> &values) {
  Tensor tensor(rows, cols);
  std::copy(values.begin(), values.end(), tensor.Data());
  return tensor;
}

struct MatrixRange {
  IndexRange rows, cols;
};

MatrixRange ParseMatrixRange(const std::string &range, int64_t rows, int64_t cols) {
  const std::vector<std::string> parts = Split(range, ',');
  if (parts.size() > 2) {
    throw DataError("the range [", Printable(range), "] has more than two parts");
  }
  return {ParseRange(parts[0], rows, kRowTolerance),
          ParseRange(parts.size() > 1 ? parts[1] : "", cols, 0)};
}

template <class T>
void KeepRange(IndexRange range, std::vector<T> *values) {
  *values = std::vector<T>(values->begin() + range.begin, values->begin() + range.end);
}

// Big endian, as HTK and Sphinx store numbers.
template <class T>
T ReadNumber(std::istream &is) {
  char bytes[sizeof(T)];
  ReadBytes(is, bytes, sizeof(T), 0, sizeof(T));
  std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

template <class T>
void WriteNumber(std::ostream &os, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  std::reverse(bytes, bytes + sizeof(T));
  os.write(bytes, sizeof(T));
}

void SwapBytes(std::vector<float> *values) {
  for (float &x : *values) {
    std::reverse(reinterpret_cast<char *>(&x), reinterpret_cast<char *>(&x + 1));
  }
}

}  // namespace

void MatrixHolder::Read(std::istream &is, Tensor *value) {
  RawMatrix<float> raw;
  ReadMatrix(is, &raw);
  *value = ToTensor(raw.rows, raw.cols, raw.data);
}

void MatrixHolder::Write(std::ostream &os, bool binary, const Tensor &value) {
  WriteMatrix(os, binary, value.Data(), value.Rows(), value.Cols());
}

void MatrixHolder::ExtractRange(const std::string &range, Tensor *value) {
  const auto [rows, cols] = ParseMatrixRange(range, value->Rows(), value->Cols());
  *value = Tensor::Copy(value->View()
                            .RowRange(rows.begin, rows.end - rows.begin)
                            .ColRange(cols.begin, cols.end - cols.begin));
}

void DoubleMatrixHolder::Read(std::istream &is, DoubleMatrix *value) {
  RawMatrix<double> raw;
  ReadMatrix(is, &raw);
  *value = DoubleMatrix{raw.rows, raw.cols, std::move(raw.data)};
}

void DoubleMatrixHolder::Write(std::ostream &os, bool binary, const DoubleMatrix &value) {
  CHECK_EQ(static_cast<int64_t>(value.data.size()), value.rows * value.cols);
  WriteMatrix(os, binary, value.data.data(), value.rows, value.cols);
}

void DoubleMatrixHolder::ExtractRange(const std::string &range, DoubleMatrix *value) {
  const auto [rows, cols] = ParseMatrixRange(range, value->rows, value->cols);
  DoubleMatrix part{rows.end - rows.begin, cols.end - cols.begin, {}};
  part.data.reserve(static_cast<size_t>(part.rows * part.cols));
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    const auto row = value->data.begin() + i * value->cols;
    part.data.insert(part.data.end(), row + cols.begin, row + cols.end);
  }
  *value = std::move(part);
}

void CompressedMatrixHolder::Read(std::istream &is, CompressedMatrix *value) {
  ReadCompressedMatrix(is, value);
}

void CompressedMatrixHolder::Write(std::ostream &os, bool binary, const CompressedMatrix &value) {
  if (binary) return WriteCompressed(os, value);
  WriteMatrix(os, false, Decompress(value).data(), value.rows, value.cols);
}

void VectorHolder::Read(std::istream &is, std::vector<float> *value) { ReadVector(is, value); }

void VectorHolder::Write(std::ostream &os, bool binary, const std::vector<float> &value) {
  WriteVector(os, binary, value);
}

void VectorHolder::ExtractRange(const std::string &range, std::vector<float> *value) {
  KeepRange(ParseRange(range, static_cast<int64_t>(value->size()), kRowTolerance), value);
}

void DoubleVectorHolder::Read(std::istream &is, std::vector<double> *value) {
  ReadVector(is, value);
}

void DoubleVectorHolder::Write(std::ostream &os, bool binary, const std::vector<double> &value) {
  WriteVector(os, binary, value);
}

void DoubleVectorHolder::ExtractRange(const std::string &range, std::vector<double> *value) {
  KeepRange(ParseRange(range, static_cast<int64_t>(value->size()), kRowTolerance), value);
}

void HtkMatrixHolder::Read(std::istream &is, HtkMatrix *value) {
  const int64_t frames = ReadNumber<int32_t>(is);
  const int32_t period = ReadNumber<int32_t>(is);
  const int frame_bytes = ReadNumber<int16_t>(is);
  const int kind = static_cast<uint16_t>(ReadNumber<int16_t>(is));
  constexpr int kCompressed = 02000, kChecksum = 010000, kQuantised = 040000, kBase = 077;
  constexpr int kWaveform = 0, kIrefc = 5, kDiscrete = 10;
  const int base = kind & kBase;
  if (kind & (kCompressed | kQuantised) || base == kWaveform || base == kIrefc ||
      base == kDiscrete) {
    throw Error("HTK data of parameter kind ", kind,
                ": compressed or quantised features and waveforms are not read; write plain "
                "features with HTK's HCopy");
  }
  if (frames < 0 || frame_bytes <= 0 || frame_bytes % 4 != 0) {
    throw Error(frames, " frames of ", frame_bytes, " bytes: this is no HTK file of features");
  }
  std::vector<float> values;
  ReadBinaryArray(is, frames * (frame_bytes / 4), &values);
  SwapBytes(&values);
  if (kind & kChecksum) ReadNumber<int16_t>(is);
  *value = {ToTensor(frames, frame_bytes / 4, values), period,
            static_cast<uint16_t>(kind & ~kChecksum)};
}

void HtkMatrixHolder::Write(std::ostream &os, bool binary, const HtkMatrix &value) {
  if (!binary) throw UsageError("HTK's files have no text form: use ark: instead of ark,t:");
  const int64_t rows = value.values.Rows(), cols = value.values.Cols();
  if (rows > INT32_MAX || cols > INT16_MAX / 4) {
    throw DataError("a matrix of ", rows, " x ", cols, " is too large for an HTK file, which has ",
                    INT16_MAX / 4, " columns at most");
  }
  WriteNumber(os, static_cast<int32_t>(rows));
  WriteNumber(os, value.period);
  WriteNumber(os, static_cast<int16_t>(4 * cols));
  WriteNumber(os, value.kind);
  std::vector<float> values(value.values.Data(), value.values.Data() + rows * cols);
  SwapBytes(&values);
  os.write(reinterpret_cast<const char *>(values.data()),
           static_cast<std::streamsize>(values.size() * sizeof(float)));
}

void SphinxMatrixHolder::Read(std::istream &is, Tensor *value) {
  constexpr int64_t kDim = 13;
  const int32_t n = ReadNumber<int32_t>(is);
  if (n < 0 || n % kDim != 0) {
    throw Error("a count of ", n, " numbers is no multiple of ", kDim,
                "; this is no Sphinx file of features");
  }
  std::vector<float> values;
  ReadBinaryArray(is, n, &values);
  SwapBytes(&values);
  *value = ToTensor(n / kDim, kDim, values);
}

}  // namespace u2moe
