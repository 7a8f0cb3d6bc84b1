#include "util/unit-table.h"

#include <algorithm>

#include "base/error.h"
#include "util/text.h"
#include "util/unicode.h"

namespace u2moe {
namespace {

// "'X' (U+0058 LATIN CAPITAL LETTER X)": what cannot be seen has a name.
std::string LetterName(const std::string &letter) {
  return Cat("'", Printable(letter), "' (", CodePointName(DecodeUtf8(letter)[0]), ")");
}

// A unit of nothing but white space: no word can hold it.
bool IsSpaceUnit(const std::string &unit) { return SplitWords(unit).empty(); }

}  // namespace

bool IsWordPiece(std::string_view unit) {
  const auto within = [unit](char open, char close) {
    return unit.size() > 2 && unit.front() == open && unit.back() == close;
  };
  if (within('<', '>') || within('[', ']') || within('{', '}')) return false;
  int num_letters = 0;
  for (size_t i = 0; i < unit.size();) {
    const int32_t c = NextCodePoint(unit, &i);
    num_letters += c < 0 || !(IsMark(static_cast<uint32_t>(c)) || c == 0x200C || c == 0x200D);
  }
  return num_letters > 1;
}

UnitTable::UnitTable(std::vector<std::string> units) : units_(std::move(units)) {
  for (size_t i = 0; i < units_.size(); ++i) {
    if (units_[i].empty()) throw Error("unit ", i, " is empty");
    if (!ids_.emplace(units_[i], static_cast<int32_t>(i)).second) {
      throw Error("unit '", Printable(units_[i]), "' has two ids, ", ids_[units_[i]], " and ", i);
    }
  }
}

UnitTable UnitTable::Read(const std::string &rxfilename) {
  const std::vector<TableLine> lines = ReadTable(rxfilename, 1, 1, TableKeys::kSymbols);
  if (lines.empty()) throw Error(rxfilename, ": no units; expected lines such as 'A 3'");
  std::vector<std::string> units(lines.size());
  for (const TableLine &line : lines) {
    const std::string where = Cat(rxfilename, ":", line.line, ": unit '", Printable(line.key),
                                  "' has id '", Printable(line.values[0]), "'");
    int32_t id = 0;
    if (!ParseNumber(line.values[0], &id) || id < 0 || static_cast<size_t>(id) >= units.size()) {
      throw Error(where, ", which is not one of 0 to ", units.size() - 1, " for ", units.size(),
                  " units");
    }
    std::string &unit = units[static_cast<size_t>(id)];
    if (!unit.empty()) throw Error(where, ", which belongs to '", Printable(unit), "' already");
    unit = line.key;
  }
  return UnitTable(std::move(units));
}

int32_t UnitTable::Find(const std::string &unit) const {
  const auto found = ids_.find(unit);
  return found == ids_.end() ? -1 : found->second;
}

const std::string &UnitTable::Unit(int32_t id) const {
  if (id < 0 || id >= Size()) {
    throw DataError("token ", id, " is outside the ", Size(),
                    " units; do tokens and unit table belong to one model?");
  }
  return units_[static_cast<size_t>(id)];
}

void UnitTable::RequireLetters(const std::string &source) const {
  for (size_t i = 0; i < units_.size(); ++i) {
    if (!IsWordPiece(units_[i])) continue;
    throw Error(source, ": unit '", Printable(units_[i]), "' (id ", i,
                ") is a word piece, of more than one letter; give the SentencePiece model that the "
                "units were made with as --bpe-model, or units of single letters and symbols like "
                "<blank>");
  }
}

bool UnitTable::Covers(const std::string &word) const {
  const std::vector<std::string> letters = SplitUtf8(word);
  return std::all_of(letters.begin(), letters.end(),
                     [this](const std::string &letter) { return Find(letter) >= 0; });
}

std::vector<int32_t> UnitTable::Encode(const std::vector<std::string> &words,
                                       const std::string &space_unit, int32_t unk,
                                       EncodeNotes *notes) const {
  if (notes) *notes = {};
  std::vector<int32_t> ids;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && !space_unit.empty()) {
      const int32_t space = Find(space_unit);
      if (space < 0) {
        throw UsageError(
            "--space-unit=", space_unit,
            ": the unit table has no such unit; give the one it has, or --space-unit= to "
            "join words without any");
      }
      ids.push_back(space);
    }
    const std::string &word = words[i];
    for (const std::string &letter : SplitUtf8(word)) {
      const int32_t id = Find(letter);
      ids.push_back(id < 0 ? unk : id);
      if (notes && letter == space_unit) notes->has_space_unit = true;
      if (id >= 0 || (unk >= 0 && !notes)) continue;
      const bool composed = Covers(ToNfc(word)), decomposed = !composed && Covers(ToNfd(word));
      if (unk < 0) {
        throw DataError(
            "'", Printable(letter), "' of the word '", Printable(word), "' (",
            CodePointName(DecodeUtf8(letter)[0]), ") is not in the unit table; ",
            composed ? "the table has the word in its composed form: write the text in NFC, e.g. "
                       "with uconv -x nfc"
            : decomposed
                ? "the table has the word in its decomposed form: write the text in NFD, "
                  "e.g. with uconv -x nfd"
                : "normalise the text, add the unit, or map unknown ones with --unk=<unk>");
      }
      notes->unknown.push_back(LetterName(letter));
      notes->composition |= composed || decomposed;
    }
  }
  return ids;
}

std::vector<TokenWord> UnitTable::DecodeWords(const std::vector<int32_t> &ids,
                                              const std::string &space_unit) const {
  std::vector<TokenWord> words;
  bool inside = false;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string &unit = Unit(ids[i]);
    if (unit == space_unit || IsSpaceUnit(unit)) {
      inside = false;
      continue;
    }
    const int32_t at = static_cast<int32_t>(i);
    if (!inside) words.push_back({"", at, at});
    inside = true;
    words.back().text += unit;
    words.back().end = at + 1;
  }
  return words;
}

std::vector<std::string> UnitTable::Decode(const std::vector<int32_t> &ids,
                                           const std::string &space_unit) const {
  std::vector<std::string> texts;
  for (TokenWord &word : DecodeWords(ids, space_unit)) texts.push_back(std::move(word.text));
  return texts;
}

}  // namespace u2moe
