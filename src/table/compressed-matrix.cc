#include "table/compressed-matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "table/kaldi-format.h"

namespace u2moe {
namespace {

using Format = CompressedMatrix::Format;

// As it lies in files.
struct Header {
  float min_value, range;
  int32_t rows, cols;
};

// The mixture of float and double arithmetic below is Kaldi's, so that bits agree.

float FromCode(const CompressedMatrix &m, uint16_t x) {
  return m.min_value + m.range * 1.52590218966964e-05F * static_cast<float>(x);
}

// max_code 65535 or 255. The 0.499 keeps 1 from becoming max_code + 1.
int ToCode(const CompressedMatrix &m, float value, int max_code) {
  const float f = (value - m.min_value) / m.range;
  return static_cast<int>(std::clamp(f, 0.F, 1.F) * static_cast<float>(max_code) + 0.499);
}

// What x86 makes of a conversion that does not fit, which in a constant column happens to Kaldi.
int64_t Truncate(double x) {
  constexpr int64_t kNone = std::numeric_limits<int32_t>::min();
  return x > -2147483649.0 && x < 2147483648.0 ? static_cast<int64_t>(x) : kNone;
}

struct Percentiles {
  float at_0, at_25, at_75, at_100;

  Percentiles(const CompressedMatrix &m, const uint16_t *codes)
      : at_0(FromCode(m, codes[0])),
        at_25(FromCode(m, codes[1])),
        at_75(FromCode(m, codes[2])),
        at_100(FromCode(m, codes[3])) {}

  uint8_t Code(float value) const {
    const auto code = [value](float low, float high, int first, int64_t steps) {
      const float f = (value - low) / (high - low);
      const int64_t x = Truncate(f * static_cast<float>(steps) + 0.5);
      return static_cast<uint8_t>(first + std::clamp<int64_t>(x, 0, steps));
    };
    if (value < at_25) return code(at_0, at_25, 0, 64);
    if (value < at_75) return code(at_25, at_75, 64, 128);
    return code(at_75, at_100, 192, 63);
  }

