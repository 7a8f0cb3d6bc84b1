#include "text/word-piece-model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr size_t kMaxModelBytes = size_t{64} << 20, kMaxMapBytes = size_t{8} << 20;
// SentencePiece builds its trie of pieces by a recursion that is as deep as the longest piece.
constexpr size_t kMaxPieceBytes = 4096;
constexpr size_t kMaxRuleBytes = 256;  // NFKC's longest has 33
// SentencePiece looks at so many rules that match, in an array on its stack, whatever the trie
// says.
constexpr int32_t kMaxRulesOnPath = 32;

// One message of protobuf, field by field.
class WireReader {
 public:
  WireReader(std::string_view bytes, const std::string &source) : bytes_(bytes), source_(source) {}

  // Steps to the next field; false at the end.
  bool Next() {
    if (at_ == bytes_.size()) return false;
    const uint64_t key = Varint();
    field_ = key >> 3;
    type_ = key & 7;
    if (field_ == 0 || field_ > 0x1FFFFFFF) Damaged();
    switch (type_) {
      case 0:
        number_ = Varint();
        break;
      case 1:
        Take(8);
        break;
      case 2: {
        const uint64_t size = Varint();
        if (size > bytes_.size() - at_) Damaged();
        Take(static_cast<size_t>(size));
        break;
      }
      case 5:
        Take(4);
        break;
      default:  // groups, which SentencePiece never had
        Damaged();
    }
    return true;
  }

  uint64_t Field() const { return field_; }
  uint64_t Number() const { return Expect(0), number_; }
  std::string_view Bytes() const { return Expect(2), value_; }
  float Float() const {
    Expect(5);
    float value;
    std::memcpy(&value, value_.data(), sizeof value);
    return value;
  }

 private:
  [[noreturn]] void Damaged() const {
    throw DataError(source_,
                    ": is no SentencePiece model, or is damaged; give the .model file that "
                    "spm_train wrote, copied completely");
  }
  void Expect(uint64_t type) const {
    if (type_ != type) Damaged();
  }
  void Take(size_t n) {
    if (n > bytes_.size() - at_) Damaged();
    value_ = bytes_.substr(at_, n);
    at_ += n;
  }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == bytes_.size()) Damaged();
      const uint64_t byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= shift < 64 ? (byte & 127) << shift : 0;
      if (byte < 128) return value;
    }
    Damaged();
  }

  std::string_view bytes_, value_;
  const std::string &source_;
  size_t at_ = 0;
  uint64_t field_ = 0, type_ = 0, number_ = 0;
};

