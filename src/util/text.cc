#include "util/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <istream>
#include <limits>
#include <system_error>

#include "base/error.h"
#include "util/io.h"

namespace u2moe {
namespace {

// from_chars takes no leading plus sign; "+-1" must stay wrong.
std::string_view WithoutPlus(std::string_view s) {
  if (s.size() > 1 && s[0] == '+' && s[1] != '-' && s[1] != '+') s.remove_prefix(1);
  return s;
}

template <class T>
std::errc FromChars(std::string_view s, T *value) {
  const std::from_chars_result r = std::from_chars(s.data(), s.data() + s.size(), *value);
  if (r.ec != std::errc()) return r.ec;
  return r.ptr == s.data() + s.size() ? std::errc() : std::errc::invalid_argument;
}

// Wide holds the numbers that are merely too small for T.
template <class T, class Wide>
bool ParseReal(std::string_view s, T *value) {
  s = WithoutPlus(s);
  std::errc ec = FromChars(s, value);
  if (ec == std::errc::result_out_of_range) {
    Wide wide = 0;
    ec = FromChars(s, &wide);
    if (ec != std::errc() || std::fabs(wide) > static_cast<Wide>(1)) return false;
    *value = static_cast<T>(wide);
  }
  return ec == std::errc();
}

template <class T>
std::string RealToString(T value) {
  if (std::isnan(value)) return "nan";  // Kaldi's readers know no "-nan"
  char buffer[64];
  const std::to_chars_result r = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, r.ptr);
}

}  // namespace

std::string_view Trim(std::string_view s) {
  while (!s.empty() && IsSpace(s.front())) s.remove_prefix(1);
  while (!s.empty() && IsSpace(s.back())) s.remove_suffix(1);
  return s;
}

std::vector<std::string> SplitFields(std::string_view s) {
  std::vector<std::string> words;
  size_t i = 0;
  while (true) {
    while (i < s.size() && IsSpace(s[i])) ++i;
    if (i == s.size()) return words;
    const size_t begin = i;
    while (i < s.size() && !IsSpace(s[i])) ++i;
    words.emplace_back(s.substr(begin, i - begin));
  }
}

std::vector<std::string> Split(std::string_view s, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0;;) {
    const size_t end = s.find(separator, begin);
    parts.emplace_back(s.substr(begin, end == s.npos ? s.npos : end - begin));
    if (end == s.npos) return parts;
    begin = end + 1;
  }
}

std::string Join(const std::vector<std::string> &parts, std::string_view separator) {
  std::string s;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i) s += separator;
    s += parts[i];
  }
  return s;
}

bool StartsWith(std::string_view s, std::string_view prefix) {
  return s.substr(0, prefix.size()) == prefix;
}

bool EndsWith(std::string_view s, std::string_view suffix) {
  return s.size() >= suffix.size() && s.substr(s.size() - suffix.size()) == suffix;
}

bool ParseNumber(std::string_view s, int32_t *value) {
  return FromChars(WithoutPlus(s), value) == std::errc();
}

bool ParseNumber(std::string_view s, int64_t *value) {
  return FromChars(WithoutPlus(s), value) == std::errc();
}

bool ParseNumber(std::string_view s, float *value) { return ParseReal<float, double>(s, value); }

bool ParseNumber(std::string_view s, double *value) {
  return ParseReal<double, long double>(s, value);
}

std::string NumberToString(float value) { return RealToString(value); }
std::string NumberToString(double value) { return RealToString(value); }

std::string Printable(std::string_view s, size_t max_bytes) {
  static const char kHex[] = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < s.size();) {
    const size_t begin = i;
    const int32_t decoded = NextCodePoint(s, &i);
    if (i > max_bytes) return out + "...";
    const uint32_t c = static_cast<uint32_t>(decoded);
    if (decoded < 0 || c < 0x20 || c == 0x7f) {
      const unsigned char byte = static_cast<unsigned char>(s[begin]);
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else if (c >= 0x80 && (IsWhiteSpace(c) || IsInvisible(c) || c == 0x200C || c == 0x200D)) {
      char escape[16];
      std::snprintf(escape, sizeof escape, "\\u{%X}", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += s.substr(begin, i - begin);
    }
  }
  return out;
}

std::vector<TableLine> ReadTable(const std::string &rxfilename, int min_values, int max_values,
                                 TableKeys keys) {
  Input input(rxfilename);
  input.SkipByteOrderMark();
  std::vector<TableLine> table;
  std::unordered_map<std::string, int64_t> seen;
  std::string line;
  for (int64_t number = 1; std::getline(input.Stream(), line); ++number) {
    const auto at = [&] { return Cat(rxfilename, ":", number, ": "); };
    std::string_view text = line;
    // A unit may be that character, but not begin with it.
    constexpr size_t kMark = sizeof kByteOrderMark - 1;
    if (keys == TableKeys::kNames || (text.size() > kMark && !IsSpace(text[kMark]))) {
      RefuseByteOrderMark(text, [&] { return Cat(rxfilename, ":", number); });
    }
    if (!IsValidUtf8(text)) {
      throw Error(at(), "not UTF-8: ", Printable(text), "; convert the file with iconv -t UTF-8");
    }
    if (text.find('\0') != text.npos) {
      throw Error(at(), "a zero byte, so it is not text: ", Printable(text));
    }
    text = Trim(text);
    if (text.empty()) continue;
    const size_t key_end =
        static_cast<size_t>(std::find_if(text.begin(), text.end(), IsSpace) - text.begin());
    const TableLine entry{std::string(text.substr(0, key_end)), SplitWords(text.substr(key_end)),
                          number};
    const std::string bad = keys == TableKeys::kNames ? KeyProblem(entry.key) : "";
    if (!bad.empty()) {
      throw Error(at(), "key '", Printable(entry.key), "' holds ", bad,
                  "; a key ends at a space or tab, and nobody sees what else is in it; remove it");
    }
    const int64_t n = static_cast<int64_t>(entry.values.size());
    if (n < min_values || (max_values >= 0 && n > max_values)) {
      const std::string wanted = max_values < 0             ? Cat("at least ", min_values)
                                 : min_values == max_values ? Cat(min_values)
                                                            : Cat(min_values, " to ", max_values);
      throw Error(at(), "expected a key and ", wanted, " value(s), found ", n, " after '",
                  Printable(entry.key), "'");
    }
    const auto [it, is_new] = seen.emplace(entry.key, number);
    if (!is_new) {
      throw Error(at(), "key '", Printable(entry.key, 200), "' was already in line ", it->second,
                  "; remove one of the two");
    }
    table.push_back(entry);
  }
  input.Close();
  return table;
}

std::unordered_map<std::string, std::string> ReadMap(const std::string &rxfilename) {
  std::unordered_map<std::string, std::string> map;
  for (TableLine &line : ReadTable(rxfilename, 1, 1)) {
    map.emplace(std::move(line.key), std::move(line.values[0]));
  }
  return map;
}

}  // namespace u2moe
