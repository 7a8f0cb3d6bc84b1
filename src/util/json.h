// Strict reading of JSON that people or other programs wrote, on nlohmann/json (which is included
// in .cc files only).
#ifndef U2MOE_UTIL_JSON_H_
#define U2MOE_UTIL_JSON_H_

#include <cstdint>
#include <istream>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace u2moe {

// Parses text as one JSON value. Throws DataError that begins with source for wrong syntax, bytes
// that are not UTF-8, numbers out of range, a key that stands twice in one object, and nesting
// deeper than max_depth.
nlohmann::json ParseJson(std::string_view text, const std::string &source, int max_depth = 32);

// The same for all the rest of a stream, at most max_bytes, and for a file, which may be "-" or a
// pipe.
nlohmann::json ReadJsonStream(std::istream &is, const std::string &source,
                              int64_t max_bytes = int64_t{64} << 20);
nlohmann::json ReadJson(const std::string &rxfilename);

// What is left of an object of settings after all that are known were taken from it: passes over
// entries that are off (false, 0, null, "", [] or {}), with a warning, and throws DataError for the
// first other, whose effect is not known.
void CheckUnknown(const nlohmann::json &rest, const std::string &source);

}  // namespace u2moe

#endif  // U2MOE_UTIL_JSON_H_
