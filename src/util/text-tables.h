// Tables of integers and of words: token ids of utterances, transcripts, utt2lang and the like.
#ifndef U2MOE_UTIL_TEXT_TABLES_H_
#define U2MOE_UTIL_TEXT_TABLES_H_

#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "util/table.h"

namespace u2moe {

// Binary: count and each number with a size byte 4, as Kaldi's BasicVectorHolder<int32>. Text: one
// line.
struct Int32VectorHolder {
  using T = std::vector<int32_t>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// One number: lengths, dimensions, counts. Binary: size byte 4 and the number; text: one line.
struct Int32Holder {
  using T = int32_t;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// Always text, one line per entry, as Kaldi's TokenVectorHolder. Words are separated by ASCII white
// space and may be any bytes, so also UTF-8. An empty line is an empty vector.
struct TokenVectorHolder {
  using T = std::vector<std::string>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

using SequentialInt32VectorReader = SequentialTableReader<Int32VectorHolder>;
using RandomAccessInt32VectorReader = RandomAccessTableReader<Int32VectorHolder>;
using Int32VectorWriter = TableWriter<Int32VectorHolder>;

using SequentialInt32Reader = SequentialTableReader<Int32Holder>;
using RandomAccessInt32Reader = RandomAccessTableReader<Int32Holder>;
using Int32Writer = TableWriter<Int32Holder>;

using SequentialTokenVectorReader = SequentialTableReader<TokenVectorHolder>;
using RandomAccessTokenVectorReader = RandomAccessTableReader<TokenVectorHolder>;
using TokenVectorWriter = TableWriter<TokenVectorHolder>;

}  // namespace u2moe

#endif  // U2MOE_UTIL_TEXT_TABLES_H_
