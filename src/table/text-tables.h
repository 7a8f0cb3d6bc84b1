// Tables of numbers, truth values, words and lists of them: token ids of utterances, transcripts,
// utt2lang, utt2dur and the like. The formats are Kaldi's, byte for byte in binary; in text, reals
// have the digits that give the same number back.
#ifndef U2MOE_TABLE_TEXT_TABLES_H_
#define U2MOE_TABLE_TEXT_TABLES_H_

#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "table/table.h"

namespace u2moe {

// One bool ("T", "F"), int32_t, float or double. Binary numbers have their size in a byte before
// them; a float is read where a double is wanted and the other way round. Text: one line.
template <class Basic>
struct BasicHolder {
  using T = Basic;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// Binary: count and numbers, each with its size byte. Text: one line; kaldiio's "[ 1 2 ]" is read
// too. Ranges: "first:last".
struct Int32VectorHolder {
  using T = std::vector<int32_t>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
  static void Skip(std::istream &is);
  static void ExtractRange(const std::string &range, T *value);
};

// A vector alone in a file, which Kaldi stores in another form than in tables. Binary: one size
// byte, count, numbers as they lie in memory. Text: "[ 1 2 ]".
struct Int32VectorFileHolder {
  using T = std::vector<int32_t>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// Text: "1 2 ; 3 ; \n", each inner vector ended by ';'.
struct Int32VectorVectorHolder {
  using T = std::vector<std::vector<int32_t>>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// Of int32_t or float. Text: "1 2 ; 3 4 \n".
template <class Basic>
struct BasicPairVectorHolder {
  using T = std::vector<std::pair<Basic, Basic>>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// One word. Always text.
struct TokenHolder {
  using T = std::string;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// Always text, one line per entry, as Kaldi's TokenVectorHolder. Words are separated by white space
// in Unicode's sense (SplitWords), and may otherwise be any bytes. An empty line is an empty
// vector.
struct TokenVectorHolder {
  using T = std::vector<std::string>;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// The same lines before they are cut into words, for tools that look at every character
// (TextWatch). Only read.
struct TranscriptHolder {
  using T = std::string;
  static void Read(std::istream &is, T *value);
};

using BoolHolder = BasicHolder<bool>;
using SequentialBoolReader = SequentialTableReader<BoolHolder>;
using RandomAccessBoolReader = RandomAccessTableReader<BoolHolder>;
using BoolWriter = TableWriter<BoolHolder>;

using Int32Holder = BasicHolder<int32_t>;
using SequentialInt32Reader = SequentialTableReader<Int32Holder>;
using RandomAccessInt32Reader = RandomAccessTableReader<Int32Holder>;
using Int32Writer = TableWriter<Int32Holder>;

using FloatHolder = BasicHolder<float>;
using SequentialFloatReader = SequentialTableReader<FloatHolder>;
using RandomAccessFloatReader = RandomAccessTableReader<FloatHolder>;
using FloatWriter = TableWriter<FloatHolder>;

using DoubleHolder = BasicHolder<double>;
using SequentialDoubleReader = SequentialTableReader<DoubleHolder>;
using RandomAccessDoubleReader = RandomAccessTableReader<DoubleHolder>;
using DoubleWriter = TableWriter<DoubleHolder>;

using SequentialInt32VectorReader = SequentialTableReader<Int32VectorHolder>;
using RandomAccessInt32VectorReader = RandomAccessTableReader<Int32VectorHolder>;
using Int32VectorWriter = TableWriter<Int32VectorHolder>;

using SequentialInt32VectorVectorReader = SequentialTableReader<Int32VectorVectorHolder>;
using RandomAccessInt32VectorVectorReader = RandomAccessTableReader<Int32VectorVectorHolder>;
using Int32VectorVectorWriter = TableWriter<Int32VectorVectorHolder>;

using Int32PairVectorHolder = BasicPairVectorHolder<int32_t>;
using SequentialInt32PairVectorReader = SequentialTableReader<Int32PairVectorHolder>;
using RandomAccessInt32PairVectorReader = RandomAccessTableReader<Int32PairVectorHolder>;
using Int32PairVectorWriter = TableWriter<Int32PairVectorHolder>;

using FloatPairVectorHolder = BasicPairVectorHolder<float>;
using SequentialFloatPairVectorReader = SequentialTableReader<FloatPairVectorHolder>;
using RandomAccessFloatPairVectorReader = RandomAccessTableReader<FloatPairVectorHolder>;
using FloatPairVectorWriter = TableWriter<FloatPairVectorHolder>;

using SequentialTokenReader = SequentialTableReader<TokenHolder>;
using RandomAccessTokenReader = RandomAccessTableReader<TokenHolder>;
using TokenWriter = TableWriter<TokenHolder>;

using SequentialTokenVectorReader = SequentialTableReader<TokenVectorHolder>;
using RandomAccessTokenVectorReader = RandomAccessTableReader<TokenVectorHolder>;
using TokenVectorWriter = TableWriter<TokenVectorHolder>;

using SequentialTranscriptReader = SequentialTableReader<TranscriptHolder>;

}  // namespace u2moe

#endif  // U2MOE_TABLE_TEXT_TABLES_H_
