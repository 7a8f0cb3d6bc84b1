// Tables of matrices and vectors of reals, as Kaldi, kaldiio and kaldi-native-io write them. Where
// a holder has ExtractRange, script lines may end in a range: docs/tables.md.
#ifndef U2MOE_TABLE_KALDI_TABLES_H_
#define U2MOE_TABLE_KALDI_TABLES_H_

#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "table/compressed-matrix.h"
#include "table/kaldi-holders.h"
#include "table/table.h"
#include "tensor/tensor.h"

namespace u2moe {

// A matrix of doubles [rows, cols], row by row: statistics that floats are too short for.
struct DoubleMatrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> data;
};

// Float [rows, cols]. Reads FM, DM (converted), compressed CM, CM2, CM3, and text; writes FM and
// text with the digits that give the same floats back. Ranges: "rows" or "rows,columns".
struct MatrixHolder {
  using T = Tensor;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
  static void Skip(std::istream &is) { SkipMatrix(is); }
  static void ExtractRange(const std::string &range, T *value);
};

// As MatrixHolder, in double throughout; writes DM.
struct DoubleMatrixHolder {
  using T = DoubleMatrix;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
  static void Skip(std::istream &is) { SkipMatrix(is); }
  static void ExtractRange(const std::string &range, T *value);
};

// Kept and copied in its codes. What is not compressed in the file is compressed when read, with
// the automatic method. In text the values are written.
struct CompressedMatrixHolder {
  using T = CompressedMatrix;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
  static void Skip(std::istream &is) { SkipMatrix(is); }
};

// Reads FV, DV (converted) and text, writes FV and text.
struct VectorHolder {
  using T = std::vector<float>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
  static void Skip(std::istream &is) { SkipVector(is); }
  static void ExtractRange(const std::string &range, T *value);
};

// Reads DV, FV and text, writes DV and text.
struct DoubleVectorHolder {
  using T = std::vector<double>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
  static void Skip(std::istream &is) { SkipVector(is); }
  static void ExtractRange(const std::string &range, T *value);
};

// What a file of HTK's holds: frames, and what its header tells about them.
struct HtkMatrix {
  Tensor values;
  int32_t period = 0;  // from frame to frame, in 100 ns
  uint16_t kind = 0;   // HTK's parameter kind with its qualifiers
};

// HTK's parameter files: a big-endian header of 12 bytes, then floats. Read with or without a
// checksum, but not compressed or vector-quantised; written as Kaldi does, without a checksum.
// There is no text form.
struct HtkMatrixHolder {
  using T = HtkMatrix;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// Sphinx's features, read only: 13 numbers per frame, big endian.
struct SphinxMatrixHolder {
  using T = Tensor;
  static void Read(std::istream &is, T *value);
};

using SequentialMatrixReader = SequentialTableReader<MatrixHolder>;
using RandomAccessMatrixReader = RandomAccessTableReader<MatrixHolder>;
using MatrixWriter = TableWriter<MatrixHolder>;

using SequentialDoubleMatrixReader = SequentialTableReader<DoubleMatrixHolder>;
using RandomAccessDoubleMatrixReader = RandomAccessTableReader<DoubleMatrixHolder>;
using DoubleMatrixWriter = TableWriter<DoubleMatrixHolder>;

using SequentialCompressedMatrixReader = SequentialTableReader<CompressedMatrixHolder>;
using RandomAccessCompressedMatrixReader = RandomAccessTableReader<CompressedMatrixHolder>;
using CompressedMatrixWriter = TableWriter<CompressedMatrixHolder>;

using SequentialHtkMatrixReader = SequentialTableReader<HtkMatrixHolder>;
using HtkMatrixWriter = TableWriter<HtkMatrixHolder>;
using SequentialSphinxMatrixReader = SequentialTableReader<SphinxMatrixHolder>;

using SequentialVectorReader = SequentialTableReader<VectorHolder>;
using RandomAccessVectorReader = RandomAccessTableReader<VectorHolder>;
using VectorWriter = TableWriter<VectorHolder>;

using SequentialDoubleVectorReader = SequentialTableReader<DoubleVectorHolder>;
using RandomAccessDoubleVectorReader = RandomAccessTableReader<DoubleVectorHolder>;
using DoubleVectorWriter = TableWriter<DoubleVectorHolder>;

}  // namespace u2moe

#endif  // U2MOE_TABLE_KALDI_TABLES_H_
