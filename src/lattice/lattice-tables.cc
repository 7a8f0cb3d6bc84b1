#include "lattice/lattice-tables.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "table/kaldi-format.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr int32_t kFstMagic = 2125659606;
constexpr int32_t kVectorFstVersion = 2;
constexpr int32_t kMaxLabels = 1 << 26;  // of one arc: a month of frames
constexpr uint32_t kHasSymbols = 3;      // FstHeader::HAS_ISYMBOLS | HAS_OSYMBOLS

constexpr char kCostsAre[] = "; costs are numbers of a magnitude up to 1e20; look at what made it";
// So that no sum over a path overflows.
constexpr float kMaxCost = 1e20f;

bool IsCost(const LatticeWeight &w) {
  return std::fabs(w.GraphCost()) <= kMaxCost && std::fabs(w.AcousticCost()) <= kMaxCost;
}
bool IsCost(const CompactLatticeWeight &w) { return IsCost(w.Weight()); }

template <class T>
T Read(std::istream &is) {
  T value;
  ReadBytes(is, reinterpret_cast<char *>(&value), sizeof(T), 0, sizeof(T));
  return value;
}

// What a lattice must be, and how large it may become, while it is read. The first fault is kept,
// and told when the whole value has been read.
template <class Arc>
class LatticeBuilder {
 public:
  using Weight = typename Arc::Weight;

  LatticeBuilder(fst::VectorFst<Arc> *lattice, int64_t max_bytes)
      : lattice_(lattice), max_bytes_(max_bytes) {
    lattice_->DeleteStates();
  }

  int64_t NumStates() const { return lattice_->NumStates(); }
  // Of a lattice with a fault nothing more is kept.
  bool Faulty() const { return !fault_.empty(); }
  template <class... Args>
  void Fail(const Args &...args) {
    if (!fault_.empty()) return;
    fault_ = Cat(args...);
    lattice_->DeleteStates();
  }

  void AddState() {
    if (!Grow(64)) return;
    lattice_->AddState();
  }
  void AddArc(int64_t state, const Arc &arc, int64_t num_states) {
    if (!Grow(static_cast<int64_t>(sizeof(Arc)) + Labels(arc.weight))) return;
    if (arc.nextstate < 0 || arc.nextstate >= num_states) {
      Fail("state ", state, " has an arc to state ", arc.nextstate, ", but there are ", num_states,
           " states");
    } else if (arc.ilabel < 0 || arc.olabel < 0) {
      Fail("state ", state, " has an arc with a negative label");
    } else if (std::is_same_v<Arc, CompactLatticeArc> && arc.ilabel != arc.olabel) {
      Fail("state ", state, " has an arc with word ", arc.ilabel, " in and ", arc.olabel,
           " out; a compact lattice has one word an arc");
    } else if (!IsCost(arc.weight)) {
      Fail("state ", state, " has an arc of the cost ", arc.weight, kCostsAre);
    } else if (CheckString(state, arc.weight)) {
      sorted_ = sorted_ && arc.nextstate > state;
      lattice_->AddArc(static_cast<int>(state), arc);
    }
  }
  void SetFinal(int64_t state, const Weight &weight) {
    if (Faulty() || weight == Weight::Zero() || !Grow(Labels(weight))) return;
    if (!IsCost(weight)) {
      Fail("state ", state, " has the final cost ", weight, kCostsAre);
    } else if (CheckString(state, weight)) {
      lattice_->SetFinal(static_cast<int>(state), weight);
    }
  }

  // Throws DataError with the first fault.
  void Finish(int64_t start) {
    if (!Faulty() && NumStates() == 0 && start != fst::kNoStateId)
      Fail("the start is state ", start, ", but there are no states");
    if (!Faulty() && NumStates() > 0 && (start < 0 || start >= NumStates()))
      Fail("the start is state ", start, ", but there are ", NumStates(), " states");
    if (Faulty()) throw DataError(fault_);
    if (NumStates() > 0) lattice_->SetStart(static_cast<int>(start));
  }
  // Throws DataError for a cycle.
  void Sort() {
    if (sorted_ || fst::TopSort(lattice_)) return;
    lattice_->DeleteStates();
    throw DataError("the lattice has a cycle; lattices have none, is it a graph?");
  }

 private:
  static int64_t Labels(const LatticeWeight &) { return 0; }
  static int64_t Labels(const CompactLatticeWeight &w) {
    return static_cast<int64_t>(w.String().size()) * 4;
  }
  bool Grow(int64_t bytes) {
    bytes_ += bytes;
    if (bytes_ > max_bytes_) {
      Fail("the lattice has more than ", max_bytes_ >> 20,
           " MB; decode with a smaller --lattice-beam");
    }
    return !Faulty();
  }
  bool CheckString(int64_t, const LatticeWeight &) { return true; }
  bool CheckString(int64_t state, const CompactLatticeWeight &w) {
    const bool good =
        std::all_of(w.String().begin(), w.String().end(), [](int32_t l) { return l >= 0; });
    if (!good) Fail("state ", state, " has a string with a negative label");
    return good;
  }

