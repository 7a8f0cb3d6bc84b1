#include "util/unit-table.h"

#include "base/error.h"
#include "util/text.h"
#include "util/utf8.h"

namespace u2moe {

UnitTable::UnitTable(std::vector<std::string> units) : units_(std::move(units)) {
  for (size_t i = 0; i < units_.size(); ++i) {
    if (units_[i].empty()) throw Error("unit ", i, " is empty");
    if (!ids_.emplace(units_[i], static_cast<int32_t>(i)).second) {
      throw Error("unit '", units_[i], "' has two ids, ", ids_[units_[i]], " and ", i);
    }
  }
}

UnitTable UnitTable::Read(const std::string &rxfilename) {
  const std::vector<TableLine> lines = ReadTable(rxfilename, 1, 1);
  if (lines.empty()) throw Error(rxfilename, ": no units; expected lines such as 'A 3'");
  std::vector<std::string> units(lines.size());
  for (const TableLine &line : lines) {
    const std::string where =
        Cat(rxfilename, ":", line.line, ": unit '", line.key, "' has id '", line.values[0], "'");
    int32_t id = 0;
    if (!ParseNumber(line.values[0], &id) || id < 0 || static_cast<size_t>(id) >= units.size()) {
      throw Error(where, ", which is not one of 0 to ", units.size() - 1, " for ", units.size(),
                  " units");
    }
    std::string &unit = units[static_cast<size_t>(id)];
    if (!unit.empty()) throw Error(where, ", which belongs to '", unit, "' already");
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

std::vector<int32_t> UnitTable::Encode(const std::vector<std::string> &words,
                                       const std::string &space_unit, int32_t unk) const {
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
    for (const std::string &letter : SplitUtf8(words[i])) {
      const int32_t id = Find(letter);
      if (id < 0 && unk < 0) {
        throw DataError(
            "'", letter, "' of the word '", words[i],
            "' is not in the unit table; normalise the text, add the unit, or map unknown "
            "ones with --unk=<unk>");
      }
      ids.push_back(id < 0 ? unk : id);
    }
  }
  return ids;
}

std::vector<std::string> UnitTable::Decode(const std::vector<int32_t> &ids,
                                           const std::string &space_unit) const {
  std::vector<std::string> words;
  bool inside = false;
  for (int32_t id : ids) {
    const std::string &unit = Unit(id);
    if (unit == space_unit) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    words.back() += unit;
  }
  return words;
}

}  // namespace u2moe
