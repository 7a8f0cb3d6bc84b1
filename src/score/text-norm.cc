#include "score/text-norm.h"

#include <cctype>
#include <cstdint>
#include <sstream>

#include "base/error.h"
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
std::string Plain(const std::string &word) { return ToNfkc(word); }
std::string Compose(const std::string &word) { return ToNfc(word); }
std::string Width(const std::string &word) { return FoldWidth(word); }

const struct {
  const char *name;
  std::string (*step)(const std::string &word);
} kSteps[] = {{"lowercase", Lower}, {"casefold", Fold}, {"no-punctuation", DropPunctuation},
              {"nfc", Compose},     {"nfkc", Plain},    {"width", Width}};

}  // namespace

std::string TextNormalizer::KnownSteps() {
  std::string names = "none";
  for (const auto &known : kSteps) names += Cat(", ", known.name);
  return names;
}

TextNormalizer::TextNormalizer(const std::string &steps) {
  std::istringstream names(steps);
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
    name_ += (name_.empty() ? "" : ",") + name;
  }
  if (name_.empty()) name_ = "none";
}

std::vector<std::string> TextNormalizer::Apply(std::vector<std::string> words) const {
  if (steps_.empty()) return words;
  std::vector<std::string> result;
  for (std::string &word : words) {
    word = ToNfc(word);
    for (Step step : steps_) word = ToNfc(step(word));
    if (IsAscii(word)) {
      if (!word.empty()) result.push_back(std::move(word));
    } else {  // some plain forms have a space in them
      for (std::string &part : SplitWords(word)) result.push_back(std::move(part));
    }
  }
  return result;
}

std::vector<std::string> SplitIntoUnits(std::vector<std::string> words, ScoreUnit unit) {
  if (unit == ScoreUnit::kWord) return words;
  std::vector<std::string> units;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && unit == ScoreUnit::kCharAndSpace) units.emplace_back(" ");
    for (std::string &c : SplitUtf8(words[i])) units.push_back(std::move(c));
  }
  return units;
}

}  // namespace u2moe
