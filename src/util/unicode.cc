#include "util/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

UChar32 Icu(uint32_t c) { return static_cast<UChar32>(c); }

bool InCategory(uint32_t c, uint32_t mask) { return (U_MASK(u_charType(Icu(c))) & mask) != 0; }

// Bytes of the white space at s[i], 0 if there is none. ASCII, and nearly all of the rest, is told
// from one byte.
size_t WhiteSpaceAt(std::string_view s, size_t i) {
  const unsigned char first = static_cast<unsigned char>(s[i]);
  if (first < 0x80) return first == ' ' || (first >= '\t' && first <= '\r') ? 1 : 0;
  if (first != 0xC2 && (first < 0xE1 || first > 0xE3)) return 0;
  size_t end = i;
  const int32_t c = NextCodePoint(s, &end);
  return c >= 0 && u_isUWhiteSpace(c) ? end - i : 0;
}

// Decodes s, calling use(code point, begin, end); throws DataError for what is not UTF-8.
template <class Use>
void ForEachCodePoint(std::string_view s, Use use) {
  for (size_t i = 0; i < s.size();) {
    const size_t begin = i;
    const int32_t c = NextCodePoint(s, &i);
    if (c < 0) {
      throw DataError("not UTF-8: byte ", static_cast<int>(static_cast<unsigned char>(s[begin])),
                      " at position ", begin + 1, "; convert the file, e.g. with iconv -t UTF-8");
    }
    use(static_cast<uint32_t>(c), begin, i);
  }
}

// ICU writes U+FFFD for what is not UTF-8.
void RequireUtf8(std::string_view s) {
  ForEachCodePoint(s, [](uint32_t, size_t, size_t) {});
}

icu::StringPiece Piece(std::string_view s) {
  return icu::StringPiece(s.data(), static_cast<int32_t>(s.size()));
}

void CheckIcu(UErrorCode status) {
  if (U_FAILURE(status)) throw Error("ICU: ", u_errorName(status));
}

using GetNormalizer = const icu::Normalizer2 *(*)(UErrorCode &);

const icu::Normalizer2 &Normalizer(GetNormalizer get) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2 *normalizer = get(status);
  CheckIcu(status);
  return *normalizer;
}

std::string Normalize(GetNormalizer get, std::string_view s) {
  if (IsAscii(s)) return std::string(s);
  RequireUtf8(s);
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode status = U_ZERO_ERROR;
  Normalizer(get).normalizeUTF8(0, Piece(s), sink, nullptr, status);
  CheckIcu(status);
  return result;
}

std::string AsciiToLower(std::string_view s) {
  std::string result(s);
  for (char &c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return result;
}

constexpr uint32_t kNoGlyph =
    U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CN_MASK | U_GC_CO_MASK | U_GC_CS_MASK;

}  // namespace