  fst::VectorFst<Arc> *lattice_;
  int64_t max_bytes_, bytes_ = 0;
  bool sorted_ = true;
  std::string fault_;
};

struct FstFileHeader {
  std::string arc_type;
  uint64_t properties;
  int64_t start, num_states;
};

std::string ReadFstString(std::istream &is) {
  const auto size = Read<int32_t>(is);
  if (size < 0 || size > 64) {
    throw Error("a name of ", size, " bytes in the header of an FST; the file is corrupt");
  }
  std::string text(static_cast<size_t>(size), '\0');
  ReadBytes(is, text.data(), size, 0, size);
  return text;
}

FstFileHeader ReadHeader(std::istream &is) {
  const auto magic = Read<int32_t>(is);
  if (magic != kFstMagic) {
    throw Error(
        "expected a lattice, an FST of OpenFst's or lines of text, found neither; the file "
        "is corrupt or holds another type");
  }
  const std::string fst_type = ReadFstString(is);
  if (fst_type != "vector") {
    throw Error("an FST of the type '", Printable(fst_type),
                "'; lattices are of the type 'vector', see fstconvert");
  }
  FstFileHeader header;
  header.arc_type = ReadFstString(is);
  if (header.arc_type != LatticeArc::Type() && header.arc_type != CompactLatticeArc::Type()) {
    throw Error("an FST with arcs of the type '", Printable(header.arc_type), "'; lattices have '",
                CompactLatticeArc::Type(), "' or '", LatticeArc::Type(), "'");
  }
  const auto version = Read<int32_t>(is);
  if (version != kVectorFstVersion) {
    throw Error("version ", version, " of a vector FST; only version ", kVectorFstVersion,
                " is known");
  }
  if (Read<uint32_t>(is) & kHasSymbols) {
    throw Error(
        "an FST with symbol tables; lattices have numbers only, remove the tables with "
        "fstsymbols --clear_isymbols --clear_osymbols");
  }
  header.properties = Read<uint64_t>(is);
  header.start = Read<int64_t>(is);
  header.num_states = Read<int64_t>(is);
  Read<int64_t>(is);  // the number of arcs, which vector FSTs do not fill in
  if (header.num_states < 0 || header.num_states > std::numeric_limits<int32_t>::max()) {
    throw Error("an FST of ", header.num_states, " states; the file is corrupt");
  }
  return header;
}

void ReadWeight(std::istream &is, LatticeWeight *weight) {
  float costs[2];
  ReadBytes(is, reinterpret_cast<char *>(costs), sizeof(costs), 0, sizeof(costs));
  *weight = LatticeWeight(costs[0], costs[1]);
}

void ReadWeight(std::istream &is, CompactLatticeWeight *weight) {
  LatticeWeight costs;
  ReadWeight(is, &costs);
  const int32_t size = CheckCount(Read<int32_t>(is), "number of labels");
  if (size > kMaxLabels) throw Error("a string of ", size, " labels; the file is corrupt");
  std::vector<int32_t> string;
  ReadBinaryArray(is, size, &string);
  *weight = CompactLatticeWeight(costs, std::move(string));
}

// Sets what the file claims of the lattice, so that a copy has the same bytes, if it is true.
template <class Arc>
void SetProperties(uint64_t claimed, fst::VectorFst<Arc> *lattice) {
  claimed &= fst::kCopyProperties & ~fst::kError;
  uint64_t known = 0;
  const uint64_t computed = fst::internal::ComputeProperties(*lattice, fst::kFstProperties, &known);
  const uint64_t wrong = (claimed ^ computed) & fst::internal::KnownProperties(claimed) & known;
  if (wrong & fst::kTrinaryProperties) {
    throw DataError("the header claims properties that the lattice does not have; it is corrupt");
  }
  lattice->SetProperties(claimed, fst::kCopyProperties);
}

