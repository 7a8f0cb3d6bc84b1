#include "support/tiny-word-pieces.h"

#include <cstdio>
#include <cstring>

#include "base/check.h"

namespace u2moe {
namespace {

std::string Varint(uint64_t value) {
  std::string s;
  for (; value > 127; value >>= 7) s += static_cast<char>(128 | (value & 127));
  return s + static_cast<char>(value);
}

std::string Key(int field, uint64_t type) {
  return Varint(static_cast<uint64_t>(field) << 3 | type);
}

}  // namespace

std::string ProtoNumber(int field, uint64_t value) { return Key(field, 0) + Varint(value); }

std::string ProtoBytes(int field, const std::string &bytes) {
  return Key(field, 2) + Varint(bytes.size()) + bytes;
}

std::string ProtoFloat(int field, float value) {
  char bytes[4];
  std::memcpy(bytes, &value, 4);
  return Key(field, 5) + std::string(bytes, 4);
}

std::string TinyModel::Bytes() const {
  std::vector<WordPiece> all = pieces;
  for (unsigned byte = 0; byte_fallback && byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    all.push_back({name, 0, WordPiece::kByte});
  }
  std::string model;
  for (const WordPiece &p : all) {
    model += ProtoBytes(1, ProtoBytes(1, p.piece) + ProtoFloat(2, p.score) +
                               ProtoNumber(3, static_cast<uint64_t>(p.type)));
  }
  model += ProtoBytes(
      2, ProtoNumber(3, static_cast<uint64_t>(algorithm)) + ProtoNumber(35, byte_fallback ? 1 : 0));
  std::string normalizer = ProtoBytes(1, charsmap.empty() ? "identity" : "tiny");
  if (!charsmap.empty()) normalizer += ProtoBytes(2, charsmap);
  return model + ProtoBytes(3, normalizer + ProtoNumber(5, escape_whitespaces ? 1 : 0));
}

TinyModel TinyWordPieces() {
  TinyModel model;
  model.pieces = {{"<unk>", 0, WordPiece::kUnknown},
                  {"<s>", 0, WordPiece::kControl},
                  {"</s>", 0, WordPiece::kControl},
                  {"\u2581", -3, WordPiece::kNormal}};
  for (const char *letter : {"A", "B", "C", "D", "E"})
    model.pieces.push_back({letter, -4, WordPiece::kNormal});
  for (const char *piece : {"\u2581A", "\u2581B", "AB", "\u2581CAB", "ED"})
    model.pieces.push_back({piece, -5, WordPiece::kNormal});
  return model;
}

void SetUnit(std::string *charsmap, size_t unit, uint32_t value) {
  CHECK(4 + 4 * unit + 4 <= charsmap->size()) << unit;
  std::memcpy(charsmap->data() + 4 + 4 * unit, &value, 4);
}

std::string TinyCharsmap(const std::vector<std::string> &strings) {
  CHECK(strings.size() <= 60) << strings.size();
  const uint32_t trie_bytes = 768 * 4;
  std::string map(4 + trie_bytes, '\0');
  std::memcpy(map.data(), &trie_bytes, 4);
  for (size_t unit = 0; unit < 768; ++unit) SetUnit(&map, unit, 0x80000000u);  // no label
  SetUnit(&map, 0, 512u << 10);
  uint32_t at = 0;
  for (uint32_t k = 1; k <= strings.size(); ++k) {
    const uint32_t unit = 512 + ((k - 1) ^ 'a'), base = 512 + k;
    SetUnit(&map, unit, (unit ^ base) << 10 | 256 | 'a');
    SetUnit(&map, base, 0x80000000u | at);
    map += strings[k - 1] + '\0';
    at += static_cast<uint32_t>(strings[k - 1].size()) + 1;
  }
  return map;
}

TinyModel RichWordPieces(int algorithm) {
  TinyModel tiny = TinyWordPieces();
  tiny.algorithm = algorithm;
  tiny.byte_fallback = algorithm == 2;
  tiny.charsmap = TinyCharsmap({"C", "ED", "", "\u2581"});
  tiny.pieces.push_back({"EE", 0, WordPiece::kUserDefined});
  tiny.pieces.push_back({"DE", 0, WordPiece::kUnused});
  return tiny;
}

}  // namespace u2moe
