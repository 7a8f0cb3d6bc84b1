// How Kaldi stores matrices and vectors of reals: the parts that the holders of kaldi-tables.h
// share.
#ifndef U2MOE_TABLE_KALDI_HOLDERS_H_
#define U2MOE_TABLE_KALDI_HOLDERS_H_

#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "table/compressed-matrix.h"

namespace u2moe {

// Real is float or double: the type wanted in memory, whatever is in the file.
template <class Real>
struct RawMatrix {
  int64_t rows = 0, cols = 0;
  std::vector<Real> data;  // row by row
};

// Binary FM, DM, CM, CM2, CM3, or text "[ 1 2\n 3 4 ]". DataError: bad text that was read to its
// ']'. Error: anything after which the stream cannot be used. Compressed values are those Kaldi
// gives.
template <class Real>
void ReadMatrix(std::istream &is, RawMatrix<Real> *matrix);

// Any of these; what is not compressed is compressed, with the automatic method.
void ReadCompressedMatrix(std::istream &is, CompressedMatrix *matrix);

// Binary FV, DV, or text "[ 1 2 3 ]".
template <class Real>
void ReadVector(std::istream &is, std::vector<Real> *vector);

// A matrix without elements is written as 0 x 0, the only empty shape that Kaldi reads.
template <class Real>
void WriteMatrix(std::ostream &os, bool binary, const Real *data, int64_t rows, int64_t cols);

template <class Real>
void WriteVector(std::ostream &os, bool binary, const std::vector<Real> &vector);

// Pass over a value as ReadMatrix and ReadVector do, without holding its elements if it is binary.
MatrixSize SkipMatrix(std::istream &is);
void SkipVector(std::istream &is);

}  // namespace u2moe

#endif  // U2MOE_TABLE_KALDI_HOLDERS_H_
