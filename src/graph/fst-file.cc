#include "graph/fst-file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr int32_t kSymbolMagic = 2125658996;
constexpr int64_t kMaxString = 1 << 16;  // no type or symbol is longer
constexpr int64_t kPortion = 1 << 16;    // arcs or states read at once
constexpr float kLargestWeight = 1e30f;  // but for infinity; sums of them stay numbers
constexpr int64_t kArcBytes = 16, kStateBytes = 20, kAlignment = 16;

struct RawArc {
  int32_t ilabel, olabel;
  float weight;
  int32_t nextstate;
};
static_assert(sizeof(RawArc) == kArcBytes, "as it lies in a file");

int64_t FileSize(const std::string &rxfilename) {
  if (rxfilename == "-" || IsPipe(rxfilename)) return -1;
  std::error_code error;
  const std::string path = SplitOffset(rxfilename).path;
  if (!std::filesystem::is_regular_file(path, error) || error) return -1;
  const auto size = std::filesystem::file_size(path, error);
  return error ? -1 : static_cast<int64_t>(size);
}

// Values of a header, little-endian as all of Kaldi's and OpenFst's files.
template <class T>
bool ReadValue(std::istream *is, T *value) {
  return static_cast<bool>(is->read(reinterpret_cast<char *>(value), sizeof(T)));
}

bool ReadShortString(std::istream *is, std::string *s) {
  int32_t length = 0;
  if (!ReadValue(is, &length) || length < 0 || length > 256) return false;
  s->resize(static_cast<size_t>(length));
  return static_cast<bool>(is->read(s->data(), length));
}

bool IsWeight(float w) {
  return (w >= -kLargestWeight && w <= kLargestWeight) ||
         w == std::numeric_limits<float>::infinity();
}

}  // namespace

struct FstReader::ConstState {
  float final;
  uint32_t first_arc, num_arcs, num_input_epsilons, num_output_epsilons;
};

FstFileHeader ReadFstHeader(std::istream *is, const std::string &where) {
  FstFileHeader h;
  int32_t magic = 0;
  if (!ReadValue(is, &magic) || magic != FstFileHeader::kMagic) {
    throw DataError(where,
                    ": not a binary FST, which OpenFst's fstcompile makes out of a text, and "
                    "arpa-to-fst, make-lexicon-fst and compile-graph write");
  }
  if (!ReadShortString(is, &h.fst_type) || !ReadShortString(is, &h.arc_type) ||
      !ReadValue(is, &h.version) || !ReadValue(is, &h.flags) || !ReadValue(is, &h.properties) ||
      !ReadValue(is, &h.start) || !ReadValue(is, &h.num_states) || !ReadValue(is, &h.num_arcs)) {
    throw DataError(where, ": the header of the FST is damaged or cut off");
  }
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (h.num_states < -1 || h.num_states > kMost || h.num_arcs < -1 || h.start < -1 ||
      h.start > kMost || (h.num_states >= 0 && h.start >= h.num_states)) {
    throw DataError(where, ": the header of the FST is damaged: start state ", h.start, ", ",
                    h.num_states, " states, ", h.num_arcs, " arcs");
  }
  return h;
}

template <class... Args>
void FstReader::Fail(const Args &...args) const {
  throw DataError(name_, ": ", args...);
}

