#include "text/tokenizer.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "text/word-piece-tokenizer.h"
#include "util/text.h"

namespace u2moe {
namespace {

// A part of a text: a symbol that is a unit as it is, or text.
struct TextPart {
  std::string text;
  bool is_symbol;
};

class NonLangSyms {
 public:
  NonLangSyms() = default;
  NonLangSyms(const std::string &rxfilename, const UnitTable &units) {
    for (const TableLine &line : ReadTable(rxfilename, 0, 0, TableKeys::kSymbols)) {
      const std::string where = Cat(rxfilename, ":", line.line, ": '", Printable(line.key), "'");
      if (BracketedSize(line.key) != line.key.size())
        throw DataError(where, " is no symbol such as {NOISE}, [NOISE] or <NOISE>");
      if (units.Find(line.key) < 0)
        throw DataError(where, " is not in the unit table; add it there, or remove it here");
      symbols_.insert(line.key);
    }
  }

  bool Empty() const { return symbols_.empty(); }

  // text, cut at everything in brackets if there are any symbols.
  std::vector<TextPart> Split(const std::string &text) const {
    if (symbols_.empty()) return {{text, false}};
    std::vector<TextPart> parts;
    std::string plain;
    const auto flush = [&] {
      if (!SplitWords(plain).empty()) parts.push_back({plain, false});
      plain.clear();
    };
    for (size_t i = 0; i < text.size();) {
      const size_t size = BracketedSize(std::string_view(text).substr(i));
      if (size == 0) {
        plain += text[i++];
        continue;
      }
      flush();
      plain = text.substr(i, size);
      if (symbols_.count(plain) > 0) {
        parts.push_back({plain, true});
        plain.clear();
      }
      flush();
      i += size;
    }
    flush();
    return parts;
  }

 private:
  // Bytes of the "[...]", "<...>" or "{...}" that s begins with, within which there is neither
  // bracket of its kind; 0 if it does not begin so.
  static size_t BracketedSize(std::string_view s) {
    static constexpr std::string_view kPairs[] = {"[]", "<>", "{}"};
    for (const std::string_view pair : kPairs) {
      if (s.empty() || s[0] != pair[0]) continue;
      const size_t end = s.find_first_of(pair, 1);
      return end != s.npos && end > 1 && s[end] == pair[1] ? end + 1 : 0;
    }
    return 0;
  }

  std::unordered_set<std::string> symbols_;
};

class LetterTokenizer : public Tokenizer {
 public:
  LetterTokenizer(UnitTable units, std::string space_unit, NonLangSyms symbols)
      : units_(std::move(units)), space_(std::move(space_unit)), symbols_(std::move(symbols)) {}

  const UnitTable &Units() const override { return units_; }

  std::vector<int32_t> Encode(const std::vector<std::string> &words, int32_t unk,
                              EncodeNotes *notes) const override {
    if (symbols_.Empty()) return units_.Encode(words, space_, unk, notes);
    if (notes != nullptr) *notes = {};
    std::vector<int32_t> ids;
    for (const TextPart &part : symbols_.Split(Join(words, " "))) {
      if (part.is_symbol) {
        ids.push_back(units_.Find(part.text));
        continue;
      }
      EncodeNotes own;
      const std::vector<int32_t> more =
          units_.Encode(SplitWords(part.text), space_, unk, notes == nullptr ? nullptr : &own);
      ids.insert(ids.end(), more.begin(), more.end());
      if (notes != nullptr) notes->Add(own);
    }
    return ids;
  }

  std::vector<TokenWord> DecodeWords(const std::vector<int32_t> &ids) const override {
    return units_.DecodeWords(ids, space_);
  }

 private:
  UnitTable units_;
  std::string space_;
  NonLangSyms symbols_;
};

// The symbols around the pieces.
class SymbolsAndPieces : public Tokenizer {
 public:
  SymbolsAndPieces(WordPieceTokenizer pieces, NonLangSyms symbols)
      : pieces_(std::move(pieces)), symbols_(std::move(symbols)) {}

  const UnitTable &Units() const override { return pieces_.Units(); }

  std::vector<int32_t> Encode(const std::vector<std::string> &words, int32_t unk,
                              EncodeNotes *notes) const override {
    if (notes != nullptr) *notes = {};
    std::vector<int32_t> ids;
    for (const TextPart &part : symbols_.Split(pieces_.InItsCase(Join(words, " ")))) {
      if (part.is_symbol) {
        ids.push_back(Units().Find(part.text));
      } else {
        pieces_.Append(part.text, unk, notes, &ids);
      }
    }
    return ids;
  }

  std::vector<TokenWord> DecodeWords(const std::vector<int32_t> &ids) const override {
    return pieces_.DecodeWords(ids);
  }

 private:
  WordPieceTokenizer pieces_;
  NonLangSyms symbols_;
};

// Whether units are pieces of words, as SentencePiece marks them.
bool HasMarkedPieces(const UnitTable &units) {
  return std::any_of(units.Units().begin(), units.Units().end(), BeginsWord);
}

}  // namespace

std::vector<std::string> Tokenizer::Decode(const std::vector<int32_t> &ids) const {
  std::vector<std::string> texts;
  for (TokenWord &word : DecodeWords(ids)) texts.push_back(std::move(word.text));
  return texts;
}

void TokenizerOptions::Register(OptionParser *po, bool encoding) {
  po->Register("space-unit", &space_unit, "unit between two words, of letters; empty: none");
  po->RegisterInput("bpe-model", &bpe_model,
                    "SentencePiece's model of the word pieces; empty: the one in the model file, "
                    "else the units are letters");
  if (!encoding) return;
  po->Register("bpe-case", &bpe_case,
               "case of text that is cut into word pieces: upper, as WeNet's; keep; auto: upper if "
               "no piece has a small letter; empty: as the model file says, else auto");
  po->RegisterInput("non-lang-syms", &non_lang_syms,
                    "list of symbols such as {NOISE}, which are units of their own");
}

void CheckWordPieces(const UnitTable &units, const std::string &source,
                     const std::string &bpe_model, const std::string &model_source) {
  CheckFit(ParseWordPieceModel(bpe_model, model_source), units, source, model_source);
}

void TokenizerOptions::Check() const {
  if (bpe_case.empty() || bpe_case == "auto" || bpe_case == "upper" || bpe_case == "keep") return;
  throw UsageError("--bpe-case=", bpe_case, ": expected auto, upper or keep");
}

std::unique_ptr<Tokenizer> MakeTokenizer(UnitTable units, const std::string &source,
                                         const std::string &bpe_model,
                                         const std::string &model_source,
                                         const TokenizerOptions &options, bool encoding) {
  options.Check();
  NonLangSyms symbols;
  if (!options.non_lang_syms.empty()) symbols = NonLangSyms(options.non_lang_syms, units);
  const bool marked = HasMarkedPieces(units);
  if (bpe_model.empty() && (!marked || encoding)) {
    units.RequireLetters(source);
    return std::make_unique<LetterTokenizer>(std::move(units), options.space_unit,
                                             std::move(symbols));
  }
  if (options.space_unit != UnitTable::kSpace) {
    throw UsageError("--space-unit=", options.space_unit,
                     ": word pieces begin words with U+2581 and have no unit for the space");
  }
  return std::make_unique<SymbolsAndPieces>(
      WordPieceTokenizer(std::move(units), source, bpe_model, model_source, options.bpe_case,
                         encoding),
      std::move(symbols));
}

}  // namespace u2moe
