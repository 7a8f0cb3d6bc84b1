#include "tensor/kaldi-holders.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/error.h"
#include "util/kaldi-format.h"
#include "util/text.h"

namespace u2moe {
namespace {

template <class From, class Real>
void ReadReals(std::istream &is, int64_t n, std::vector<Real> *values) {
  if constexpr (std::is_same_v<From, Real>) {
    ReadBinaryArray(is, n, values);
  } else {
    std::vector<From> raw;
    ReadBinaryArray(is, n, &raw);
    values->resize(raw.size());
    std::transform(raw.begin(), raw.end(), values->begin(),
                   [](From x) { return static_cast<Real>(x); });
  }
}

// The number of elements, or Error for one that can only come from a corrupt header.
int64_t NumElements(int64_t rows, int64_t cols) {
  const int64_t n = rows * cols;  // each below 2^31
  if (n > (int64_t{1} << 40) || (cols == 0 && rows > 0)) {
    throw Error("a matrix of ", rows, " rows and ", cols, " columns; the file is corrupt");
  }
  return n;
}

// Kaldi's CompressedMatrix, with its mixture of float and double arithmetic, so that bits agree.
struct CompressedHeader {
  float min_value, range;
  int32_t rows, cols;
};

float Unpack16(const CompressedHeader &h, uint16_t x) {
  return h.min_value + h.range * 1.52590218966964e-05F * static_cast<float>(x);
}

// One byte per element, between four percentiles of its column; columns one after another.
template <class Real>
void UnpackColumns(std::istream &is, const CompressedHeader &h, std::vector<Real> *values) {
  const int64_t rows = h.rows, cols = h.cols;
  std::vector<uint16_t> percentiles;
  ReadBinaryArray(is, 4 * cols, &percentiles);
  std::vector<uint8_t> bytes;
  ReadBinaryArray(is, rows * cols, &bytes);
  values->resize(bytes.size());
  for (int64_t j = 0; j < cols; ++j) {
    float p[4];
    for (int k = 0; k < 4; ++k) p[k] = Unpack16(h, percentiles[static_cast<size_t>(4 * j + k)]);
    for (int64_t i = 0; i < rows; ++i) {
      const int x = bytes[static_cast<size_t>(j * rows + i)];
      const float fx = static_cast<float>(x);
      const double y = x <= 64    ? p[0] + (p[1] - p[0]) * fx * (1 / 64.0)
                       : x <= 192 ? p[1] + (p[2] - p[1]) * (fx - 64) * (1 / 128.0)
                                  : p[2] + (p[3] - p[2]) * (fx - 192) * (1 / 63.0);
      (*values)[static_cast<size_t>(i * cols + j)] = static_cast<float>(y);
    }
  }
}

template <class Code, class Real>
void UnpackUniform(std::istream &is, const CompressedHeader &h, std::vector<Real> *values) {
  std::vector<Code> codes;
  ReadBinaryArray(is, static_cast<int64_t>(h.rows) * h.cols, &codes);
  const float step = static_cast<float>(h.range * (1.0 / std::numeric_limits<Code>::max()));
  values->resize(codes.size());
  std::transform(codes.begin(), codes.end(), values->begin(), [&](Code x) {
    return static_cast<Real>(h.min_value + static_cast<float>(x) * step);
  });
}

template <class Real>
void ReadCompressed(std::istream &is, const std::string &type, RawMatrix<Real> *matrix) {
  CompressedHeader h;
  ReadBytes(is, reinterpret_cast<char *>(&h), sizeof(h), 0, sizeof(h));
  matrix->rows = CheckCount(h.rows, "number of rows");
  matrix->cols = CheckCount(h.cols, "number of columns");
  NumElements(h.rows, h.cols);
  if (type == "CM") {
    UnpackColumns(is, h, &matrix->data);
  } else if (type == "CM2") {
    UnpackUniform<uint16_t>(is, h, &matrix->data);
  } else {
    UnpackUniform<uint8_t>(is, h, &matrix->data);
  }
}

// Splits text at white space and gives ';', '[', ']' and line ends on their own. End of input: "".
std::string_view NextText(std::streambuf *buffer, std::string *word) {
  word->clear();
  int c = buffer->sgetc();
  while (c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f') c = buffer->snextc();
  while (c >= 0) {
    const char x = static_cast<char>(c);
    const bool alone = x == '\n' || x == ';' || x == '[' || x == ']';
    if (IsSpace(x) && x != '\n') break;
    if (alone && !word->empty()) break;
    *word += x;
    c = buffer->snextc();
    if (alone) break;
    if (word->size() > 256) throw Error("'", Printable(*word), "' is no number");
  }
  return *word;
}

// "[ 1 2\n 3 4 ]\n" into rows; one row for a vector. Reads past the line's end.
template <class Real>
void ReadTextRows(std::istream &is, RawMatrix<Real> *matrix) {
  matrix->data.clear();
  matrix->rows = matrix->cols = 0;
  std::streambuf *buffer = is.rdbuf();
  std::string storage, problem;
  std::string_view word = NextText(buffer, &storage);
  while (word == "\n") word = NextText(buffer, &storage);
  if (word != "[") {
    throw Error("expected '[' or binary data, found ",
                word.empty() ? std::string("the end of the file") : Cat("'", Printable(word), "'"),
                "; if the file is a script file, write scp: instead of ark:");
  }
  int64_t row_length = 0;
  while (true) {
    word = NextText(buffer, &storage);
    if (word.empty()) throw Error("the text ends before ']'; the file is truncated, make it again");
    if (word == "[") throw Error("a second '[' before ']'; the file is corrupt");
    if (word == "\n" || word == ";" || word == "]") {
      if (row_length > 0) {
        if (matrix->rows == 0) matrix->cols = row_length;
        if (row_length != matrix->cols && problem.empty()) {
          problem =
              Cat("row ", matrix->rows, " has ", row_length, " numbers, row 0 has ", matrix->cols);
        }
        ++matrix->rows;
        row_length = 0;
      }
      if (word == "]") break;
      continue;
    }
    Real value = 0;
    if (!ParseNumber(word, &value) && problem.empty()) {
      problem = Cat("'", Printable(word), "' in row ", matrix->rows, " is not a number that fits");
    }
    matrix->data.push_back(value);
    ++row_length;
  }
  word = NextText(buffer, &storage);
  if (word != "\n" && !word.empty()) {
    throw Error("'", Printable(word), "' follows ']' on the same line; the file is corrupt");
  }
  if (!problem.empty()) throw DataError(problem);
}

template <class Real>
const char *TypeName(char shape) {
  if (shape == 'M') return sizeof(Real) == 4 ? "FM " : "DM ";
  return sizeof(Real) == 4 ? "FV " : "DV ";
}

template <class Real>
void WriteReals(std::ostream &os, const Real *data, int64_t n) {
  os.write(reinterpret_cast<const char *>(data),
           static_cast<std::streamsize>(n) * static_cast<std::streamsize>(sizeof(Real)));
}

template <class Real>
void AppendReals(std::string *text, const Real *data, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    *text += NumberToString(data[i]);
    *text += ' ';
  }
}

int32_t ToInt32(int64_t n, const char *what) {
  if (n > std::numeric_limits<int32_t>::max()) {
    throw DataError(n, " ", what, " are more than Kaldi's format can store");
  }
  return static_cast<int32_t>(n);
}

}  // namespace

template <class Real>
void ReadMatrix(std::istream &is, RawMatrix<Real> *matrix) {
  if (!ReadBinaryHeader(is)) return ReadTextRows(is, matrix);
  const std::string type = ReadBinaryToken(is);
  if (type == "FM" || type == "DM") {
    matrix->rows = CheckCount(ReadBinaryInt32(is), "number of rows");
    matrix->cols = CheckCount(ReadBinaryInt32(is), "number of columns");
    const int64_t n = NumElements(matrix->rows, matrix->cols);
    type == "FM" ? ReadReals<float>(is, n, &matrix->data) : ReadReals<double>(is, n, &matrix->data);
  } else if (type == "CM" || type == "CM2" || type == "CM3") {
    ReadCompressed(is, type, matrix);
  } else {
    throw Error("expected a matrix (FM, DM, CM), found '", Printable(type), "'",
                type == "FV" || type == "DV" ? ", which is a vector" : "");
  }
}

template <class Real>
void ReadVector(std::istream &is, std::vector<Real> *vector) {
  if (!ReadBinaryHeader(is)) {
    RawMatrix<Real> rows;
    ReadTextRows(is, &rows);
    if (rows.rows > 1)
      throw DataError("a matrix of ", rows.rows, " rows where a vector is expected");
    *vector = std::move(rows.data);
    return;
  }
  const std::string type = ReadBinaryToken(is);
  if (type != "FV" && type != "DV") {
    throw Error("expected a vector (FV, DV), found '", Printable(type), "'",
                type == "FM" || type == "DM" || type[0] == 'C' ? ", which is a matrix" : "");
  }
  const int64_t n = CheckCount(ReadBinaryInt32(is), "length");
  type == "FV" ? ReadReals<float>(is, n, vector) : ReadReals<double>(is, n, vector);
}

template <class Real>
void WriteMatrix(std::ostream &os, bool binary, const Real *data, int64_t rows, int64_t cols) {
  if (rows == 0 || cols == 0) rows = cols = 0;
  const int32_t rows32 = ToInt32(rows, "rows"), cols32 = ToInt32(cols, "columns");
  if (binary) {
    WriteBinaryHeader(os);
    os << TypeName<Real>('M');
    WriteBinaryInt32(os, rows32);
    WriteBinaryInt32(os, cols32);
    WriteReals(os, data, rows * cols);
    return;
  }
  std::string text = " [";
  for (int64_t i = 0; i < rows; ++i) {
    text += "\n  ";
    AppendReals(&text, data + i * cols, cols);
  }
  os << text << (rows == 0 ? " ]\n" : "]\n");
}

template <class Real>
void WriteVector(std::ostream &os, bool binary, const std::vector<Real> &vector) {
  const int64_t n = static_cast<int64_t>(vector.size());
  const int32_t n32 = ToInt32(n, "elements");
  if (binary) {
    WriteBinaryHeader(os);
    os << TypeName<Real>('V');
    WriteBinaryInt32(os, n32);
    WriteReals(os, vector.data(), n);
    return;
  }
  std::string text = " [ ";
  AppendReals(&text, vector.data(), n);
  os << text << "]\n";
}

IndexRange ParseRange(const std::string &part, int64_t size) {
  const std::string text(Trim(part));
  if (text.empty() || text == ":") return {0, size};
  const size_t colon = text.find(':');
  int64_t first = 0, last = 0;
  if (colon == text.npos || !ParseNumber(std::string_view(text).substr(0, colon), &first) ||
      !ParseNumber(std::string_view(text).substr(colon + 1), &last)) {
    throw DataError("the range '", Printable(part), "' is not of the form first:last");
  }
  if (first < 0 || last < first || first >= size || last > size + 2) {
    throw DataError("the range ", text, " is outside 0:", size - 1);
  }
  return {first, std::min(last + 1, size)};
}

#define INSTANTIATE(Real)                                                                \
  template void ReadMatrix<Real>(std::istream &, RawMatrix<Real> *);                     \
  template void ReadVector<Real>(std::istream &, std::vector<Real> *);                   \
  template void WriteMatrix<Real>(std::ostream &, bool, const Real *, int64_t, int64_t); \
  template void WriteVector<Real>(std::ostream &, bool, const std::vector<Real> &);

INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace u2moe
