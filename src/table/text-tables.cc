#include "table/text-tables.h"

#include <cstring>
#include <limits>
#include <type_traits>

#include "base/error.h"
#include "table/kaldi-format.h"
#include "util/text.h"

namespace u2moe {
namespace {

template <class Basic>
const char *Name() {
  return std::is_same_v<Basic, bool>      ? "T or F"
         : std::is_same_v<Basic, int32_t> ? "a 32-bit integer"
                                          : "a number that fits";
}

// Without text's line end.
template <class Basic>
Basic ReadBinary(std::istream &is) {
  if constexpr (std::is_same_v<Basic, bool>) {
    char c;
    ReadBytes(is, &c, 1, 0, 1);
    if (c != 'T' && c != 'F') {
      throw Error("expected T or F, found '", Printable(std::string(1, c)), "'");
    }
    return c == 'T';
  } else if constexpr (std::is_same_v<Basic, int32_t>) {
    return ReadBinaryInt32(is);
  } else {
    char size, bytes[8];
    ReadBytes(is, &size, 1, 0, 1);
    if (size != 4 && size != 8) {
      throw Error("expected a float or double (size byte 4 or 8), found size byte ",
                  static_cast<int>(size), "; the file is corrupt or holds another type");
    }
    ReadBytes(is, bytes, size, 0, size);
    float single;
    double full;
    std::memcpy(&single, bytes, 4);
    std::memcpy(&full, bytes, 8);
    return static_cast<Basic>(size == 4 ? single : full);
  }
}

template <class Basic>
void WriteBinary(std::ostream &os, Basic value) {
  if constexpr (std::is_same_v<Basic, bool>) {
    os.put(value ? 'T' : 'F');
  } else {
    char bytes[1 + sizeof(Basic)] = {static_cast<char>(sizeof(Basic))};
    std::memcpy(bytes + 1, &value, sizeof(Basic));
    os.write(bytes, sizeof(bytes));
  }
}

template <class Basic>
Basic Parse(std::string_view word) {
  Basic value{};
  bool ok = false;
  if constexpr (std::is_same_v<Basic, bool>) {
    ok = word == "T" || word == "F";
    value = word == "T";
  } else {
    ok = ParseNumber(word, &value);
  }
  if (!ok) throw DataError("'", Printable(word), "' is not ", Name<Basic>());
  return value;
}

template <class Basic>
std::string ToText(Basic value) {
  if constexpr (std::is_same_v<Basic, bool>) {
    return value ? "T" : "F";
  } else if constexpr (std::is_same_v<Basic, int32_t>) {
    return std::to_string(value);
  } else {
    return NumberToString(value);
  }
}

std::vector<std::string> ReadWords(std::istream &is) {
  std::string line;
  ReadTextLine(is, &line);
  return SplitFields(line);
}

// The words of a line that lie between semicolons, which need no spaces around them.
std::vector<std::vector<std::string>> ReadGroups(std::istream &is) {
  std::string line;
  ReadTextLine(is, &line);
  std::vector<std::vector<std::string>> groups;
  for (const std::string &part : Split(line, ';')) groups.push_back(SplitFields(part));
  return groups;
}

template <class Basic>
std::vector<Basic> ParseAll(const std::vector<std::string> &words) {
  std::vector<Basic> values;
  for (const std::string &word : words) values.push_back(Parse<Basic>(word));
  return values;
}

int32_t ToCount(size_t n) {
  if (n > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    throw DataError(n, " elements are more than Kaldi's format can store");
  }
  return static_cast<int32_t>(n);
}

std::vector<int32_t> ReadBinaryInts(std::istream &is) {
  const int32_t n = CheckCount(ReadBinaryInt32(is), "length");
  std::vector<char> bytes;
  ReadBinaryArray(is, static_cast<int64_t>(n) * 5, &bytes);
  std::vector<int32_t> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i) {
    if (bytes[5 * i] != 4) {
      throw Error("element ", i, " has size byte ", static_cast<int>(bytes[5 * i]),
                  " instead of 4; the file is corrupt or holds another type");
    }
    std::memcpy(&values[i], &bytes[5 * i + 1], 4);
  }
  return values;
}

void WriteBinaryInts(std::ostream &os, const std::vector<int32_t> &values) {
  WriteBinaryInt32(os, ToCount(values.size()));
  for (int32_t number : values) WriteBinaryInt32(os, number);
}

// kaldiio writes vectors in brackets, and Kaldi those that are alone in a file.
void DropBrackets(std::vector<std::string> *words) {
  if (words->size() >= 2 && words->front() == "[" && words->back() == "]") {
    *words = {words->begin() + 1, words->end() - 1};
  }
}

std::string IntsText(const std::vector<int32_t> &values) {
  std::string text;
  for (int32_t number : values) text += std::to_string(number) + ' ';
  return text;
}

// Throws DataError for a word that would not be read back as one.
void CheckToken(const std::string &word) {
  if (word.empty() || HasWhiteSpace(word) || word.find('\0') != word.npos) {
    throw DataError("the word '", Printable(word), "' is empty or has white space in it");
  }
}

void ReadWordLine(std::istream &is, std::string *line) {
  if (is.peek() == 0) throw Error("binary data where words are expected");
  ReadTextLine(is, line);
  if (line->find('\0') != line->npos) {
    throw DataError("the line holds a zero byte, so it is not text");
  }
}

std::vector<std::string> ReadTokens(std::istream &is) {
  std::string line;
  ReadWordLine(is, &line);
  return SplitWords(line);
}

}  // namespace