  float Value(uint8_t x) const {
    const float fx = static_cast<float>(x);
    const double y = x <= 64    ? at_0 + (at_25 - at_0) * fx * (1 / 64.0)
                     : x <= 192 ? at_25 + (at_75 - at_25) * (fx - 64) * (1 / 128.0)
                                : at_75 + (at_100 - at_75) * (fx - 192) * (1 / 63.0);
    return static_cast<float>(y);
  }
};

// The codes of four ranks of a column, at least one apart; `column` is reordered.
void ChoosePercentiles(const CompressedMatrix &m, std::vector<float> *column, uint16_t *codes) {
  const int64_t n = static_cast<int64_t>(column->size());
  const auto at = [&](int64_t rank) { return column->begin() + rank; };
  const int64_t quarter = n / 4;
  int64_t ranks[4] = {0, quarter, 3 * quarter, n - 1};
  if (n >= 5) {
    std::nth_element(at(0), at(quarter), at(n));
    std::nth_element(at(0), at(0), at(quarter));
    std::nth_element(at(quarter + 1), at(3 * quarter), at(n));
    std::nth_element(at(3 * quarter + 1), at(n - 1), at(n));
  } else {
    std::sort(at(0), at(n));
    for (int k = 0; k < 4; ++k) ranks[k] = k;
  }
  int previous = -1;
  for (int k = 0; k < 4; ++k) {
    int code = previous + 1;
    if (ranks[k] < n) code = std::max(code, ToCode(m, *at(ranks[k]), 65535));
    previous = std::min(code, 65532 + k);
    codes[k] = static_cast<uint16_t>(previous);
  }
}

void CompressColumns(ConstView v, CompressedMatrix *m) {
  m->words.resize(static_cast<size_t>(4 * v.Cols()));
  m->bytes.resize(static_cast<size_t>(v.Rows() * v.Cols()));
  std::vector<float> column(static_cast<size_t>(v.Rows()));
  uint8_t *byte = m->bytes.data();
  for (int64_t j = 0; j < v.Cols(); ++j) {
    for (int64_t i = 0; i < v.Rows(); ++i) column[static_cast<size_t>(i)] = v(i, j);
    uint16_t *codes = &m->words[static_cast<size_t>(4 * j)];
    ChoosePercentiles(*m, &column, codes);
    const Percentiles percentiles(*m, codes);
    for (int64_t i = 0; i < v.Rows(); ++i) *byte++ = percentiles.Code(v(i, j));
  }
}

// The interval of the values, which must be finite.
void TakeInterval(ConstView v, CompressedMatrix *m) {
  float low = v(0, 0), high = v(0, 0);
  for (int64_t i = 0; i < v.Rows(); ++i) {
    for (int64_t j = 0; j < v.Cols(); ++j) {
      low = std::min(low, v(i, j));
      high = std::max(high, v(i, j));
    }
  }
  if (high == low) high = static_cast<float>(low + (1.0 + std::fabs(low)));
  m->min_value = low;
  m->range = high - low;
  if (!std::isfinite(m->range) || !std::isfinite(low)) {
    throw DataError("a matrix with values from ", low, " to ", high,
                    " cannot be compressed over that interval; do not compress it, or choose a "
                    "method with a fixed interval");
  }
}

int32_t Narrow(int64_t n) {
  if (n > std::numeric_limits<int32_t>::max()) {
    throw DataError("a size of ", n, " is more than Kaldi's format can store");
  }
  return static_cast<int32_t>(n);
}

// What stands before the elements; the vectors stay empty.
CompressedMatrix ReadHeader(std::istream &is, const std::string &type) {
  Header h;
  ReadBytes(is, reinterpret_cast<char *>(&h), sizeof(h), 0, sizeof(h));
  CheckElements(h.rows, h.cols);
  CompressedMatrix m;
  m.format = type == "CM" ? Format::kColumns : type == "CM2" ? Format::kTwoByte : Format::kOneByte;
  m.min_value = h.min_value;
  m.range = h.range;
  m.rows = h.rows;
  m.cols = h.cols;
  if (h.rows == 0 && h.cols == 0) {
    // Kaldi writes an empty matrix with the type of its memory in front, which is 4 bytes too many.
    for (int i = 0; i < 4 && is.peek() == 0; ++i) is.get();
  }
  return m;
}

int64_t NumWords(const CompressedMatrix &m) {
  const int64_t cols = m.cols;
  return m.format == Format::kColumns ? 4 * cols : m.format == Format::kTwoByte ? m.rows * cols : 0;
}

int64_t NumBytes(const CompressedMatrix &m) {
  return m.format == Format::kTwoByte ? 0 : static_cast<int64_t>(m.rows) * m.cols;
}

template <class T>
void WriteArray(std::ostream &os, const std::vector<T> &values) {
  os.write(reinterpret_cast<const char *>(values.data()),
           static_cast<std::streamsize>(values.size() * sizeof(T)));
}

// How many values lie outside the fixed interval of a method.
int64_t CountOutside(ConstView v, CompressionMethod method) {
  float low = 0, high = 1;
  if (method == CompressionMethod::kTwoByteSignedInteger) {
    low = -32768;
    high = 32767;
  } else if (method == CompressionMethod::kOneByteUnsignedInteger) {
    high = 255;
  } else if (method != CompressionMethod::kOneByteZeroOne) {
    return 0;
  }
  int64_t count = 0;
  for (int64_t i = 0; i < v.Rows(); ++i) {
    for (int64_t j = 0; j < v.Cols(); ++j) count += v(i, j) < low || v(i, j) > high ? 1 : 0;
  }
  return count;
}

}  // namespace

CompressionMethod ToCompressionMethod(int32_t number) {
  if (number < 1 || number > 7) {
    throw UsageError("--compression-method=", number, ": there are the methods 1 to 7");
  }
  return static_cast<CompressionMethod>(number);
}

CompressedMatrix Compress(ConstView v, CompressionMethod method) {
  CompressedMatrix m;
  if (v.Rows() == 0 || v.Cols() == 0) return m;
  for (int64_t i = 0; i < v.Rows(); ++i) {
    for (int64_t j = 0; j < v.Cols(); ++j) {
      if (std::isnan(v(i, j))) {
        throw DataError("row ", i, ", column ", j, " is NaN, which cannot be compressed");
      }
    }
  }
  m.rows = Narrow(v.Rows());
  m.cols = Narrow(v.Cols());
  if (method == CompressionMethod::kAutomatic) {
    method = m.rows > 8 ? CompressionMethod::kSpeechFeature : CompressionMethod::kTwoByteAuto;
  }
  switch (method) {
    case CompressionMethod::kTwoByteSignedInteger:
      m.min_value = -32768;
      m.range = 65535;
      break;
    case CompressionMethod::kOneByteUnsignedInteger:
      m.range = 255;
      break;
    case CompressionMethod::kOneByteZeroOne:
      m.range = 1;
      break;
    default:
      TakeInterval(v, &m);
  }
  if (method == CompressionMethod::kSpeechFeature) {
    CompressColumns(v, &m);
    return m;
  }
  const size_t n = static_cast<size_t>(v.Rows() * v.Cols());
  const bool two = method == CompressionMethod::kTwoByteAuto ||
                   method == CompressionMethod::kTwoByteSignedInteger;
  m.format = two ? Format::kTwoByte : Format::kOneByte;
  two ? m.words.reserve(n) : m.bytes.reserve(n);
  for (int64_t i = 0; i < v.Rows(); ++i) {
    for (int64_t j = 0; j < v.Cols(); ++j) {
      if (two) {
        m.words.push_back(static_cast<uint16_t>(ToCode(m, v(i, j), 65535)));
      } else {
        m.bytes.push_back(static_cast<uint8_t>(ToCode(m, v(i, j), 255)));
      }
    }
  }
  return m;
}

CompressedMatrix CompressAndWarn(const std::string &name, ConstView v, CompressionMethod method) {
  CompressedMatrix m = Compress(v, method);
  const int64_t outside = CountOutside(v, method);
  if (outside > 0) {
    LOG_WARN << name << ": " << outside << " of " << v.Rows() * v.Cols()
             << " values were clipped, they lie outside " << m.min_value << " to "
             << m.min_value + m.range
             << ", the interval of --compression-method=" << static_cast<int>(method)
             << "; other methods take it from the values";
  }
  return m;
}

std::vector<float> Decompress(const CompressedMatrix &m) {
  std::vector<float> values(static_cast<size_t>(m.rows) * static_cast<size_t>(m.cols));
  if (m.format == Format::kColumns) {
    const uint8_t *byte = m.bytes.data();
    for (int64_t j = 0; j < m.cols; ++j) {
      const Percentiles percentiles(m, &m.words[static_cast<size_t>(4 * j)]);
      for (int64_t i = 0; i < m.rows; ++i) {
        values[static_cast<size_t>(i * m.cols + j)] = percentiles.Value(*byte++);
      }
    }
    return values;
  }
  const auto expand = [&](const auto &codes, double max_code) {
    const float step = static_cast<float>(m.range * (1.0 / max_code));
    std::transform(codes.begin(), codes.end(), values.begin(),
                   [&](auto x) { return m.min_value + static_cast<float>(x) * step; });
  };
  m.format == Format::kTwoByte ? expand(m.words, 65535) : expand(m.bytes, 255);
  return values;
}

CompressedMatrix ReadCompressed(std::istream &is, const std::string &type) {
  CompressedMatrix m = ReadHeader(is, type);
  ReadBinaryArray(is, NumWords(m), &m.words);
  ReadBinaryArray(is, NumBytes(m), &m.bytes);
  return m;
}

MatrixSize SkipCompressed(std::istream &is, const std::string &type) {
  const CompressedMatrix m = ReadHeader(is, type);
  SkipBytes(is, 2 * NumWords(m) + NumBytes(m));
  return {m.rows, m.cols};
}

void WriteCompressed(std::ostream &os, const CompressedMatrix &m) {
  WriteBinaryHeader(os);
  os << (m.format == Format::kColumns ? "CM " : m.format == Format::kTwoByte ? "CM2 " : "CM3 ");
  const Header h = {m.min_value, m.range, m.rows, m.cols};
  os.write(reinterpret_cast<const char *>(&h), sizeof(h));
  WriteArray(os, m.words);
  WriteArray(os, m.bytes);
}

}  // namespace u2moe
