#include "table/kaldi-format.h"

#include <cstring>
#include <vector>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

// All machines we build for are little endian, and so is Kaldi's format.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Kaldi's binary format is little endian");

}  // namespace

bool ReadBinaryHeader(std::istream &is) {
  if (is.peek() != 0) return false;
  is.get();
  const int c = is.get();
  if (c < 0) throw Error("the file ends within Kaldi's mark of binary data; it is truncated");
  if (c != 'B') throw Error("expected Kaldi's mark of binary data, \\0B, found \\0 and byte ", c);
  return true;
}

void WriteBinaryHeader(std::ostream &os) { os.write("\0B", 2); }

void ReadBytes(std::istream &is, char *data, int64_t n, int64_t done, int64_t total) {
  const int64_t got = is.rdbuf()->sgetn(data, n);
  if (got != n) {
    is.setstate(std::ios::eofbit | std::ios::failbit);
    throw Error("the data end after ", done + got, " of ", total,
                " bytes; the file is truncated, or its sizes are corrupt; make it again");
  }
}

int32_t ReadBinaryInt32(std::istream &is) {
  char bytes[5];
  ReadBytes(is, bytes, 5, 0, 5);
  if (bytes[0] != 4) {
    throw Error("expected a 32-bit integer (size byte 4), found size byte ",
                static_cast<int>(bytes[0]), "; the file is corrupt or holds another type");
  }
  int32_t value;
  std::memcpy(&value, bytes + 1, 4);
  return value;
}

void WriteBinaryInt32(std::ostream &os, int32_t value) {
  char bytes[5] = {4};
  std::memcpy(bytes + 1, &value, 4);
  os.write(bytes, 5);
}

std::string ReadBinaryToken(std::istream &is) {
  std::string token;
  while (true) {
    const int c = is.rdbuf()->sbumpc();
    if (c == ' ') return token;
    if (c < 0)
      throw Error("the data end where a type such as 'FM' is expected; the file is truncated");
    token += static_cast<char>(c);
    if (token.size() > 16) {
      throw Error("expected a type such as 'FM', found '", Printable(token),
                  "'; the file is corrupt or holds another type");
    }
  }
}

int32_t CheckCount(int32_t count, const char *what) {
  if (count < 0) throw Error("negative ", what, " (", count, "); the file is corrupt");
  return count;
}

int64_t CheckElements(int32_t rows, int32_t cols) {
  const int64_t n = static_cast<int64_t>(CheckCount(rows, "number of rows")) *
                    CheckCount(cols, "number of columns");
  if (n > (int64_t{1} << 40) || (cols == 0 && rows > 0)) {
    throw Error("a matrix of ", rows, " rows and ", cols, " columns; the file is corrupt");
  }
  return n;
}

void SkipBytes(std::istream &is, int64_t n) {
  if (is.rdbuf()->pubseekoff(n, std::ios::cur, std::ios::in) != std::streampos(-1)) return;
  std::vector<char> piece(static_cast<size_t>(std::min<int64_t>(n, 1 << 16)));
  for (int64_t done = 0; done < n;) {
    const int64_t part = std::min(n - done, static_cast<int64_t>(piece.size()));
    ReadBytes(is, piece.data(), part, done, n);
    done += part;
  }
}

IndexRange ParseRange(const std::string &part, int64_t size, int64_t tolerance) {
  const std::string text(Trim(part));
  if (text.empty() || text == ":") return {0, size};
  const size_t colon = text.find(':');
  int64_t first = 0, last = size - 1;
  const auto parse = [](std::string_view s, int64_t *value) {
    return s.empty() || ParseNumber(s, value);
  };
  if (colon == text.npos || !parse(std::string_view(text).substr(0, colon), &first) ||
      !parse(std::string_view(text).substr(colon + 1), &last)) {
    throw DataError("the range '", Printable(part), "' is not of the form first:last");
  }
  if (first < 0 || last < first || first >= size || last >= size + tolerance) {
    throw DataError("the range ", Printable(text), " is outside 0:", size - 1);
  }
  return {first, std::min(last + 1, size)};
}

void ReadTextLine(std::istream &is, std::string *line) {
  if (!std::getline(is, *line))
    throw Error("the file ends where a value is expected; it is truncated, make it again");
  if (!line->empty() && line->back() == '\r') line->pop_back();
}

}  // namespace u2moe
