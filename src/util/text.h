// Text without locales: fields and words, numbers in C notation whatever LC_ALL says, and
// "key value..." tables whose errors carry file and line. The grammar of tables (where a key ends,
// the fields of scp and segments, numbers) knows ASCII white space only, as Kaldi's; the words of
// transcripts and values are separated by Unicode's (SplitWords in unicode.h).
#ifndef U2MOE_UTIL_TEXT_H_
#define U2MOE_UTIL_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "util/unicode.h"

namespace u2moe {

// ASCII white space only.
inline bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trim(std::string_view s);
// The runs of s without ASCII white space; a no-break space is part of a field.
std::vector<std::string> SplitFields(std::string_view s);
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

// For messages: the characters of s that fit into max_bytes, then "..." if that is not all. ASCII
// control characters and bytes that are not UTF-8 as \xNN, and what cannot be seen or told from a
// space (white space, format characters, joiners, unassigned ones, ...) as \u{200B}.
std::string Printable(std::string_view s, size_t max_bytes = 40);

// One line of a table such as utt2spk or units.txt.
struct TableLine {
  std::string key;
  std::vector<std::string> values;
  int64_t line;  // from 1
};

// What the keys of a table are. A name of an utterance or speaker holds neither Unicode's other
// white space nor what is invisible (KeyProblem); a symbol may be any run of characters, since the
// units of a text may be its invisible letters.
enum class TableKeys { kNames, kSymbols };

// Reads lines "key value...", with at least min_values and at most max_values values (-1: any
// number). Lines end at \n only. Blank lines and a byte order mark are skipped. Throws Error with
// file:line for a wrong number of values, a key seen before, a name that holds what names may not,
// zero bytes, or bytes that are not UTF-8.
std::vector<TableLine> ReadTable(const std::string &rxfilename, int min_values = 0,
                                 int max_values = -1, TableKeys keys = TableKeys::kNames);

// A table of exactly one value per key, e.g. utt2spk.
std::unordered_map<std::string, std::string> ReadMap(const std::string &rxfilename);

}  // namespace u2moe

#endif  // U2MOE_UTIL_TEXT_H_
