#include "score/text-norm.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <sstream>

#include "base/error.h"
#include "util/utf8.h"

namespace u2moe {
namespace {

uint32_t LowerCodePoint(uint32_t c) {
  const auto in = [c](uint32_t low, uint32_t high) { return c >= low && c <= high; };
  if (in('A', 'Z')) return c + 32;
  if (in(0xC0, 0xDE) && c != 0xD7) return c + 32;  // 0xD7 is the multiplication sign
  if (c == 0x130) return 'i';
  if (c == 0x178) return 0xFF;
  // Latin Extended-A alternates capital and small; in these two stretches the capitals are odd.
  if (in(0x139, 0x148) || in(0x179, 0x17E)) return (c & 1) ? c + 1 : c;
  if (in(0x100, 0x137) || in(0x14A, 0x177)) return (c & 1) ? c : c + 1;
  if (in(0x391, 0x3AB) && c != 0x3A2) return c + 32;
  if (c == 0x386) return 0x3AC;
  if (in(0x388, 0x38A)) return c + 37;
  if (c == 0x38C) return 0x3CC;
  if (in(0x38E, 0x38F)) return c + 63;
  if (in(0x410, 0x42F)) return c + 32;
  if (in(0x400, 0x40F)) return c + 80;
  return c;
}

bool IsPunctuation(uint32_t c) {
  if (c < 0x80) return c != '\'' && c != '-' && std::ispunct(static_cast<int>(c));
  const auto in = [c](uint32_t low, uint32_t high) { return c >= low && c <= high; };
  if (c == 0xA1 || c == 0xA7 || c == 0xAB || c == 0xBB || c == 0xBF) return true;
  // U+2019 is how many texts write an apostrophe.
  if (in(0x2010, 0x2027)) return c != 0x2019;
  return in(0x3001, 0x3003) || in(0x3008, 0x3011) || in(0xFF01, 0xFF0F) || in(0xFF1A, 0xFF20) ||
         in(0xFF3B, 0xFF3D) || c == 0xFF3F || in(0xFF5B, 0xFF65);
}

void Lowercase(std::vector<std::string> *words) {
  for (std::string &w : *words) {
    std::vector<uint32_t> c = DecodeUtf8(w);
    std::transform(c.begin(), c.end(), c.begin(), LowerCodePoint);
    w = EncodeUtf8(c);
  }
}

void DropPunctuation(std::vector<std::string> *words) {
  std::vector<std::string> kept;
  for (const std::string &w : *words) {
    std::vector<uint32_t> c = DecodeUtf8(w);
    c.erase(std::remove_if(c.begin(), c.end(), IsPunctuation), c.end());
    if (!c.empty()) kept.push_back(EncodeUtf8(c));
  }
  words->swap(kept);
}

}  // namespace

TextNormalizer::TextNormalizer(const std::string &steps) {
  std::istringstream names(steps);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "none") continue;
    if (name == "lowercase") {
      steps_.push_back(Lowercase);
    } else if (name == "no-punctuation") {
      steps_.push_back(DropPunctuation);
    } else {
      throw UsageError("--normalize=", steps, ": unknown step '", name,
                       "'; known steps are none, lowercase, no-punctuation");
    }
    name_ += (name_.empty() ? "" : ",") + name;
  }
  if (name_.empty()) name_ = "none";
}

std::vector<std::string> TextNormalizer::Apply(std::vector<std::string> words) const {
  for (Step step : steps_) step(&words);
  return words;
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