template <class Basic>
void BasicHolder<Basic>::Read(std::istream &is, Basic *value) {
  if (ReadBinaryHeader(is)) {
    *value = ReadBinary<Basic>(is);
    return;
  }
  const std::vector<std::string> words = ReadWords(is);
  if (words.size() != 1) {
    throw DataError("expected ", Name<Basic>(), ", found '", Printable(Join(words, " ")), "'");
  }
  *value = Parse<Basic>(words[0]);
}

template <class Basic>
void BasicHolder<Basic>::Write(std::ostream &os, bool binary, const Basic &value) {
  if (binary) {
    WriteBinaryHeader(os);
    WriteBinary(os, value);
  } else {
    os << ToText(value) << " \n";
  }
}

void Int32VectorHolder::Read(std::istream &is, T *value) {
  value->clear();
  if (ReadBinaryHeader(is)) {
    *value = ReadBinaryInts(is);
    return;
  }
  std::vector<std::string> words = ReadWords(is);
  DropBrackets(&words);
  *value = ParseAll<int32_t>(words);
}

void Int32VectorHolder::Write(std::ostream &os, bool binary, const T &value) {
  if (binary) {
    WriteBinaryHeader(os);
    WriteBinaryInts(os, value);
  } else {
    os << IntsText(value) << '\n';
  }
}

void Int32VectorHolder::Skip(std::istream &is) {
  if (ReadBinaryHeader(is)) {
    SkipBytes(is, int64_t{5} * CheckCount(ReadBinaryInt32(is), "length"));
  } else {
    ReadWords(is);
  }
}

void Int32VectorHolder::ExtractRange(const std::string &range, T *value) {
  const IndexRange r = ParseRange(range, static_cast<int64_t>(value->size()), 0);
  *value = T(value->begin() + r.begin, value->begin() + r.end);
}

void Int32VectorFileHolder::Read(std::istream &is, T *value) {
  value->clear();
  if (ReadBinaryHeader(is)) {
    // The size byte of the elements and the count lie as one number with its size byte would.
    ReadBinaryArray(is, CheckCount(ReadBinaryInt32(is), "length"), value);
    return;
  }
  std::vector<std::string> words = ReadWords(is);
  DropBrackets(&words);
  *value = ParseAll<int32_t>(words);
}