FstReader::FstReader(const std::string &rxfilename)
    : name_(rxfilename), input_(rxfilename), size_(FileSize(rxfilename)) {
  header_ = ReadFstHeader(&input_.Stream(), name_);
  position_ = input_.Position();
  if (header_.fst_type != "vector" && header_.fst_type != "const") {
    Fail("an FST of type '", Printable(header_.fst_type),
         "'; vector and const are read: convert it with fstconvert --fst_type=vector");
  }
  if (header_.arc_type != fst::StdArc::Type()) {
    Fail("arcs of type '", Printable(header_.arc_type), "', not '", fst::StdArc::Type(), "'",
         header_.arc_type == "log" ? ": convert it with fstmap --map_type=to_standard"
         : EndsWith(header_.arc_type, "44") || EndsWith(header_.arc_type, "lattice4")
             ? ": this is a lattice, no graph; see the lattice tools"
             : "");
  }
  const bool is_const = header_.fst_type == "const";
  if (header_.version < (is_const ? 1 : 2) || header_.version > 2) {
    Fail("version ", header_.version, " of a ", header_.fst_type, " FST is not known");
  }
  if (is_const && (header_.num_states < 0 || header_.num_arcs < 0)) {
    Fail("the header of the FST is damaged: ", header_.num_states, " states, ", header_.num_arcs,
         " arcs");
  }
  if (header_.flags & FstFileHeader::kInputSymbols) isymbols_ = TakeSymbols("input symbols");
  if (header_.flags & FstFileHeader::kOutputSymbols) osymbols_ = TakeSymbols("output symbols");
  if (is_const) {
    if (header_.version == 1) header_.flags |= FstFileHeader::kAligned;
    TakeConstStates();
  } else if (header_.num_states > 0) {
    RequireBytes(header_.num_states, 12, "states");
  }
}

void FstReader::TakeBytes(char *data, int64_t n) {
  input_.Stream().read(data, static_cast<std::streamsize>(n));
  position_ += input_.Stream().gcount();
  if (input_.Stream().gcount() != n) Fail("the FST is cut off at byte ", position_);
}

template <class T>
T FstReader::Take() {
  T value;
  TakeBytes(reinterpret_cast<char *>(&value), sizeof(T));
  return value;
}

std::string FstReader::TakeString(const char *what) {
  const int32_t length = Take<int32_t>();
  if (length < 0 || length > kMaxString) Fail("one of the ", what, " claims ", length, " bytes");
  std::string s(static_cast<size_t>(length), '\0');
  TakeBytes(s.data(), length);
  return s;
}

// That a file can hold `count` things of at least `size` bytes.
void FstReader::RequireBytes(int64_t count, int64_t size, const char *what) const {
  if (count < 0) Fail("claims ", count, " ", what);
  if (size_ < 0) return;
  const int64_t left = size_ - position_;
  if (count > left / size) {
    Fail("claims ", count, " ", what, " where ", std::max<int64_t>(left, 0), " bytes are left; ",
         "the file is damaged or cut off");
  }
}

std::unique_ptr<fst::SymbolTable> FstReader::TakeSymbols(const char *what) {
  if (Take<int32_t>() != kSymbolMagic) Fail("the table of ", what, " is damaged");
  auto table = std::make_unique<fst::SymbolTable>(TakeString(what));
  Take<int64_t>();  // the next free key
  const int64_t count = Take<int64_t>();
  RequireBytes(count, 12, what);
  for (int64_t i = 0; i < count; ++i) {
    const std::string symbol = TakeString(what);
    const int64_t key = Take<int64_t>();
    if (key < 0 || key > std::numeric_limits<int32_t>::max()) {
      Fail("'", Printable(symbol), "' of the ", what, " has the id ", key);
    }
    if (table->Member(symbol) || table->Member(key)) {
      Fail("'", Printable(symbol), "' or the id ", key, " is twice among the ", what);
    }
    table->AddSymbol(symbol, key);
  }
  return table;
}

// Aligned files have zeros up to the next multiple of 16 bytes, counted from the start of the file.
void FstReader::SkipToAlignment() {
  if (!(header_.flags & FstFileHeader::kAligned)) return;
  char zeros[kAlignment];
  const int64_t beyond = position_ % kAlignment;
  if (beyond > 0) TakeBytes(zeros, kAlignment - beyond);
}

void FstReader::TakeConstStates() {
  SkipToAlignment();
  RequireBytes(header_.num_states, kStateBytes, "states");
  RequireBytes(header_.num_arcs, kArcBytes, "arcs");
  int64_t arcs = 0;
  std::vector<ConstState> portion;
  for (int64_t done = 0; done < header_.num_states;) {
    portion.resize(static_cast<size_t>(std::min(kPortion, header_.num_states - done)));
    TakeBytes(reinterpret_cast<char *>(portion.data()),
              static_cast<int64_t>(portion.size()) * kStateBytes);
    for (const ConstState &s : portion) {
      if (s.first_arc != arcs) {
        Fail("the arcs of state ", done, " begin at ", s.first_arc, ", not ", arcs,
             "; the file is damaged");
      }
      arcs += s.num_arcs;
      const_states_.emplace_back(s.final, s.num_arcs);
      ++done;
    }
  }
  if (arcs != header_.num_arcs) {
    Fail("its states have ", arcs, " arcs, its header says ", header_.num_arcs);
  }
  SkipToAlignment();
}

