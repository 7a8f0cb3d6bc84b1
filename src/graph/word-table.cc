#include "graph/word-table.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {

WordTable::WordTable() { Insert(kEpsilon, 0); }

void WordTable::Insert(const std::string &word, int32_t id) {
  CHECK(ids_.emplace(word, id).second && places_.emplace(id, entries_.size()).second);
  entries_.push_back({word, id});
  largest_ = std::max(largest_, id);
}

WordTable WordTable::Read(const std::string &rxfilename) {
  WordTable table;
  bool has_epsilon = false;
  for (const TableLine &line : ReadTable(rxfilename, 1, 1, TableKeys::kSymbols)) {
    int32_t id = 0;
    const auto fail = [&](const std::string &why) {
      throw Error(rxfilename, ":", line.line, ": '", Printable(line.key), "' has the id '",
                  Printable(line.values[0]), "', ", why);
    };
    if (!ParseNumber(line.values[0], &id) || id < 0) fail("which is no number from 0 up");
    if ((id == 0) != (line.key == kEpsilon)) fail("but 0 is for <eps>, and for nothing else");
    if (id == 0) {
      has_epsilon = true;
      continue;
    }
    if (const std::string *other = table.Word(id))
      fail("which belongs to '" + Printable(*other) + "' already");
    table.Insert(line.key, id);
  }
  if (!has_epsilon) throw Error(rxfilename, ": no line '<eps> 0'; is it a words.txt?");
  return table;
}

void WordTable::Write(const std::string &wxfilename) const {
  Output out(wxfilename);
  for (const Entry &e : entries_) out.Stream() << e.word << ' ' << e.id << '\n';
  out.Close();
}

int32_t WordTable::Add(const std::string &word) {
  const int32_t known = Find(word);
  if (known >= 0) return known;
  Insert(word, largest_ + 1);
  return largest_;
}

int32_t WordTable::Find(const std::string &word) const {
  const auto found = ids_.find(word);
  return found == ids_.end() ? -1 : found->second;
}

const std::string *WordTable::Word(int32_t id) const {
  const auto found = places_.find(id);
  return found == places_.end() ? nullptr : &entries_[found->second].word;
}

std::vector<std::string> WordTable::Words() const {
  std::vector<std::string> words;
  for (const Entry &e : entries_) words.push_back(e.word);
  return words;
}

std::string WordName(const WordTable *words, int32_t id) {
  const std::string *word = words == nullptr ? nullptr : words->Word(id);
  return word == nullptr ? Cat("word ", id) : Cat("'", Printable(*word), "' (", id, ")");
}

bool IsDisambigSymbol(std::string_view symbol) {
  if (symbol.size() < 2 || symbol[0] != '#') return false;
  if (StartsWith(symbol, "#nonterm")) return true;
  return std::all_of(symbol.begin() + 1, symbol.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace u2moe
