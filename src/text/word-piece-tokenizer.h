#ifndef U2MOE_TEXT_WORD_PIECE_TOKENIZER_H_
#define U2MOE_TEXT_WORD_PIECE_TOKENIZER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/sentence-piece.h"
#include "text/word-piece-model.h"
#include "util/unit-table.h"

namespace u2moe {

// Whether a unit is a piece with which a word begins: U+2581 and more.
bool BeginsWord(const std::string &unit);

// Throws DataError unless the model is one that the units may have been made with (MakeTokenizer);
// warns where less than half of its pieces are units.
void CheckFit(const WordPieceModel &model, const UnitTable &units, const std::string &source,
              const std::string &model_source);

// What MakeTokenizer (tokenizer.h) says of word pieces.
class WordPieceTokenizer {
 public:
  // bpe_model: the bytes of SentencePiece's model, which must fit; empty: there is none. encoding:
  // Split and Append will be called, for which there must be one.
  WordPieceTokenizer(UnitTable units, const std::string &source, const std::string &bpe_model,
                     const std::string &model_source, const std::string &bpe_case, bool encoding);

  const UnitTable &Units() const { return units_; }

  // The text in capital letters, if the pieces are. Throws DataError for what is not UTF-8.
  std::string InItsCase(const std::string &text) const;

  // Appends the ids of a text that is in its case; adds to notes, if given. Throws DataError for a
  // piece without unit if unk is -1.
  void Append(const std::string &text, int32_t unk, EncodeNotes *notes,
              std::vector<int32_t> *ids) const;

  std::vector<TokenWord> DecodeWords(const std::vector<int32_t> &ids) const;

 private:
  // The pieces of a text, Chinese characters among them.
  std::vector<std::string> Split(const std::string &text) const;
  bool Covers(const std::string &text) const;

  UnitTable units_;
  std::optional<SentencePiece> pieces_;
  bool upper_ = false;
  std::vector<int16_t> byte_;  // by id: the byte that the unit is, or -1; empty: none is
};

}  // namespace u2moe

#endif  // U2MOE_TEXT_WORD_PIECE_TOKENIZER_H_
