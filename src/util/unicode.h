// Unicode as ICU knows it: encoding, classes of characters, forms of text. The one place that
// includes ICU is unicode.cc. utils/u2moe_text.py has the same definitions for Python;
// tests/util/unicode-test.cc compares the two.
#ifndef U2MOE_UTIL_UNICODE_H_
#define U2MOE_UTIL_UNICODE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace u2moe {

// --- Encoding. Overlong forms, surrogates and numbers above 10FFFF are not UTF-8.

bool IsValidUtf8(std::string_view s);
bool IsAscii(std::string_view s);

// The code point at s[*at]; moves *at past it. -1, and one byte further, where s is not UTF-8.
int32_t NextCodePoint(std::string_view s, size_t *at);

// The code points of s, one string each. Throws DataError where s is not UTF-8, naming the byte.
std::vector<std::string> SplitUtf8(std::string_view s);

// The same as numbers, and back. EncodeUtf8 takes valid code points only (CHECK).
std::vector<uint32_t> DecodeUtf8(std::string_view s);
std::string EncodeUtf8(const std::vector<uint32_t> &code_points);

// --- Classes

// The property White_Space: 25 code points, the same in every version since 6.3. The ASCII ones are
// those of IsSpace in text.h.
bool IsWhiteSpace(uint32_t c);

// What nobody sees in a text although it makes another word: control and format characters, what is
// ignorable by default, and what has no glyph because it is private, unassigned or no character.
// White space is not among them, nor are the joiners U+200C and U+200D and Mongolian's variation
// selectors, which spell words, nor the format characters that have a glyph (Arabic number signs).
bool IsInvisible(uint32_t c);

bool IsPunctuation(uint32_t c);     // general category P*
bool IsMark(uint32_t c);            // general category M*: what stands on or around a letter
bool IsLetterOrNumber(uint32_t c);  // general category L* or N*

// "U+200B ZERO WIDTH SPACE"; a code point without a name: "U+0007 (control)", "U+0378
// (unassigned)".
std::string CodePointName(uint32_t c);

// Columns on a terminal: 2 for wide and full-width characters, 0 for marks and invisible ones, 1
// for others and for a byte that is not UTF-8.
size_t DisplayWidth(std::string_view s);

// --- Words

// The runs of s without white space. Bytes that are not UTF-8 are part of a word.
std::vector<std::string> SplitWords(std::string_view s);
bool HasWhiteSpace(std::string_view s);

// The first thing in the key of a table entry that keys should not hold, "" for nothing:
// "U+00A0 NO-BREAK SPACE". A key ends at ASCII white space, so that other white space, like what is
// invisible, gets into it.
std::string KeyProblem(std::string_view key);

// --- Forms. All throw DataError for text that is not UTF-8.

std::string ToNfc(std::string_view s);   // composed: é is one code point
std::string ToNfd(std::string_view s);   // decomposed: é is e and U+0301
std::string ToNfkc(std::string_view s);  // composed, and ligatures, widths, superscripts made plain
// Small letters of all scripts, by the full mapping of no language: final sigma is told from others
// within the word, and U+0130 becomes i and U+0307.
std::string ToLower(std::string_view s);
// Capital letters, likewise: ß becomes SS.
std::string ToUpper(std::string_view s);
// The full case folding: as ToLower, but ß becomes ss and there is one small sigma. For comparing.
std::string FoldCase(std::string_view s);
// Full-width Latin and half-width Katakana and Hangul become those of the usual width.
std::string FoldWidth(std::string_view s);

}  // namespace u2moe

#endif  // U2MOE_UTIL_UNICODE_H_