void Int32VectorFileHolder::Write(std::ostream &os, bool binary, const T &value) {
  if (binary) {
    WriteBinaryHeader(os);
    WriteBinaryInt32(os, ToCount(value.size()));
    os.write(reinterpret_cast<const char *>(value.data()),
             static_cast<std::streamsize>(value.size() * sizeof(int32_t)));
  } else {
    os << "[ " << IntsText(value) << "]\n";
  }
}

void Int32VectorVectorHolder::Read(std::istream &is, T *value) {
  value->clear();
  if (ReadBinaryHeader(is)) {
    const int32_t n = CheckCount(ReadBinaryInt32(is), "length");
    for (int32_t i = 0; i < n; ++i) value->push_back(ReadBinaryInts(is));
    return;
  }
  const auto groups = ReadGroups(is);
  if (!groups.back().empty()) throw DataError("the line does not end in ';'");
  for (size_t i = 0; i + 1 < groups.size(); ++i) value->push_back(ParseAll<int32_t>(groups[i]));
}

void Int32VectorVectorHolder::Write(std::ostream &os, bool binary, const T &value) {
  if (binary) {
    WriteBinaryHeader(os);
    WriteBinaryInt32(os, ToCount(value.size()));
    for (const std::vector<int32_t> &inner : value) WriteBinaryInts(os, inner);
    return;
  }
  std::string line;
  for (const std::vector<int32_t> &inner : value) line += IntsText(inner) + "; ";
  os << line << '\n';
}

template <class Basic>
void BasicPairVectorHolder<Basic>::Read(std::istream &is, T *value) {
  value->clear();
  if (ReadBinaryHeader(is)) {
    const int32_t n = CheckCount(ReadBinaryInt32(is), "length");
    for (int32_t i = 0; i < n; ++i) {
      const Basic first = ReadBinary<Basic>(is);
      value->emplace_back(first, ReadBinary<Basic>(is));
    }
    return;
  }
  auto groups = ReadGroups(is);
  if (groups.back().empty()) groups.pop_back();
  for (const std::vector<std::string> &words : groups) {
    const std::vector<Basic> pair = ParseAll<Basic>(words);
    if (pair.size() != 2) {
      throw DataError("expected two numbers between semicolons, found '",
                      Printable(Join(words, " ")), "'");
    }
    value->emplace_back(pair[0], pair[1]);
  }
}

template <class Basic>
void BasicPairVectorHolder<Basic>::Write(std::ostream &os, bool binary, const T &value) {
  if (binary) {
    WriteBinaryHeader(os);
    WriteBinaryInt32(os, ToCount(value.size()));
    for (const auto &[first, second] : value) {
      WriteBinary(os, first);
      WriteBinary(os, second);
    }
    return;
  }
  std::string line;
  for (const auto &[first, second] : value) {
    line += (line.empty() ? "" : "; ") + ToText(first) + ' ' + ToText(second) + ' ';
  }
  os << line << '\n';
}

void TokenHolder::Read(std::istream &is, T *value) {
  const std::vector<std::string> words = ReadTokens(is);
  if (words.size() != 1) {
    throw DataError("expected one word, found '", Printable(Join(words, " ")), "'");
  }
  *value = words[0];
}

void TokenHolder::Write(std::ostream &os, bool, const T &value) {
  CheckToken(value);
  os << value << '\n';
}

void TokenVectorHolder::Read(std::istream &is, T *value) {
  value->clear();
  *value = ReadTokens(is);
}

void TranscriptHolder::Read(std::istream &is, T *value) { ReadWordLine(is, value); }

void TokenVectorHolder::Write(std::ostream &os, bool, const T &value) {
  std::string line;
  for (const std::string &word : value) {
    CheckToken(word);
    line += word + ' ';
  }
  os << line << '\n';
}

template struct BasicHolder<bool>;
template struct BasicHolder<int32_t>;
template struct BasicHolder<float>;
template struct BasicHolder<double>;
template struct BasicPairVectorHolder<int32_t>;
template struct BasicPairVectorHolder<float>;

}  // namespace u2moe
