// Model files of SentencePiece, good and bad, written here byte by byte.
#ifndef U2MOE_TESTS_SUPPORT_TINY_WORD_PIECES_H_
#define U2MOE_TESTS_SUPPORT_TINY_WORD_PIECES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "text/word-piece-model.h"

namespace u2moe {

// Fields of protobuf's wire format.
std::string ProtoNumber(int field, uint64_t value);
std::string ProtoBytes(int field, const std::string &bytes);
std::string ProtoFloat(int field, float value);

struct TinyModel {
  std::vector<WordPiece> pieces;
  std::string charsmap;        // of the normaliser "tiny"; empty: the identity
  int algorithm = 1;           // 1 unigram, 2 bpe, 3 word, 4 char
  bool byte_fallback = false;  // adds the 256 pieces of bytes
  bool escape_whitespaces = true;

  std::string Bytes() const;
};

// <unk>, <s>, </s>, then the word mark, the letters A to E, and a few pieces of them.
TinyModel TinyWordPieces();
// The same with every part that a file can have: a character map, pieces of the user and unused
// ones, and, as BPE, those of bytes. algorithm as in TinyModel.
TinyModel RichWordPieces(int algorithm);

// A character map with the rules that "a" becomes strings[0], "aa" strings[1], "aaa" strings[2],
// ... (at most 60). The trie is 768 units behind the first 4 bytes: the root has unit 0 and leads
// to base 512, the rule of k letters has the unit 512 + ((k - 1) ^ 'a') and the base 512 + k, where
// its value stands.
std::string TinyCharsmap(const std::vector<std::string> &strings);

// Sets a unit of it.
void SetUnit(std::string *charsmap, size_t unit, uint32_t value);

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_TINY_WORD_PIECES_H_
