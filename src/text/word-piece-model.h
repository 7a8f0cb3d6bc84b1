// The file of a SentencePiece model (a ModelProto in protobuf's wire format), read without
// SentencePiece: what it says about itself, and whether SentencePiece may be given it.
#ifndef U2MOE_TEXT_WORD_PIECE_MODEL_H_
#define U2MOE_TEXT_WORD_PIECE_MODEL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace u2moe {

struct WordPiece {
  // SentencePiece's numbers.
  enum Type { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  std::string piece;
  float score = 0;
  Type type = kNormal;
};

struct WordPieceModel {
  std::vector<WordPiece> pieces;  // by SentencePiece's own ids
  std::string algorithm;          // "unigram", "bpe", "word" or "char"
  std::string normalizer;         // the name of its normaliser: "nmt_nfkc", "identity", ...
};

// Parses the bytes of a model file. Throws DataError, naming source, for all that is no such file,
// and for all that SentencePiece 0.1.97 to 0.2.1 crashes on, exits on or reads beyond its memory
// for: pieces that are empty, not UTF-8, of over 4096 bytes or with a zero byte; scores that are
// not finite; a character map whose trie leads out of itself, in circles or past more than 32
// rules, or whose strings do not end or have over 256 bytes; over 32 user-defined symbols that
// begin with one another. Time and memory are linear in the bytes, of which there may be 64 MB.
WordPieceModel ParseWordPieceModel(std::string_view bytes, const std::string &source);

// All of the file; throws Error if it cannot be read or is larger than ParseWordPieceModel takes.
std::string ReadWordPieceModel(const std::string &rxfilename);

}  // namespace u2moe

#endif  // U2MOE_TEXT_WORD_PIECE_MODEL_H_
