#include "lattice/lattice-tables.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "lattice/lattice-builder.h"
#include "lattice/lattice-costs.h"
#include "lattice/lattice-outline.h"
#include "table/entry-being-read.h"
#include "table/kaldi-format.h"
#include "util/text.h"

namespace u2moe {
namespace {

using internal::IsCost;
using internal::kArcBytes;
using internal::kCostsAre;
using internal::kStateBytes;
using internal::LatticeBuilder;
using internal::LatticeLimit;
using internal::NumLabels;

int32_t max_lattice_mb = 4096;

constexpr int32_t kFstMagic = 2125659606;
constexpr int32_t kVectorFstVersion = 2;
constexpr int32_t kMaxLabels = 1 << 26;  // of one arc: a month of frames
constexpr uint32_t kHasSymbols = 3;      // FstHeader::HAS_ISYMBOLS | HAS_OSYMBOLS

template <class T>
T Read(std::istream &is) {
  T value;
  ReadBytes(is, reinterpret_cast<char *>(&value), sizeof(T), 0, sizeof(T));
  return value;
}

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

// Gives the states of a binary lattice and their arcs to a sink, until it has enough.
template <class Arc, class Sink>
void ScanStates(std::istream &is, const FstFileHeader &header, Sink *sink) {
  typename Arc::Weight weight;
  for (int64_t s = 0; s < header.num_states && !sink->HasEnough(); ++s) {
    ReadWeight(is, &weight);
    sink->State(s, weight);
    const auto num_arcs = Read<int64_t>(is);
    if (num_arcs < 0) throw Error("state ", s, " has ", num_arcs, " arcs; the file is corrupt");
    for (int64_t i = 0; i < num_arcs && !sink->HasEnough(); ++i) {
      Arc arc;
      arc.ilabel = Read<int32_t>(is);
      arc.olabel = Read<int32_t>(is);
      ReadWeight(is, &arc.weight);
      arc.nextstate = Read<int32_t>(is);
      sink->Arc(s, arc);
    }
  }
}

// All of it; what becomes too large is given up, if seek_back can go back to its beginning.
template <class A>
struct WholeSink {
  LatticeBuilder<A> builder;
  int64_t num_states;
  std::function<bool()> seek_back;
  bool tried = false, given_up = false;

  bool HasEnough() {
    if (builder.TooLarge() && !tried) {
      tried = true;
      given_up = seek_back();
    }
    return given_up;
  }
  void State(int64_t s, const typename A::Weight &final) {
    builder.AddState();
    builder.SetFinal(s, final);
  }
  void Arc(int64_t s, const A &arc) { builder.AddArc(s, arc, num_states); }
};

// The outline of a lattice that is too large, if that goes into the limit and has no fault.
template <class A>
struct OutlineSink {
  LatticeLimit limit;
  int64_t num_states;
  LatticeOutline outline;
  bool good = true;

  bool HasEnough() const { return !good; }
  template <class Weight>
  uint32_t Bytes(int64_t bytes, const Weight &w) {
    bytes += limit.label_bytes * NumLabels(w);
    good = good && bytes < std::numeric_limits<uint32_t>::max() && outline.Bytes() < limit.bytes;
    return static_cast<uint32_t>(bytes);
  }
  void State(int64_t, const typename A::Weight &final) {
    const bool ends = final != A::Weight::Zero();
    good = good && (!ends || IsCost(final));
    outline.AddState(
        ends ? static_cast<float>(PathCost(final)) : std::numeric_limits<float>::infinity(),
        Bytes(kStateBytes, final));
  }
  void Arc(int64_t, const A &arc) {
    good = good && IsCost(arc.weight) && arc.nextstate >= 0 && arc.nextstate < num_states;
    if (good)
      outline.AddArc(arc.nextstate, static_cast<float>(PathCost(arc.weight)),
                     Bytes(kArcBytes<A>, arc.weight));
  }
};

// What an outline keeps.
template <class A>
struct PrunedSink {
  const LatticeOutline &outline;
  LatticeBuilder<A> builder;
  int64_t num_arcs = 0;

