#ifndef U2MOE_UTIL_UTF8_H_
#define U2MOE_UTIL_UTF8_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace u2moe {

// The code points of s, one string each. Throws DataError where s is not UTF-8 (overlong forms and
// surrogates included), naming the byte.
std::vector<std::string> SplitUtf8(std::string_view s);

// The same as numbers, and back. EncodeUtf8 takes valid code points only (CHECK).
std::vector<uint32_t> DecodeUtf8(std::string_view s);
std::string EncodeUtf8(const std::vector<uint32_t> &code_points);

}  // namespace u2moe

#endif  // U2MOE_UTIL_UTF8_H_
