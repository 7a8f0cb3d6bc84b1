#include "text/word-piece-tokenizer.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "util/text.h"
#include "util/unicode.h"

namespace u2moe {
namespace {

// CJK Unified Ideographs, those that WeNet parts text at.
bool IsChineseCharacter(int32_t c) { return c >= 0x4E00 && c <= 0x9FFF; }

std::string ByteUnit(int byte) {
  char name[8];
  std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
  return name;
}

// Text whose bytes know the token that they come from.
struct OwnedText {
  std::string bytes;
  std::vector<int32_t> owners;

  void Append(std::string_view s, int32_t owner) {
    bytes += s;
    owners.resize(bytes.size(), owner);
  }
};

// The same with U+FFFD for each byte that is not UTF-8.
OwnedText Repaired(const OwnedText &s) {
  if (IsValidUtf8(s.bytes)) return s;
  OwnedText result;
  for (size_t i = 0; i < s.bytes.size();) {
    const size_t begin = i;
    if (NextCodePoint(s.bytes, &i) < 0) {
      result.Append("\uFFFD", s.owners[begin]);
    } else {
      for (size_t k = begin; k < i; ++k) result.Append(s.bytes.substr(k, 1), s.owners[k]);
    }
  }
  return result;
}

// "'ZZ'", and for one letter, which may not be seen, "'Ö' (U+00D6 ...)".
std::string PieceName(const std::string &piece) {
  const std::vector<uint32_t> letters = DecodeUtf8(piece);
  const std::string quoted = Cat("'", Printable(piece), "'");
  return letters.size() == 1 ? Cat(quoted, " (", CodePointName(letters[0]), ")") : quoted;
}

}  // namespace

bool BeginsWord(const std::string &unit) {
  const std::string_view mark = UnitTable::kSpace;
  return unit.size() > mark.size() && StartsWith(unit, mark);
}

WordPieceTokenizer::WordPieceTokenizer(UnitTable units, const std::string &source,
                                       const std::string &bpe_model,
                                       const std::string &model_source, const std::string &bpe_case,
                                       bool encoding)
    : units_(std::move(units)) {
  for (int byte = 0; byte < 256; ++byte) {
    const int32_t id = units_.Find(ByteUnit(byte));
    if (id < 0) {
      byte_.clear();
      break;
    }
    if (byte == 0) byte_.assign(units_.Units().size(), -1);
    byte_[static_cast<size_t>(id)] = static_cast<int16_t>(byte);
  }
  if (bpe_model.empty()) return;
  const WordPieceModel model = ParseWordPieceModel(bpe_model, model_source);
  CheckFit(model, units_, source, model_source);
  if (!encoding) return;
  upper_ = bpe_case == "upper" ||
           (bpe_case != "keep" &&
            std::none_of(model.pieces.begin(), model.pieces.end(), [](const WordPiece &p) {
              return p.type == WordPiece::kNormal && ToUpper(p.piece) != p.piece;
            }));
  pieces_.emplace(bpe_model, model_source);
}

void CheckFit(const WordPieceModel &model, const UnitTable &units, const std::string &source,
              const std::string &model_source) {
  const std::string remedy =
      "; give the model with which the units were made, or make units anew from this one";
  std::unordered_set<std::string> pieces;
  size_t normal = 0, common = 0;
  for (const WordPiece &p : model.pieces) {
    pieces.insert(p.piece);
    if (p.type != WordPiece::kNormal) continue;
    ++normal;
    common += units.Find(p.piece) >= 0;
  }
  if (common == 0) {
    throw DataError(model_source, ": none of its ", pieces.size(), " pieces is a unit of ", source,
                    remedy);
  }
  // Other units may be Chinese characters, symbols, and runs of letters that no piece has.
  for (const std::string &unit : units.Units()) {
    if (!BeginsWord(unit) || pieces.count(unit) > 0) continue;
    throw DataError(model_source, ": the unit '", Printable(unit), "' of ", source,
                    " is none of its pieces", remedy);
  }
  if (2 * common < normal) {
    LOG_WARN << model_source << ": only " << common << " of its " << normal
             << " pieces are units of " << source << "; do the files belong together?";
  }
}

std::string WordPieceTokenizer::InItsCase(const std::string &text) const {
  if (upper_) return ToUpper(text);
  if (!IsValidUtf8(text)) SplitUtf8(text);  // which names the byte
  return text;
}

std::vector<std::string> WordPieceTokenizer::Split(const std::string &text) const {
  CHECK(pieces_.has_value()) << "this tokenizer is for decoding";
  std::vector<std::string> result;
  std::string run;
  const auto flush = [&] {
    if (!SplitWords(run).empty()) {
      for (std::string &piece : pieces_->Encode(run)) result.push_back(std::move(piece));
    }
    run.clear();
  };
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const bool alone = IsChineseCharacter(NextCodePoint(text, &i));
    if (alone) {
      flush();
      result.push_back(text.substr(begin, i - begin));
    } else {
      run.append(text, begin, i - begin);
    }
  }
  flush();
  return result;
}

