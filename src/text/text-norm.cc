#include "text/text-norm.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "util/io.h"
#include "util/text.h"
#include "util/unicode.h"

namespace u2moe {
namespace {

// Punctuation and the symbols of ASCII, also full-width.
bool IsDropped(uint32_t c) {
  if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFF01 - 0x21;
  return c < 0x80 ? std::ispunct(static_cast<int>(c)) : IsPunctuation(c);
}

bool IsSpelling(uint32_t c) { return IsLetterOrNumber(c) || IsMark(c); }

std::string DropPunctuation(const std::string &word) {
  const std::vector<uint32_t> letters = DecodeUtf8(word);
  std::vector<uint32_t> kept;
  bool spells = false;
  for (size_t i = 0; i < letters.size(); ++i) {
    const uint32_t c = letters[i];
    spells = spells || !IsDropped(c);
    // U+2019 is how many texts write an apostrophe.
    const bool apostrophe = (c == '\'' || c == 0x2019) && i > 0 && i + 1 < letters.size() &&
                            IsSpelling(letters[i - 1]) && IsSpelling(letters[i + 1]);
    if (c == '-' || apostrophe || !IsDropped(c)) kept.push_back(c);
  }
  return spells ? EncodeUtf8(kept) : "";
}

// Folding takes text that is decomposed first (Unicode's definition of a canonical caseless match).
std::string Fold(const std::string &word) { return FoldCase(ToNfd(word)); }
std::string Lower(const std::string &word) { return ToLower(word); }
std::string Upper(const std::string &word) { return ToUpper(word); }
std::string Plain(const std::string &word) { return ToNfkc(word); }
std::string Compose(const std::string &word) { return ToNfc(word); }
std::string Width(const std::string &word) { return FoldWidth(word); }

const struct {
  const char *name;
  std::string (*step)(const std::string &word);
} kSteps[] = {{"lowercase", Lower}, {"uppercase", Upper},
              {"casefold", Fold},   {"no-punctuation", DropPunctuation},
              {"nfc", Compose},     {"nfkc", Plain},
              {"width", Width},     {"map", nullptr}};

}  // namespace

std::string TextNormalizer::KnownSteps() {
  std::string names = "none";
  for (const auto &known : kSteps) names += Cat(", ", known.name);
  return names;
}

TextNormalizer::TextNormalizer(const std::string &steps, const std::string &map) {
  std::istringstream names(steps);
  bool maps = false;
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "none") continue;
    const size_t before = steps_.size();
    for (const auto &known : kSteps) {
      if (name == known.name) steps_.push_back(known.step);
    }
    if (steps_.size() == before) {
      throw UsageError("--normalize=", steps, ": unknown step '", name, "'; known steps are ",
                       KnownSteps());
    }
    maps = maps || steps_.back() == nullptr;
    name_ += (name_.empty() ? "" : ",") + name;
  }
  if (name_.empty()) name_ = "none";
  if (maps && map.empty())
    throw UsageError("--normalize=", steps, ": the step map needs a file, --normalize-map");
  if (!maps && !map.empty()) {
    throw UsageError("--normalize-map=", map, ": --normalize=", steps,
                     " has no step map, which says when it is done");
  }
  if (maps) map_ = WordMap(map);
}

std::vector<std::string> TextNormalizer::Apply(std::vector<std::string> words) const {
  if (steps_.empty()) return words;
  for (std::string &word : words) word = ToNfc(word);
  for (const Step step : steps_) {
    if (step == nullptr) {
      words = map_.Apply(words);
      continue;
    }
    std::vector<std::string> result;
    for (const std::string &old : words) {
      std::string word = ToNfc(step(old));
      if (!HasWhiteSpace(word)) {
        if (!word.empty()) result.push_back(std::move(word));
      } else {  // some plain forms have a space in them
        for (std::string &part : SplitWords(word)) result.push_back(std::move(part));
      }
    }
    words = std::move(result);
  }
  return words;
}

std::string TextNormalizer::Hash() const {
  if (steps_.empty()) return "";
  // To be counted up when what a step does is changed.
  const std::string all = Cat("1\n", name_, "\n", map_.ToString());
  uint64_t h = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : all) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char digits[16];
  std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(h ^ h >> 32));
  return digits;
}

std::string TextNormalizer::Label() const {
  return steps_.empty() ? name_ : Cat(name_, " (", Hash(), ")");
}

WordMap::WordMap(const std::string &rxfilename) {
  Input input(rxfilename);
  input.SkipByteOrderMark();
  std::map<std::string, int64_t> line_of;
  int64_t number = 0;
  for (std::string line; std::getline(input.Stream(), line);) {
    const std::string where = Cat(rxfilename, ":", ++number, ": ");
    if (line.find('\0') != std::string::npos)
      throw DataError(where, "a zero byte, so it is not text");
    if (!IsValidUtf8(line))
      throw DataError(where, "not UTF-8; convert the file, e.g. with iconv -t UTF-8");
    const size_t tab = line.find('\t');
    std::vector<std::string> from = SplitWords(ToNfc(line.substr(0, tab))), to;
    if (tab != std::string::npos) {
      to = SplitWords(ToNfc(line.substr(tab + 1)));
    } else if (!from.empty()) {
      to.assign(from.begin() + 1, from.end());
      from.resize(1);
    }
    if (from.empty() && to.empty()) continue;
    if (from.empty()) throw DataError(where, "no words before the tab; expected 'from<TAB>to'");
    const std::string key = Join(from, " ");
    if (!line_of.emplace(key, number).second) {
      throw DataError(where, "'", Printable(key), "' stands in line ", line_of[key],
                      " already; keep one of them");
    }
    most_words_ = std::max(most_words_, from.size());
    map_[key] = std::move(to);
  }
  input.Close();
}

std::vector<std::string> WordMap::Apply(const std::vector<std::string> &words) const {
  std::vector<std::string> result;
  for (size_t i = 0; i < words.size();) {
    const size_t most = std::min(most_words_, words.size() - i);
    std::string key;
    auto longest = map_.end();
    size_t length = 0;
    for (size_t n = 1; n <= most; ++n) {
      key += (n > 1 ? " " : "") + words[i + n - 1];
      const auto found = map_.find(key);
      if (found == map_.end()) continue;
      longest = found;
      length = n;
    }
    if (length == 0) {
      result.push_back(words[i++]);
    } else {
      result.insert(result.end(), longest->second.begin(), longest->second.end());
      i += length;
    }
  }
  return result;
}

std::string WordMap::ToString() const {
  std::string all;
  for (const auto &[from, to] : map_) all += Cat(from, "\t", Join(to, " "), "\n");
  return all;
}

void NormalizeOptions::Register(OptionParser *po, const std::string &side) {
  po->Register("normalize", &normalize,
               Cat("steps done to ", side, ", with commas: ", TextNormalizer::KnownSteps(),
                   "; all but none also compose accents"));
  po->RegisterInput("normalize-map", &normalize_map,
                    "for the step map: lines 'from to...', or several words, a tab and others");
}

}  // namespace u2moe
