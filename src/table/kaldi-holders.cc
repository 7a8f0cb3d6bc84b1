#include "table/kaldi-holders.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/error.h"
#include "table/compressed-matrix.h"
#include "table/kaldi-format.h"
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

bool IsCompressed(const std::string &type) {
  return type == "CM" || type == "CM2" || type == "CM3";
}

[[noreturn]] void NoMatrix(const std::string &type) {
  throw Error("expected a matrix (FM, DM, CM), found '", Printable(type), "'",
              type == "FV" || type == "DV" ? ", which is a vector" : "");
}

// What follows the type of a binary matrix.
template <class Real>
void ReadBinaryMatrix(std::istream &is, const std::string &type, RawMatrix<Real> *matrix) {
  if (type == "FM" || type == "DM") {
    const int32_t rows = ReadBinaryInt32(is), cols = ReadBinaryInt32(is);
    const int64_t n = CheckElements(rows, cols);
    matrix->rows = rows;
    matrix->cols = cols;
    type == "FM" ? ReadReals<float>(is, n, &matrix->data) : ReadReals<double>(is, n, &matrix->data);
  } else if (IsCompressed(type)) {
    const CompressedMatrix m = ReadCompressed(is, type);
    matrix->rows = m.rows;
    matrix->cols = m.cols;
    const std::vector<float> values = Decompress(m);
    matrix->data.assign(values.begin(), values.end());
  } else {
    NoMatrix(type);
  }
}

struct VectorHeader {
  bool is_double;
  int64_t n;
};

// What stands between the mark of binary data and the elements.
VectorHeader ReadVectorHeader(std::istream &is) {
  const std::string type = ReadBinaryToken(is);
  if (type != "FV" && type != "DV") {
    throw Error("expected a vector (FV, DV), found '", Printable(type), "'",
                type == "FM" || type == "DM" || type[0] == 'C' ? ", which is a matrix" : "");
  }
  return {type == "DV", CheckCount(ReadBinaryInt32(is), "length")};
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
  ReadBinaryMatrix(is, ReadBinaryToken(is), matrix);
}

void ReadCompressedMatrix(std::istream &is, CompressedMatrix *matrix) {
  RawMatrix<float> raw;
  if (ReadBinaryHeader(is)) {
    const std::string type = ReadBinaryToken(is);
    if (IsCompressed(type)) {
      *matrix = ReadCompressed(is, type);
      return;
    }
    ReadBinaryMatrix(is, type, &raw);
  } else {
    ReadTextRows(is, &raw);
  }
  *matrix = Compress(ConstView(raw.data.data(), raw.rows, raw.cols), CompressionMethod::kAutomatic);
}

MatrixSize SkipMatrix(std::istream &is) {
  if (!ReadBinaryHeader(is)) {
    RawMatrix<float> text;
    ReadTextRows(is, &text);
    return {text.rows, text.cols};
  }
  const std::string type = ReadBinaryToken(is);
  if (IsCompressed(type)) return SkipCompressed(is, type);
  if (type != "FM" && type != "DM") NoMatrix(type);
  const int32_t rows = ReadBinaryInt32(is), cols = ReadBinaryInt32(is);
  SkipBytes(is, CheckElements(rows, cols) * (type == "FM" ? 4 : 8));
  return {rows, cols};
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
  const VectorHeader h = ReadVectorHeader(is);
  h.is_double ? ReadReals<double>(is, h.n, vector) : ReadReals<float>(is, h.n, vector);
}

void SkipVector(std::istream &is) {
  if (!ReadBinaryHeader(is)) {
    RawMatrix<float> text;
    return ReadTextRows(is, &text);
  }
  const VectorHeader h = ReadVectorHeader(is);
  SkipBytes(is, h.n * (h.is_double ? 8 : 4));
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

#define INSTANTIATE(Real)                                                                \
  template void ReadMatrix<Real>(std::istream &, RawMatrix<Real> *);                     \
  template void ReadVector<Real>(std::istream &, std::vector<Real> *);                   \
  template void WriteMatrix<Real>(std::ostream &, bool, const Real *, int64_t, int64_t); \
  template void WriteVector<Real>(std::ostream &, bool, const std::vector<Real> &);

INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace u2moe