template <class Arc>
void ReadStates(std::istream &is, const FstFileHeader &header, int64_t max_bytes,
                fst::VectorFst<Arc> *lattice) {
  LatticeBuilder<Arc> builder(lattice, max_bytes);
  typename Arc::Weight weight;
  for (int64_t s = 0; s < header.num_states; ++s) {
    builder.AddState();
    ReadWeight(is, &weight);
    builder.SetFinal(s, weight);
    const auto num_arcs = Read<int64_t>(is);
    if (num_arcs < 0) throw Error("state ", s, " has ", num_arcs, " arcs; the file is corrupt");
    for (int64_t i = 0; i < num_arcs; ++i) {
      Arc arc;
      arc.ilabel = Read<int32_t>(is);
      arc.olabel = Read<int32_t>(is);
      ReadWeight(is, &arc.weight);
      arc.nextstate = Read<int32_t>(is);
      builder.AddArc(s, arc, header.num_states);
    }
  }
  builder.Finish(header.start);
  SetProperties(header.properties, lattice);
  builder.Sort();
}

// A line of an FST in text, whichever kind of lattice it is.
struct TextLine {
  int64_t line = 0;
  int32_t state = 0, next = fst::kNoStateId;  // no next state: a final cost
  int32_t ilabel = 0, olabel = 0;
  std::string weight;
};

TextLine ParseLine(const std::vector<std::string> &fields, int64_t line) {
  TextLine parsed;
  parsed.line = line;
  // state | state weight | state next word | state next word weight | state next ilabel olabel |
  // state next ilabel olabel weight; weights have commas.
  size_t numbers = fields.size();
  if (fields.back().find(',') != std::string::npos) parsed.weight = fields[--numbers];
  int32_t values[4] = {};
  bool good = numbers >= 1 && numbers <= 4 && numbers != 2;
  for (size_t i = 0; good && i < numbers; ++i) {
    good = ParseNumber(fields[i], &values[i]) && values[i] >= 0;
  }
  if (!good) {
    throw DataError("line ", line, " of the lattice: '", Printable(Join(fields, " ")),
                    "' is neither an arc nor a final state");
  }
  parsed.state = values[0];
  if (numbers > 1) {
    parsed.next = values[1];
    parsed.ilabel = values[2];
    parsed.olabel = values[numbers - 1];
  }
  return parsed;
}

DataError BadWeight(const TextLine &line) {
  return DataError("line ", line.line, " of the lattice: '", Printable(line.weight),
                   "' is no weight");
}

LatticeWeight ParseCosts(const TextLine &line, std::string_view graph, std::string_view acoustic) {
  float costs[2];
  if (!ParseNumber(graph, &costs[0]) || !ParseNumber(acoustic, &costs[1])) throw BadWeight(line);
  return {costs[0], costs[1]};
}

void ParseWeight(const TextLine &line, LatticeWeight *weight) {
  *weight = LatticeWeight::One();
  if (line.weight.empty()) return;
  const std::vector<std::string> parts = Split(line.weight, ',');
  if (parts.size() != 2) throw BadWeight(line);
  *weight = ParseCosts(line, parts[0], parts[1]);
}

void ParseWeight(const TextLine &line, CompactLatticeWeight *weight) {
  *weight = CompactLatticeWeight::One();
  if (line.weight.empty()) return;
  const std::vector<std::string> parts = Split(line.weight, ',');
  if (parts.size() != 3) throw BadWeight(line);
  std::vector<int32_t> string;
  if (!parts[2].empty()) {
    for (const std::string &label : Split(parts[2], '_')) {
      string.push_back(0);
      if (!ParseNumber(label, &string.back())) throw BadWeight(line);
    }
  }
  *weight = CompactLatticeWeight(ParseCosts(line, parts[0], parts[1]), std::move(string));
}

template <class Arc>
void BuildFromText(const std::vector<TextLine> &lines, int64_t max_bytes,
                   fst::VectorFst<Arc> *lattice) {
  LatticeBuilder<Arc> builder(lattice, max_bytes);
  int64_t num_states = 0;
  for (const TextLine &line : lines) {
    num_states = std::max<int64_t>({num_states, line.state + int64_t{1}, line.next + int64_t{1}});
  }
  // fstprint gives each state a line.
  if (num_states > 2 * static_cast<int64_t>(lines.size())) {
    throw DataError("a state ", num_states - 1, " in a lattice of ", lines.size(),
                    " lines; states are numbered from 0 without gaps");
  }
  for (int64_t s = 0; s < num_states; ++s) builder.AddState();
  for (const TextLine &line : lines) {
    typename Arc::Weight weight;
    ParseWeight(line, &weight);
    if (line.next == fst::kNoStateId) {
      builder.SetFinal(line.state, weight);
    } else {
      builder.AddArc(line.state, Arc(line.ilabel, line.olabel, weight, line.next), num_states);
    }
  }
  builder.Finish(lines.empty() ? fst::kNoStateId : lines[0].state);
  builder.Sort();
}

