#include "util/utf8.h"

#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

// Length of the code point at s[i], and its value.
size_t DecodeOne(std::string_view s, size_t i, uint32_t *code_point) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(s[k]); };
  const unsigned char first = byte(i);
  size_t length = 1;
  uint32_t value = first;
  bool good = first < 0x80;
  if (!good) {
    length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    good = first >= 0xC2 && first <= 0xF4 && i + length <= s.size();
    value = first & (0xFFu >> (length + 1));
    for (size_t k = i + 1; good && k < i + length; ++k) {
      good = (byte(k) & 0xC0) == 0x80;
      value = (value << 6) | (byte(k) & 0x3Fu);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    good =
        good && value >= kLeast[length] && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
  }
  if (!good) {
    throw DataError("not UTF-8: byte ", static_cast<int>(first), " at position ", i + 1,
                    "; convert the file, e.g. with iconv -t UTF-8");
  }
  *code_point = value;
  return length;
}

}  // namespace

std::vector<std::string> SplitUtf8(std::string_view s) {
  std::vector<std::string> result;
  uint32_t code_point;
  for (size_t i = 0; i < s.size();) {
    const size_t length = DecodeOne(s, i, &code_point);
    result.emplace_back(s.substr(i, length));
    i += length;
  }
  return result;
}

std::vector<uint32_t> DecodeUtf8(std::string_view s) {
  std::vector<uint32_t> result;
  uint32_t code_point;
  for (size_t i = 0; i < s.size();) {
    i += DecodeOne(s, i, &code_point);
    result.push_back(code_point);
  }
  return result;
}

std::string EncodeUtf8(const std::vector<uint32_t> &code_points) {
  std::string s;
  const auto tail = [&](uint32_t c, int shift) {
    s += static_cast<char>(0x80 | ((c >> shift) & 0x3F));
  };
  for (uint32_t c : code_points) {
    CHECK(c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF)) << c;
    if (c < 0x80) {
      s += static_cast<char>(c);
    } else if (c < 0x800) {
      s += static_cast<char>(0xC0 | (c >> 6));
      tail(c, 0);
    } else if (c < 0x10000) {
      s += static_cast<char>(0xE0 | (c >> 12));
      tail(c, 6), tail(c, 0);
    } else {
      s += static_cast<char>(0xF0 | (c >> 18));
      tail(c, 12), tail(c, 6), tail(c, 0);
    }
  }
  return s;
}

}  // namespace u2moe