void FstReader::TakeArcs(int64_t n, std::vector<fst::StdArc> *arcs) {
  arcs->clear();
  RawArc raw[256];
  while (n > 0) {
    const int64_t some = std::min<int64_t>(n, 256);
    TakeBytes(reinterpret_cast<char *>(raw), some * kArcBytes);
    for (int64_t i = 0; i < some; ++i) {
      const RawArc &a = raw[i];
      if (a.ilabel < 0 || a.olabel < 0 || a.nextstate < 0 || !IsWeight(a.weight) ||
          (header_.num_states >= 0 && a.nextstate >= header_.num_states)) {
        Fail("an arc of state ", state_, " is damaged: ", a.ilabel, ":", a.olabel, " with weight ",
             a.weight, " to state ", a.nextstate, " of ", header_.num_states);
      }
      last_target_ = std::max<int64_t>(last_target_, a.nextstate);
      arcs->emplace_back(a.ilabel, a.olabel, a.weight, a.nextstate);
    }
    n -= some;
  }
}

bool FstReader::Next(State *state) {
  if (done_) return false;
  const bool at_end = header_.num_states >= 0
                          ? state_ >= header_.num_states
                          : input_.Stream().peek() == std::char_traits<char>::eof();
  if (at_end) {
    Finish();
    return false;
  }
  int64_t num_arcs = 0;
  if (header_.fst_type == "const") {
    std::tie(state->final, num_arcs) = const_states_[static_cast<size_t>(state_)];
  } else {
    state->final = Take<float>();
    num_arcs = Take<int64_t>();
    RequireBytes(num_arcs, kArcBytes, "arcs");
  }
  if (!IsWeight(state->final)) {
    Fail("the final weight of state ", state_, " is ", state->final);
  }
  TakeArcs(num_arcs, &state->arcs);
  ++state_;
  return true;
}

void FstReader::Finish() {
  done_ = true;
  if (header_.start >= state_ || last_target_ >= state_) {
    Fail("the FST has ", state_, " states, but one leads to state ",
         std::max(header_.start, last_target_));
  }
  if (input_.Stream().peek() != std::char_traits<char>::eof()) {
    Fail("something follows the FST at byte ", position_);
  }
  input_.Close();
}

fst::StdVectorFst ReadFst(const std::string &rxfilename) {
  FstReader reader(rxfilename);
  fst::StdVectorFst machine;
  FstReader::State state;
  while (reader.Next(&state)) {
    const auto s = machine.AddState();
    machine.SetFinal(s, state.final);
    machine.ReserveArcs(s, state.arcs.size());
    for (const fst::StdArc &arc : state.arcs) machine.AddArc(s, arc);
  }
  if (reader.Header().start >= 0) machine.SetStart(static_cast<int>(reader.Header().start));
  machine.SetInputSymbols(reader.InputSymbols());
  machine.SetOutputSymbols(reader.OutputSymbols());
  return machine;
}

FstFileType ParseFstFileType(const std::string &name) {
  if (name == "vector") return FstFileType::kVector;
  if (name == "const") return FstFileType::kConst;
  throw UsageError("--fst-type=", name, ": unknown; known types are vector, const");
}

void WriteFst(const fst::StdVectorFst &machine, FstFileType type, const std::string &wxfilename) {
  RequireSound(machine, "what " + wxfilename + " shall hold");
  Output out(wxfilename);
  fst::FstWriteOptions options(wxfilename);
  options.stream_write = true;
  const bool ok = type == FstFileType::kVector
                      ? machine.Write(out.Stream(), options)
                      : fst::StdConstFst::WriteFst(machine, out.Stream(), options);
  out.Check();
  if (!ok) throw Error(wxfilename, ": OpenFst could not write the FST; see its message above");
  out.Close();
}

}  // namespace u2moe