uint32_t LittleEndian(const char *p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// The rules of a normaliser: 4 bytes with the size of a double-array trie (Darts), the trie, and
// strings ended by zeros, to which its leaves point. SentencePiece walks through it without looking
// at its bounds.
class CharacterMap {
 public:
  CharacterMap(std::string_view blob, const std::string &where) : where_(where) {
    if (blob.size() > kMaxMapBytes) Wrong("it has ", blob.size(), " bytes");
    if (blob.size() < 4) Wrong("it is cut off");
    const size_t trie_bytes = LittleEndian(blob.data());
    if (trie_bytes > blob.size() - 4) Wrong("it is cut off");
    // A step goes from a unit to one of the 256 that differ from it in the last 8 bits only.
    if (trie_bytes == 0 || trie_bytes % 1024 != 0) Wrong("its trie has ", trie_bytes, " bytes");
    units_.resize(trie_bytes / 4);
    std::memcpy(units_.data(), blob.data() + 4, trie_bytes);
    strings_ = blob.substr(4 + trie_bytes);
    if (strings_.empty() || strings_.back() != '\0') Wrong("its strings do not end");
  }

  // Goes every way that a text can lead.
  void Check() {
    enum : int8_t { kNew = -1, kOnPath = -2 };
    std::vector<int8_t> rules(units_.size(), kNew);  // most rules on a path from here on
    struct Step {
      size_t unit;
      uint32_t next_byte;
      int32_t most;
    };
    std::vector<Step> path{{0, 0, 0}};
    rules[0] = kOnPath;
    while (!path.empty()) {
      Step &step = path.back();
      const size_t base = Base(step.unit);
      if (step.next_byte == 256) {
        const int32_t own = step.most + CheckLeaf(step.unit, base);
        if (own > kMaxRulesOnPath) Wrong("more than ", kMaxRulesOnPath, " rules begin alike");
        rules[step.unit] = static_cast<int8_t>(own);
        path.pop_back();
        if (!path.empty()) path.back().most = std::max(path.back().most, own);
        continue;
      }
      const size_t unit = base ^ step.next_byte++;
      if (Label(unit) != step.next_byte - 1) continue;
      if (rules[unit] == kOnPath) Wrong("its trie leads in a circle");
      if (rules[unit] == kNew) {
        rules[unit] = kOnPath;
        path.push_back({unit, 0, 0});
      } else {
        step.most = std::max<int32_t>(step.most, rules[unit]);
      }
    }
  }

 private:
  template <class... Args>
  [[noreturn]] void Wrong(const Args &...args) const {
    throw DataError(where_, ": the character map is damaged: ", args...,
                    "; take the model from where it was trained");
  }
  uint32_t Label(size_t unit) const { return units_[unit] & 0x800000FF; }
  size_t Base(size_t unit) const {
    const uint32_t u = units_[unit];
    const size_t base = unit ^ (static_cast<size_t>(u >> 10) << ((u & 512) >> 6));
    if ((base | 255) >= units_.size()) Wrong("its trie leads out of itself");
    return base;
  }
  // How many rules end here: none or one, whose string must end and be UTF-8. The root has none.
  int32_t CheckLeaf(size_t unit, size_t base) const {
    if (unit == 0 || (units_[unit] & 256) == 0) return 0;
    const size_t at = units_[base] & 0x7FFFFFFF;
    if (at >= strings_.size()) Wrong("a rule points behind its strings");
    const std::string_view rest = strings_.substr(at, kMaxRuleBytes + 1);
    const size_t size = rest.find('\0');
    if (size == rest.npos) Wrong("a rule has over ", kMaxRuleBytes, " bytes");
    if (!IsValidUtf8(rest.substr(0, size))) Wrong("a rule writes what is not UTF-8");
    return 1;
  }

  std::string where_;
  std::vector<uint32_t> units_;
  std::string_view strings_;
};

WordPiece ParsePiece(std::string_view bytes, const std::string &source, size_t id) {
  WordPiece piece;
  for (WireReader reader(bytes, source); reader.Next();) {
    if (reader.Field() == 1) piece.piece = reader.Bytes();
    if (reader.Field() == 2) piece.score = reader.Float();
    if (reader.Field() == 3) {
      const uint64_t type = reader.Number();
      if (type < WordPiece::kNormal || type > WordPiece::kByte)
        throw DataError(source, ": piece ", id, " is of the unknown type ", type);
      piece.type = static_cast<WordPiece::Type>(type);
    }
  }
  const std::string &text = piece.piece;
  const char *problem = text.empty()                           ? "is empty"
                        : text.size() > kMaxPieceBytes         ? "has over 4096 bytes"
                        : text.find('\0') != std::string::npos ? "holds a zero byte"
                        : !IsValidUtf8(text)                   ? "is not UTF-8"
                        : !std::isfinite(piece.score)          ? "has a score that is not finite"
                                                               : nullptr;
  if (problem != nullptr) {
    throw DataError(source, ": piece ", id, " ('", Printable(text), "') ", problem,
                    "; it would be no unit of a model: train another with spm_train");
  }
  return piece;
}

void ParseTrainer(std::string_view bytes, const std::string &source, WordPieceModel *model) {
  static const char *const kAlgorithms[] = {"unigram", "bpe", "word", "char"};
  for (WireReader reader(bytes, source); reader.Next();) {
    if (reader.Field() != 3) continue;
    const uint64_t type = reader.Number();
    if (type < 1 || type > 4) throw DataError(source, ": unknown algorithm ", type);
    model->algorithm = kAlgorithms[type - 1];
  }
}

void ParseNormalizer(std::string_view bytes, const std::string &source, WordPieceModel *model) {
  for (WireReader reader(bytes, source); reader.Next();) {
    if (reader.Field() == 1) model->normalizer = Printable(reader.Bytes(), 100);
    if (reader.Field() == 2 && !reader.Bytes().empty())
      CharacterMap(reader.Bytes(), source).Check();
    if (reader.Field() == 5 && reader.Number() == 0)
      throw DataError(source, ": its pieces hold spaces as such (escape_whitespaces=false), which ",
                      "a unit cannot: train another with spm_train");
  }
}

void CheckNesting(const WordPieceModel &model, const std::string &source) {
  std::vector<std::string_view> symbols, path;
  for (const WordPiece &piece : model.pieces) {
    if (piece.type == WordPiece::kUserDefined) symbols.push_back(piece.piece);
  }
  std::sort(symbols.begin(), symbols.end());
  for (const std::string_view symbol : symbols) {
    while (!path.empty() && !StartsWith(symbol, path.back())) path.pop_back();
    path.push_back(symbol);
    if (path.size() > kMaxRulesOnPath) {
      throw DataError(source, ": over ", kMaxRulesOnPath, " user-defined symbols begin with one ",
                      "another, the last being '", Printable(symbol), "'");
    }
  }
}

}  // namespace

WordPieceModel ParseWordPieceModel(std::string_view bytes, const std::string &source) {
  if (bytes.size() > kMaxModelBytes)
    throw DataError(source, ": ", bytes.size(), " bytes are no SentencePiece model");
  WordPieceModel model;
  model.algorithm = "unigram";
  for (WireReader reader(bytes, source); reader.Next();) {
    switch (reader.Field()) {
      case 1:
        model.pieces.push_back(ParsePiece(reader.Bytes(), source, model.pieces.size()));
        break;
      case 2:
        ParseTrainer(reader.Bytes(), source, &model);
        break;
      case 3:
        ParseNormalizer(reader.Bytes(), source, &model);
        break;
      case 5: {  // used in decoding only, but built when the model is loaded
        WordPieceModel other;
        ParseNormalizer(reader.Bytes(), source, &other);
        break;
      }
      default:
        break;
    }
  }
  const auto is_normal = [](const WordPiece &p) { return p.type == WordPiece::kNormal; };
  if (std::none_of(model.pieces.begin(), model.pieces.end(), is_normal)) {
    throw DataError(source, ": is no SentencePiece model: it has no pieces; give the .model file ",
                    "that spm_train wrote");
  }
  CheckNesting(model, source);
  return model;
}

std::string ReadWordPieceModel(const std::string &rxfilename) {
  Input input(rxfilename);
  std::string bytes;
  std::vector<char> block(1 << 16);
  while (input.Stream().read(block.data(), static_cast<std::streamsize>(block.size())),
         input.Stream().gcount() > 0) {
    bytes.append(block.data(), static_cast<size_t>(input.Stream().gcount()));
    if (bytes.size() > kMaxModelBytes)
      throw DataError(rxfilename, ": over ", kMaxModelBytes, " bytes are no SentencePiece model");
  }
  input.Finish();
  return bytes;
}

}  // namespace u2moe
