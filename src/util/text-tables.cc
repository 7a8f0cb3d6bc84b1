#include "util/text-tables.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "util/kaldi-format.h"
#include "util/text.h"

namespace u2moe {

void Int32VectorHolder::Read(std::istream &is, T *value) {
  value->clear();
  if (ReadBinaryHeader(is)) {
    const int32_t n = CheckCount(ReadBinaryInt32(is), "length");
    std::vector<char> bytes;
    ReadBinaryArray(is, static_cast<int64_t>(n) * 5, &bytes);
    value->resize(static_cast<size_t>(n));
    for (size_t i = 0; i < value->size(); ++i) {
      if (bytes[5 * i] != 4) {
        throw Error("element ", i, " has size byte ", static_cast<int>(bytes[5 * i]),
                    " instead of 4; the file is corrupt or holds another type");
      }
      std::memcpy(&(*value)[i], &bytes[5 * i + 1], 4);
    }
    return;
  }
  std::string line;
  ReadTextLine(is, &line);
  std::vector<std::string> words = SplitWords(line);
  if (words.size() >= 2 && words.front() == "[" && words.back() == "]") {  // kaldiio's text form
    words = {words.begin() + 1, words.end() - 1};
  }
  for (const std::string &word : words) {
    int32_t number;
    if (!ParseNumber(word, &number)) {
      value->clear();
      throw DataError("'", Printable(word), "' is not a 32-bit integer");
    }
    value->push_back(number);
  }
}

void Int32VectorHolder::Write(std::ostream &os, bool binary, const T &value) {
  if (binary) {
    WriteBinaryHeader(os);
    WriteBinaryInt32(os, static_cast<int32_t>(value.size()));
    for (int32_t number : value) WriteBinaryInt32(os, number);
    return;
  }
  std::string line;
  for (int32_t number : value) line += std::to_string(number) + ' ';
  os << line << '\n';
}

void Int32Holder::Read(std::istream &is, int32_t *value) {
  if (ReadBinaryHeader(is)) {
    *value = ReadBinaryInt32(is);
    return;
  }
  std::string line;
  ReadTextLine(is, &line);
  if (!ParseNumber(Trim(line), value)) {
    throw DataError("expected one 32-bit integer, found '", Printable(line), "'");
  }
}

void Int32Holder::Write(std::ostream &os, bool binary, const int32_t &value) {
  if (binary) {
    WriteBinaryHeader(os);
    WriteBinaryInt32(os, value);
  } else {
    os << std::to_string(value) << " \n";
  }
}

void TokenVectorHolder::Read(std::istream &is, T *value) {
  value->clear();
  if (is.peek() == 0) throw Error("binary data where words are expected");
  std::string line;
  ReadTextLine(is, &line);
  *value = SplitWords(line);
  if (line.find('\0') != line.npos) {
    value->clear();
    throw DataError("the line holds a zero byte, so it is not text");
  }
}

void TokenVectorHolder::Write(std::ostream &os, bool, const T &value) {
  std::string line;
  for (const std::string &word : value) {
    if (word.empty() || std::any_of(word.begin(), word.end(), IsSpace) ||
        word.find('\0') != word.npos) {
      throw DataError("the word '", Printable(word), "' is empty or has white space in it");
    }
    line += word + ' ';
  }
  os << line << '\n';
}

}  // namespace u2moe