bool IsAscii(std::string_view s) {
  unsigned char all = 0;  // without a branch, so that it is done many bytes at a time
  for (char c : s) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

int32_t NextCodePoint(std::string_view s, size_t *at) {
  const unsigned char first = static_cast<unsigned char>(s[*at]);
  if (first < 0x80) {
    ++*at;
    return first;
  }
  const int32_t n = static_cast<int32_t>(std::min<size_t>(s.size() - *at, U8_MAX_LENGTH));
  const char *bytes = s.data() + *at;
  int32_t i = 0;
  UChar32 c;
  U8_NEXT(bytes, i, n, c);
  *at += c < 0 ? 1 : static_cast<size_t>(i);
  return c;
}

bool IsValidUtf8(std::string_view s) {
  if (IsAscii(s)) return true;
  for (size_t i = 0; i < s.size();) {
    if (NextCodePoint(s, &i) < 0) return false;
  }
  return true;
}

std::vector<std::string> SplitUtf8(std::string_view s) {
  std::vector<std::string> result;
  ForEachCodePoint(s, [&](uint32_t, size_t begin, size_t end) {
    result.emplace_back(s.substr(begin, end - begin));
  });
  return result;
}

std::vector<uint32_t> DecodeUtf8(std::string_view s) {
  std::vector<uint32_t> result;
  ForEachCodePoint(s, [&](uint32_t c, size_t, size_t) { result.push_back(c); });
  return result;
}

std::string EncodeUtf8(const std::vector<uint32_t> &code_points) {
  std::string s;
  for (uint32_t c : code_points) {
    CHECK(c <= 0x10FFFF && !U_IS_SURROGATE(c)) << c;
    char bytes[U8_MAX_LENGTH];
    int32_t n = 0;
    U8_APPEND_UNSAFE(bytes, n, c);
    s.append(bytes, static_cast<size_t>(n));
  }
  return s;
}

bool IsWhiteSpace(uint32_t c) { return u_isUWhiteSpace(Icu(c)); }

bool IsInvisible(uint32_t c) {
  if (c == 0x200C || c == 0x200D || (c >= 0x180B && c <= 0x180D) || c == 0x180F) return false;
  if (!InCategory(c, kNoGlyph) && !u_hasBinaryProperty(Icu(c), UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
    return false;
  return !u_isUWhiteSpace(Icu(c)) &&
         !u_hasBinaryProperty(Icu(c), UCHAR_PREPENDED_CONCATENATION_MARK);
}

bool IsPunctuation(uint32_t c) { return InCategory(c, U_GC_P_MASK); }
bool IsMark(uint32_t c) { return InCategory(c, U_GC_M_MASK); }
bool IsLetterOrNumber(uint32_t c) { return InCategory(c, U_GC_L_MASK | U_GC_N_MASK); }

std::string CodePointName(uint32_t c) {
  char number[16];
  std::snprintf(number, sizeof number, "U+%04X", static_cast<unsigned>(c));
  std::array<char, 256> name{};
  UErrorCode status = U_ZERO_ERROR;
  u_charName(Icu(c), U_UNICODE_CHAR_NAME, name.data(), static_cast<int32_t>(name.size()), &status);
  if (U_SUCCESS(status) && name[0]) return Cat(number, " ", name.data());
  return Cat(number, InCategory(c, U_GC_CC_MASK)   ? " (control)"
                     : InCategory(c, U_GC_CO_MASK) ? " (private use)"
                     : InCategory(c, U_GC_CS_MASK) ? " (surrogate)"
                     : InCategory(c, U_GC_CN_MASK) ? " (unassigned)"
                                                   : "");
}

size_t DisplayWidth(std::string_view s) {
  size_t width = 0;
  for (size_t i = 0; i < s.size();) {
    const int32_t c = NextCodePoint(s, &i);
    if (c < 0 || c < 0x300) {
      ++width;
    } else if (!InCategory(static_cast<uint32_t>(c), U_GC_MN_MASK | U_GC_ME_MASK | U_GC_CF_MASK)) {
      const int32_t kind = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
      width += kind == U_EA_FULLWIDTH || kind == U_EA_WIDE ? 2 : 1;
    }
  }
  return width;
}

std::vector<std::string> SplitWords(std::string_view s) {
  std::vector<std::string> words;
  for (size_t i = 0; i < s.size();) {
    if (const size_t space = WhiteSpaceAt(s, i)) {
      i += space;
      continue;
    }
    // A byte in the middle of a character never begins white space.
    const size_t begin = i;
    while (i < s.size() && WhiteSpaceAt(s, i) == 0) ++i;
    words.emplace_back(s.substr(begin, i - begin));
  }
  return words;
}

bool HasWhiteSpace(std::string_view s) {
  for (size_t i = 0; i < s.size(); ++i) {
    if (WhiteSpaceAt(s, i)) return true;
  }
  return false;
}

std::string KeyProblem(std::string_view key) {
  for (size_t i = 0; i < key.size();) {
    const int32_t c = NextCodePoint(key, &i);
    if (c < 0) return "a byte that is not UTF-8";
    const uint32_t code = static_cast<uint32_t>(c);
    if (IsWhiteSpace(code) || IsInvisible(code)) return CodePointName(code);
  }
  return "";
}

std::string ToNfc(std::string_view s) { return Normalize(icu::Normalizer2::getNFCInstance, s); }
std::string ToNfd(std::string_view s) { return Normalize(icu::Normalizer2::getNFDInstance, s); }
std::string ToNfkc(std::string_view s) { return Normalize(icu::Normalizer2::getNFKCInstance, s); }

std::string ToLower(std::string_view s) {
  if (IsAscii(s)) return AsciiToLower(s);
  RequireUtf8(s);
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, Piece(s), sink, nullptr, status);
  CheckIcu(status);
  return result;
}

std::string ToUpper(std::string_view s) {
  RequireUtf8(s);
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToUpper("", 0, Piece(s), sink, nullptr, status);
  CheckIcu(status);
  return result;
}

std::string FoldCase(std::string_view s) {
  if (IsAscii(s)) return AsciiToLower(s);
  RequireUtf8(s);
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8Fold(U_FOLD_CASE_DEFAULT, Piece(s), sink, nullptr, status);
  CheckIcu(status);
  return result;
}

std::string FoldWidth(std::string_view s) {
  if (IsAscii(s)) return std::string(s);
  const icu::Normalizer2 &nfkc = Normalizer(icu::Normalizer2::getNFKCInstance);
  std::string result;
  ForEachCodePoint(s, [&](uint32_t c, size_t begin, size_t end) {
    const int32_t kind = u_getIntPropertyValue(Icu(c), UCHAR_DECOMPOSITION_TYPE);
    icu::UnicodeString usual;
    if ((kind == U_DT_WIDE || kind == U_DT_NARROW) && nfkc.getRawDecomposition(Icu(c), usual)) {
      usual.toUTF8String(result);
    } else {
      result.append(s.substr(begin, end - begin));
    }
  });
  return result;
}

}  // namespace u2moe
