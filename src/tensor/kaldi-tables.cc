#include "tensor/kaldi-tables.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "tensor/kaldi-holders.h"
#include "util/text.h"

namespace u2moe {

void MatrixHolder::Read(std::istream &is, Tensor *value) {
  RawMatrix<float> raw;
  ReadMatrix(is, &raw);
  *value = Tensor(raw.rows, raw.cols);
  std::copy(raw.data.begin(), raw.data.end(), value->Data());
}

void MatrixHolder::Write(std::ostream &os, bool binary, const Tensor &value) {
  WriteMatrix(os, binary, value.Data(), value.Rows(), value.Cols());
}

void MatrixHolder::ExtractRange(const std::string &range, Tensor *value) {
  const std::vector<std::string> parts = Split(range, ',');
  if (parts.size() > 2)
    throw DataError("the range [", Printable(range), "] has more than two parts");
  const IndexRange rows = ParseRange(parts[0], value->Rows());
  const IndexRange cols = ParseRange(parts.size() > 1 ? parts[1] : "", value->Cols());
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

void VectorHolder::Read(std::istream &is, std::vector<float> *value) { ReadVector(is, value); }

void VectorHolder::Write(std::ostream &os, bool binary, const std::vector<float> &value) {
  WriteVector(os, binary, value);
}

void VectorHolder::ExtractRange(const std::string &range, std::vector<float> *value) {
  const IndexRange r = ParseRange(range, static_cast<int64_t>(value->size()));
  *value = std::vector<float>(value->begin() + r.begin, value->begin() + r.end);
}

void DoubleVectorHolder::Read(std::istream &is, std::vector<double> *value) {
  ReadVector(is, value);
}

void DoubleVectorHolder::Write(std::ostream &os, bool binary, const std::vector<double> &value) {
  WriteVector(os, binary, value);
}

}  // namespace u2moe
