#ifndef U2MOE_UTIL_UNIT_TABLE_H_
#define U2MOE_UTIL_UNIT_TABLE_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace u2moe {

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

  // Words to ids. Between words goes space_unit, or nothing if that is "". A letter without a unit
  // gets the id unk, or throws DataError, naming letter and word, if unk is -1. No words give no
  // ids. Throws UsageError if space_unit is not in the table but needed.
  std::vector<int32_t> Encode(const std::vector<std::string> &words, const std::string &space_unit,
                              int32_t unk) const;

  // Ids to words: units are joined, and cut at space_unit; a space at the ends or doubled makes no
  // empty word. With space_unit "" the result is one word, or none. Units such as <unk> are written
  // as they are. Throws DataError for an id outside the table.
  std::vector<std::string> Decode(const std::vector<int32_t> &ids,
                                  const std::string &space_unit) const;

 private:
  std::vector<std::string> units_;
  std::unordered_map<std::string, int32_t> ids_;
};

}  // namespace u2moe

#endif  // U2MOE_UTIL_UNIT_TABLE_H_
