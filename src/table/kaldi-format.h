// The elements of Kaldi's binary and text objects, shared by the holders of all tables. Every
// function throws Error where the bytes are not what is expected or end too early. No count read
// from a file is trusted: memory grows with the bytes that really arrive.
#ifndef U2MOE_TABLE_KALDI_FORMAT_H_
#define U2MOE_TABLE_KALDI_FORMAT_H_

#include <algorithm>
#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

namespace u2moe {

// Binary objects begin with "\0B". Consumes that and returns true, or consumes nothing.
bool ReadBinaryHeader(std::istream &is);
void WriteBinaryHeader(std::ostream &os);

// A size byte 4 and the number, little endian.
int32_t ReadBinaryInt32(std::istream &is);
void WriteBinaryInt32(std::ostream &os, int32_t value);

// A short word ended by a space, e.g. "FM ".
std::string ReadBinaryToken(std::istream &is);

// Reads exactly n bytes; `done` and `total` are for the message.
void ReadBytes(std::istream &is, char *data, int64_t n, int64_t done, int64_t total);

// A count from a file, e.g. of rows; throws if negative.
int32_t CheckCount(int32_t count, const char *what);

// rows * cols, or Error for what only a corrupt header can say.
int64_t CheckElements(int32_t rows, int32_t cols);

// Passes over n bytes: by a seek where the stream is a file that has them, else by reading.
void SkipBytes(std::istream &is, int64_t n);

// n values as they lie in memory, in pieces of at most 1 MiB.
template <class T>
void ReadBinaryArray(std::istream &is, int64_t n, std::vector<T> *values) {
  constexpr int64_t kPiece = (1 << 20) / static_cast<int64_t>(sizeof(T));
  values->clear();
  for (int64_t done = 0; done < n;) {
    const int64_t piece = std::min(kPiece, n - done);
    values->resize(static_cast<size_t>(done + piece));
    ReadBytes(is, reinterpret_cast<char *>(values->data() + done),
              piece * static_cast<int64_t>(sizeof(T)), done * static_cast<int64_t>(sizeof(T)),
              n * static_cast<int64_t>(sizeof(T)));
    done += piece;
  }
}

// One part "first:last" of a range, both inclusive; either may be left out, "" and ":" are all.
// last may exceed size - 1 by less than `tolerance`: Kaldi allows 3 for rows, whose numbers come
// from rounded times. Throws DataError outside [0, size).
struct IndexRange {
  int64_t begin, end;  // end is exclusive
};
constexpr int64_t kRowTolerance = 3;
IndexRange ParseRange(const std::string &part, int64_t size, int64_t tolerance);

// The rest of a line without its end ("\n" or "\r\n"); throws Error at the end of the input.
void ReadTextLine(std::istream &is, std::string *line);

}  // namespace u2moe

#endif  // U2MOE_TABLE_KALDI_FORMAT_H_
