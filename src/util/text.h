// Text without locales: splitting at ASCII white space, numbers in C notation whatever LC_ALL says,
// and "key value..." tables whose errors carry file and line. Bytes above 127 pass through
// untouched, so UTF-8 words stay whole.
#ifndef U2MOE_UTIL_TEXT_H_
#define U2MOE_UTIL_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace u2moe {

// ASCII white space only; a no-break space or an ideographic space is part of a word.
inline bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trim(std::string_view s);
// The runs of non-space characters of s.
std::vector<std::string> SplitWords(std::string_view s);
// The parts between separators, empty ones included: Split("a,,b", ',') is {"a", "", "b"}.
std::vector<std::string> Split(std::string_view s, char separator);
std::string Join(const std::vector<std::string> &parts, std::string_view separator);
bool StartsWith(std::string_view s, std::string_view prefix);
bool EndsWith(std::string_view s, std::string_view suffix);

// The whole of s must be one number; false otherwise, and *value is then unspecified. Reals accept
// "inf", "nan" in any case; a magnitude too small becomes zero or a denormal, one too large is
// refused.
bool ParseNumber(std::string_view s, int32_t *value);
bool ParseNumber(std::string_view s, int64_t *value);
bool ParseNumber(std::string_view s, float *value);
bool ParseNumber(std::string_view s, double *value);

// The shortest decimal form that ParseNumber turns back into the same value.
std::string NumberToString(float value);
std::string NumberToString(double value);

// For messages: at most max_bytes of s, control characters and bytes that are not UTF-8 as \xNN.
std::string Printable(std::string_view s, size_t max_bytes = 40);
bool IsValidUtf8(std::string_view s);

// One line of a table such as utt2spk or units.txt.
struct TableLine {
  std::string key;
  std::vector<std::string> values;
  int64_t line;  // from 1
};

// Reads lines "key value...", with at least min_values and at most max_values values (-1: any
// number). Blank lines and a byte order mark are skipped. Throws Error with file:line for a wrong
// number of values, a key seen before, or bytes that are not UTF-8.
std::vector<TableLine> ReadTable(const std::string &rxfilename, int min_values = 0,
                                 int max_values = -1);

// A table of exactly one value per key, e.g. utt2spk.
std::unordered_map<std::string, std::string> ReadMap(const std::string &rxfilename);

}  // namespace u2moe

#endif  // U2MOE_UTIL_TEXT_H_