  bool HasEnough() const { return false; }
  void State(int64_t s, const typename A::Weight &final) {
    if (outline.NewState(s) < 0) return;
    builder.AddState();
    if (final != A::Weight::Zero() && outline.KeepsFinal(s))
      builder.SetFinal(outline.NewState(s), final);
  }
  void Arc(int64_t s, A arc) {
    if (!outline.KeepsArc(s, num_arcs++)) return;
    arc.nextstate = outline.NewState(arc.nextstate);
    builder.AddArc(outline.NewState(s), arc, outline.NumKept());
  }
};

int64_t Position(std::istream &is) {
  return static_cast<int64_t>(is.rdbuf()->pubseekoff(0, std::ios::cur, std::ios::in));
}
// Back to where the stream stood; false, with nothing moved, where there is no way back.
bool SeekBack(std::istream &is, int64_t place) {
  const int64_t now = Position(is);
  return place >= 0 && now >= 0 &&
         is.rdbuf()->pubseekoff(place - now, std::ios::cur, std::ios::in) != std::streampos(-1);
}

// A lattice that is larger than the limit, from where its states begin: pruned to the largest beam
// that goes into it, which is returned; negative, with the stream at the states, if there is none.
template <class Arc>
double ReadPruned(std::istream &is, const FstFileHeader &header, const LatticeLimit &limit,
                  fst::VectorFst<Arc> *lattice) {
  const int64_t begin = Position(is);
  OutlineSink<Arc> sink{limit, header.num_states, {}};
  ScanStates<Arc>(is, header, &sink);
  const double beam = sink.good && header.start >= 0 && header.start < header.num_states
                          ? sink.outline.Prune(header.start, limit.bytes)
                          : -1;
  if (!SeekBack(is, begin)) throw Error("the file cannot be read a second time");
  if (beam < 0) return beam;
  PrunedSink<Arc> kept{sink.outline, {lattice, limit}};
  ScanStates<Arc>(is, header, &kept);
  kept.builder.Finish(sink.outline.NewState(header.start));
  kept.builder.Sort();
  const std::string where = EntryBeingRead();
  LOG_WARN << where << (where.empty() ? "" : ": ") << limit.TooLarge()
           << " (--max-lattice-mb); it was pruned to a beam of " << beam << ": "
           << sink.outline.NumKept() << " of " << header.num_states << " states are left";
  return beam;
}

// Returns the beam that it was pruned to, infinite: it was not.
template <class Arc>
double ReadStates(std::istream &is, const FstFileHeader &header, LatticeLimit limit,
                  fst::VectorFst<Arc> *lattice) {
  const int64_t begin = Position(is);
  {
    WholeSink<Arc> sink{{lattice, limit}, header.num_states, [&] { return SeekBack(is, begin); }};
    ScanStates<Arc>(is, header, &sink);
    if (!sink.HasEnough()) {  // which its last arc, too, may tell
      sink.builder.Finish(header.start);
      SetProperties(header.properties, lattice);
      sink.builder.Sort();
      return std::numeric_limits<double>::infinity();
    }
  }
  limit.why = "; it is damaged, or too large even to be pruned";
  const double beam = ReadPruned(is, header, limit, lattice);
  if (beam >= 0) return beam;
  // To its end, for its fault.
  WholeSink<Arc> sink{{lattice, limit}, header.num_states, [] { return false; }};
  ScanStates<Arc>(is, header, &sink);
  sink.builder.Finish(header.start);
  throw DataError(limit.TooLarge(), limit.why);
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
void BuildFromText(const std::vector<TextLine> &lines, const LatticeLimit &limit,
                   fst::VectorFst<Arc> *lattice) {
  LatticeBuilder<Arc> builder(lattice, limit);
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
        const LatticeLimit limit{max_bytes};
        throw DataError(limit.TooLarge(), limit.why, "; decode with a smaller --lattice-beam");
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

// Returns the beam that it was pruned to.
template <class Other, class Mine>
double ReadEither(std::istream &is, int64_t max_bytes, Mine *lattice) {
  constexpr bool kCompact = std::is_same_v<Mine, CompactLattice>;
  lattice->DeleteStates();
  const int c = is.peek();
  if (c < 0) throw Error("the file ends where a lattice is expected; it is truncated");
  const LatticeLimit mine{max_bytes};
  // Where it is converted, each label becomes an arc and a state, or part of a string.
  const LatticeLimit others{max_bytes, kCompact ? 4 : kStateBytes + kArcBytes<LatticeArc>};
  double beam = std::numeric_limits<double>::infinity();
  Other other;
  if (IsSpace(static_cast<char>(c))) {
    bool compact;
    const std::vector<TextLine> lines = ReadLines(is, max_bytes, &compact);
    if (compact == kCompact) {
      BuildFromText(lines, mine, lattice);
      return beam;
    }
    BuildFromText(lines, others, &other);
  } else {
    const FstFileHeader header = ReadHeader(is);
    if (header.arc_type == Mine::Arc::Type()) return ReadStates(is, header, mine, lattice);
    beam = ReadStates(is, header, others, &other);
  }
  ConvertLattice(other, lattice);
  return beam;
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

void RegisterLatticeLimit(OptionParser *po) {
  po->Register("max-lattice-mb", &max_lattice_mb,
               "a lattice that takes more memory is pruned while it is read, with a warning; in "
               "text or from a pipe it is refused");
  po->AddCheck([] {
    if (max_lattice_mb < 1)
      throw UsageError("--max-lattice-mb=", max_lattice_mb, ": must be at least 1");
  });
}

int64_t MaxLatticeBytes() { return int64_t{max_lattice_mb} << 20; }

double ReadLattice(std::istream &is, CompactLattice *lattice, int64_t max_bytes) {
  return ReadEither<Lattice>(is, max_bytes, lattice);
}

double ReadLattice(std::istream &is, Lattice *lattice, int64_t max_bytes) {
  return ReadEither<CompactLattice>(is, max_bytes, lattice);
}

void WriteLattice(std::ostream &os, bool binary, const CompactLattice &lattice) {
  WriteEither(os, binary, lattice);
}

void WriteLattice(std::ostream &os, bool binary, const Lattice &lattice) {
  WriteEither(os, binary, lattice);
}

}  // namespace u2moe