bool WordPieceTokenizer::Covers(const std::string &text) const {
  const std::vector<std::string> pieces = Split(text);
  return std::all_of(pieces.begin(), pieces.end(),
                     [this](const std::string &piece) { return units_.Find(piece) >= 0; });
}

void WordPieceTokenizer::Append(const std::string &text, int32_t unk, EncodeNotes *notes,
                                std::vector<int32_t> *ids) const {
  bool composition_known = false;
  if (notes != nullptr && text.find(UnitTable::kSpace) != std::string::npos)
    notes->has_space_unit = true;
  for (const std::string &piece : Split(text)) {
    const int32_t id = units_.Find(piece);
    ids->push_back(id < 0 ? unk : id);
    if (id >= 0 || (unk >= 0 && notes == nullptr)) continue;
    if (unk < 0) {
      const bool composed = Covers(ToNfc(text)), decomposed = !composed && Covers(ToNfd(text));
      throw DataError("the piece ", PieceName(piece), " is not in the unit table; ",
                      composed     ? "it would not be wanted, were the text composed: write it in "
                                     "NFC, e.g. with uconv -x nfc"
                      : decomposed ? "it would not be wanted, were the text decomposed: write it "
                                     "in NFD, e.g. with uconv -x nfd"
                                   : "normalise the text, add the unit, or map unknown ones with "
                                     "--unk=<unk>");
    }
    notes->unknown.push_back(PieceName(piece));
    if (!composition_known) notes->composition |= Covers(ToNfc(text)) || Covers(ToNfd(text));
    composition_known = true;
  }
}

std::vector<TokenWord> WordPieceTokenizer::DecodeWords(const std::vector<int32_t> &ids) const {
  const std::string_view mark = UnitTable::kSpace;
  OwnedText joined;
  bool has_bytes = false;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string &unit = units_.Unit(ids[i]);
    const int16_t byte = byte_.empty() ? -1 : byte_[static_cast<size_t>(ids[i])];
    has_bytes |= byte >= 0;
    joined.Append(byte < 0 ? unit : std::string(1, static_cast<char>(byte)),
                  static_cast<int32_t>(i));
  }
  if (has_bytes) joined = Repaired(joined);
  std::vector<TokenWord> words;
  bool inside = false;
  for (size_t i = 0; i < joined.bytes.size();) {
    const size_t begin = i;
    const int32_t c = NextCodePoint(joined.bytes, &i);
    const std::string letter = joined.bytes.substr(begin, i - begin);
    if (letter == mark || (c >= 0 && IsWhiteSpace(static_cast<uint32_t>(c)))) {
      inside = false;
      continue;
    }
    if (!inside) words.push_back({"", joined.owners[begin], 0});
    inside = true;
    words.back().text += letter;
    words.back().end = joined.owners[i - 1] + 1;
  }
  return words;
}

}  // namespace u2moe
