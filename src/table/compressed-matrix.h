// Kaldi's compressed matrices: 8 or 16 bits per element, lossy.
#ifndef U2MOE_TABLE_COMPRESSED_MATRIX_H_
#define U2MOE_TABLE_COMPRESSED_MATRIX_H_

#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "tensor/view.h"

namespace u2moe {

// The numbers are Kaldi's (copy-feats --compression-method). Values outside a fixed interval are
// clipped to it.
enum class CompressionMethod {
  kAutomatic = 1,               // kSpeechFeature above 8 rows, else kTwoByteAuto
  kSpeechFeature = 2,           // one byte, between four percentiles of the column
  kTwoByteAuto = 3,             // two bytes, over the interval of the values
  kTwoByteSignedInteger = 4,    // two bytes, -32768 to 32767
  kOneByteAuto = 5,             // one byte, over the interval of the values
  kOneByteUnsignedInteger = 6,  // one byte, 0 to 255
  kOneByteZeroOne = 7,          // one byte, 0 to 1
};

// Throws UsageError for a number outside 1...7.
CompressionMethod ToCompressionMethod(int32_t number);

struct CompressedMatrix {
  // As in files: "CM " has percentiles and one byte per element, column by column; "CM2 " two bytes
  // and "CM3 " one byte per element, row by row.
  enum class Format { kColumns, kTwoByte, kOneByte };

  Format format = Format::kColumns;
  float min_value = 0, range = 0;
  int32_t rows = 0, cols = 0;
  std::vector<uint16_t> words;  // kColumns: 4 percentiles of each column; kTwoByte: the elements
  std::vector<uint8_t> bytes;   // kColumns, kOneByte: the elements
};

// Bit for bit what Kaldi makes on x86. Throws DataError for NaN, and for infinities or a spread
// that no float holds where the method takes the interval from the values: Kaldi has no code for
// them.
CompressedMatrix Compress(ConstView m, CompressionMethod method);

// The same, and a warning with the count where values lie outside a fixed interval and are clipped;
// `name`: the utterance or file, for the message.
CompressedMatrix CompressAndWarn(const std::string &name, ConstView m, CompressionMethod method);

// The values that Kaldi gives, row by row.
std::vector<float> Decompress(const CompressedMatrix &m);

struct MatrixSize {
  int64_t rows = 0, cols = 0;
};

// What follows the type ("CM", "CM2", "CM3") in binary files. ReadCompressed throws Error for sizes
// that can only be corrupt, or if the data end early. SkipCompressed passes over
// the elements.
CompressedMatrix ReadCompressed(std::istream &is, const std::string &type);
MatrixSize SkipCompressed(std::istream &is, const std::string &type);

// With the mark of binary data and the type.
void WriteCompressed(std::ostream &os, const CompressedMatrix &m);

}  // namespace u2moe

#endif  // U2MOE_TABLE_COMPRESSED_MATRIX_H_