// The lines up to an empty one. Compact: each arc has one label, and weights have two commas.
std::vector<TextLine> ReadLines(std::istream &is, int64_t max_bytes, bool *compact) {
  std::string text;
  ReadTextLine(is, &text);
  std::string fault;
  if (!SplitFields(text).empty()) {
    fault = Cat("'", Printable(text), "' follows the key; a lattice begins on the next line");
  }
  std::vector<TextLine> lines;
  int64_t bytes = 0;
  *compact = true;
  for (int64_t number = 1;; ++number) {
    if (!std::getline(is, text)) {
      throw Error("the file ends within a lattice; an empty line ends it; is the file truncated?");
    }
    const std::vector<std::string> fields = SplitFields(text);
    if (fields.empty()) break;
    if (!fault.empty()) continue;
    try {
      lines.push_back(ParseLine(fields, number));
      bytes += static_cast<int64_t>(sizeof(TextLine) + lines.back().weight.size());
      if (bytes > max_bytes) {
        throw DataError("the lattice has more than ", max_bytes >> 20,
                        " MB; decode with a smaller --lattice-beam");
      }
    } catch (const DataError &e) {
      fault = e.what();
      lines.clear();
      lines.shrink_to_fit();
    }
    const auto commas = std::count(text.begin(), text.end(), ',');
    const auto labels = static_cast<int64_t>(fields.size()) - (commas > 0 ? 1 : 0) - 2;
    if (commas == 1 || labels == 2) *compact = false;
  }
  if (!fault.empty()) throw DataError(fault);
  return lines;
}

template <class Other, class Mine>
void ReadEither(std::istream &is, int64_t max_bytes, Mine *lattice) {
  constexpr bool kCompact = std::is_same_v<Mine, CompactLattice>;
  lattice->DeleteStates();
  const int c = is.peek();
  if (c < 0) throw Error("the file ends where a lattice is expected; it is truncated");
  Other other;
  if (IsSpace(static_cast<char>(c))) {
    bool compact;
    const std::vector<TextLine> lines = ReadLines(is, max_bytes, &compact);
    if (compact == kCompact) return BuildFromText(lines, max_bytes, lattice);
    BuildFromText(lines, max_bytes, &other);
  } else {
    const FstFileHeader header = ReadHeader(is);
    if (header.arc_type == Mine::Arc::Type()) return ReadStates(is, header, max_bytes, lattice);
    ReadStates(is, header, max_bytes, &other);
  }
  ConvertLattice(other, lattice);
}

template <class L>
void CheckWeights(const L &lattice) {
  using Weight = typename L::Arc::Weight;
  for (int s = 0; s < lattice.NumStates(); ++s) {
    bool good = lattice.Final(s) == Weight::Zero() || IsCost(lattice.Final(s));
    for (fst::ArcIterator<L> it(lattice, s); good && !it.Done(); it.Next()) {
      good = IsCost(it.Value().weight);
    }
    if (!good) throw DataError("state ", s, " of the lattice has a bad cost", kCostsAre);
  }
}

template <class L>
void WriteText(std::ostream &os, const L &lattice) {
  using Weight = typename L::Arc::Weight;
  const auto write_state = [&](int s) {
    for (fst::ArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      const auto &arc = it.Value();
      os << s << '\t' << arc.nextstate << '\t' << arc.ilabel;
      if (std::is_same_v<L, Lattice>) os << '\t' << arc.olabel;
      if (arc.weight != Weight::One()) os << '\t' << arc.weight;
      os << '\n';
    }
    const Weight final = lattice.Final(s);
    if (final == Weight::Zero() && lattice.NumArcs(s) > 0) return;
    os << s;
    if (final != Weight::One()) os << '\t' << final;
    os << '\n';
  };
  os << '\n';
  if (lattice.Start() != fst::kNoStateId) {
    write_state(lattice.Start());
    for (int s = 0; s < lattice.NumStates(); ++s)
      if (s != lattice.Start()) write_state(s);
  }
  os << '\n';
}

template <class L>
void WriteEither(std::ostream &os, bool binary, const L &lattice) {
  CheckWeights(lattice);
  if (!binary) return WriteText(os, lattice);
  fst::FstWriteOptions options;
  options.stream_write = true;  // no seek in what may be a pipe
  lattice.Write(os, options);
}

}  // namespace

void ReadLattice(std::istream &is, CompactLattice *lattice, int64_t max_bytes) {
  ReadEither<Lattice>(is, max_bytes, lattice);
}

void ReadLattice(std::istream &is, Lattice *lattice, int64_t max_bytes) {
  ReadEither<CompactLattice>(is, max_bytes, lattice);
}

void WriteLattice(std::ostream &os, bool binary, const CompactLattice &lattice) {
  WriteEither(os, binary, lattice);
}

void WriteLattice(std::ostream &os, bool binary, const Lattice &lattice) {
  WriteEither(os, binary, lattice);
}

}  // namespace u2moe
