// The way between transcripts and the ids of a model's units.
#ifndef U2MOE_TEXT_TOKENIZER_H_
#define U2MOE_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "util/options.h"
#include "util/unit-table.h"

namespace u2moe {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual const UnitTable &Units() const = 0;

  // Words to ids; no words give no ids. What the table has no unit for gets the id unk or, if unk
  // is -1, throws DataError that names it. `notes`, if given, is overwritten. Throws DataError for
  // words that are not UTF-8.
  virtual std::vector<int32_t> Encode(const std::vector<std::string> &words, int32_t unk,
                                      EncodeNotes *notes = nullptr) const = 0;

  // Ids to words, in order. Units such as <unk> are written as they are. A piece with a space
  // within belongs to the words on both sides. Throws DataError for an id outside the table.
  virtual std::vector<TokenWord> DecodeWords(const std::vector<int32_t> &ids) const = 0;
  // Their texts alone.
  std::vector<std::string> Decode(const std::vector<int32_t> &ids) const;
};

struct TokenizerOptions {
  std::string space_unit = UnitTable::kSpace;
  std::string bpe_model;
  std::string bpe_case;
  std::string non_lang_syms;

  // encoding: also the options that only Encode looks at.
  void Register(OptionParser *po, bool encoding);
  void Check() const;  // throws UsageError
};

// What the units of a table are: letters, word pieces by the given bytes of a SentencePiece model,
// or, with no bytes and for Decode only, word pieces that begin words with U+2581. Without
// `encoding`, Encode of word pieces must not be called, and SentencePiece is not needed.
//
// Letters: one code point each, space_unit between words (UnitTable::Encode and Decode).
//
// Word pieces, as WeNet's BpeTokenizer: each Chinese character (U+4E00 to U+9FFF) is a piece of its
// own, what is between them goes through SentencePiece. bpe_case says whether capital letters are
// made of it first: upper and keep, or auto (or ""): where no piece has a small letter, as WeNet
// always does. Ids become words by joining pieces and parting them at U+2581; where the table has
// all 256 of <0x00> to <0xFF>, these are bytes of UTF-8.
//
// non_lang_syms: the path of a list of symbols, one a line, such as {NOISE} or [LAUGH], which are
// units of their own in any place; as in WeNet, text is parted at all that is in one pair of such
// brackets.
//
// source and model_source name units and model in messages. Throws DataError if the bytes are no
// model or one that does not fit: no piece is a unit, or a unit that begins a word is no piece;
// UsageError where SentencePiece is needed and u2moe was built without it. With `encoding`, throws
// Error for word pieces without a model.
std::unique_ptr<Tokenizer> MakeTokenizer(UnitTable units, const std::string &source,
                                         const std::string &bpe_model,
                                         const std::string &model_source,
                                         const TokenizerOptions &options, bool encoding);

// As MakeTokenizer does, without needing SentencePiece: throws DataError if the bytes are no model
// of word pieces or one that does not fit.
void CheckWordPieces(const UnitTable &units, const std::string &source,
                     const std::string &bpe_model, const std::string &model_source);

}  // namespace u2moe

#endif  // U2MOE_TEXT_TOKENIZER_H_
