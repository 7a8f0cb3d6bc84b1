#ifndef U2MOE_UTIL_UNIT_TABLE_H_
#define U2MOE_UTIL_UNIT_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace u2moe {

// Whether a unit is a piece of a word: more than one letter, as in "▁THE" or "ing". Symbols such as
// <blank>, <sos/eos>, [NOISE] and {NOISE} are not, nor is one letter with marks on it or a mark
// alone.
bool IsWordPiece(std::string_view unit);

// What text-to-tokens tells about transcripts that did not fit the units quite.
struct EncodeNotes {
  std::vector<std::string> unknown;  // letters that became the unknown unit, "'X' (U+0058 ...)"
  bool composition = false;          // ... and would not have, were the text (de)composed
  bool has_space_unit = false;       // a word holds the unit that stands for the space

  void Add(const EncodeNotes &more) {
    unknown.insert(unknown.end(), more.unknown.begin(), more.unknown.end());
    composition |= more.composition;
    has_space_unit |= more.has_space_unit;
  }
};

// A word of a sequence of tokens: those from begin to before end have its letters.
struct TokenWord {
  std::string text;
  int32_t begin, end;
};

// The model's output units and their ids 0, 1, ..., and the way between transcripts and ids: units
// are letters (one code point each), and a unit of its own stands for the space between words.
class UnitTable {
 public:
  static constexpr const char *kSpace =
      "\u2581";  // U+2581, as SentencePiece and WeNet write a space

  // units[i] has id i. Throws Error for a unit that occurs twice or is empty.
  explicit UnitTable(std::vector<std::string> units);

  // A file of lines "unit id", in any order, in which every id from 0 occurs once. Throws Error
  // with file and line.
  static UnitTable Read(const std::string &rxfilename);

  int32_t Size() const { return static_cast<int32_t>(units_.size()); }
  int32_t Find(const std::string &unit) const;  // -1 if there is no such unit
  const std::string &Unit(int32_t id) const;    // throws DataError for an id outside the table
  const std::vector<std::string> &Units() const { return units_; }

  // Throws Error naming the first word piece: Encode and Decode are for letters, text/tokenizer.h
  // has others. `source` is the name of the table.
  void RequireLetters(const std::string &source) const;

  // Words to ids. Between words goes space_unit, or nothing if that is "". A letter without a unit
  // gets the id unk, or throws DataError, naming letter, code point and word, if unk is -1. No
  // words give no ids. Throws UsageError if space_unit is not in the table but needed. `notes`, if
  // given, is overwritten.
  std::vector<int32_t> Encode(const std::vector<std::string> &words, const std::string &space_unit,
                              int32_t unk, EncodeNotes *notes = nullptr) const;

  // Ids to words: units are joined, and cut at space_unit and at units of white space (U+3000,
  // which other tools take for a letter); a space at the ends or doubled makes no empty word. With
  // space_unit "" the result is one word, or none, where no unit is white space. Units such as
  // <unk> are written as they are. Throws DataError for an id outside the table.
  std::vector<TokenWord> DecodeWords(const std::vector<int32_t> &ids,
                                     const std::string &space_unit) const;
  // Their texts alone.
  std::vector<std::string> Decode(const std::vector<int32_t> &ids,
                                  const std::string &space_unit) const;

 private:
  bool Covers(const std::string &word) const;

  std::vector<std::string> units_;
  std::unordered_map<std::string, int32_t> ids_;
};

}  // namespace u2moe

#endif  // U2MOE_UTIL_UNIT_TABLE_H_
