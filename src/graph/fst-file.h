// Binary files of FSTs, as OpenFst and Kaldi write them: the types "vector" and "const" with arcs
// of type "standard" (tropical weights, which are costs: negated natural logarithms).
//
// OpenFst's own reader reserves what a file claims and trusts its states, so that a damaged file
// ends the process. This one compares the header and each count with the size of the file, and
// memory grows with what was really read.
#ifndef U2MOE_GRAPH_FST_FILE_H_
#define U2MOE_GRAPH_FST_FILE_H_

#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "graph/openfst.h"
#include "util/io.h"

namespace u2moe {

// The first fields of a file, in their order.
struct FstFileHeader {
  static constexpr int32_t kMagic = 2125659606;
  enum Flags : int32_t { kInputSymbols = 1, kOutputSymbols = 2, kAligned = 4 };

  std::string fst_type, arc_type;
  int32_t version = 0, flags = 0;
  uint64_t properties = 0;  // claims, which nobody here believes
  int64_t start = -1;       // -1: none
  int64_t num_states = -1;  // -1: as many as follow
  int64_t num_arcs = 0;     // of a "const" file
};

// Throws DataError, `where` in front, if the bytes are no header.
FstFileHeader ReadFstHeader(std::istream *is, const std::string &where);

// One FST, state by state. Throws DataError naming the file for all that is wrong with it: another
// type of FST or arc, counts that do not fit, a label below 0, a weight that is NaN, -infinity or
// absurd, a state that an arc leads to and that is not there, bytes after the end.
class FstReader {
 public:
  struct State {
    float final = 0;  // cost, infinite: not final
    std::vector<fst::StdArc> arcs;
  };

  explicit FstReader(const std::string &rxfilename);

  const FstFileHeader &Header() const { return header_; }
  // Null where the file has none.
  const fst::SymbolTable *InputSymbols() const { return isymbols_.get(); }
  const fst::SymbolTable *OutputSymbols() const { return osymbols_.get(); }

  // The states 0, 1, ...; false at the end, once the whole has been checked.
  bool Next(State *state);

 private:
  struct ConstState;
  template <class T>
  T Take();
  void TakeBytes(char *data, int64_t n);
  std::string TakeString(const char *what);
  std::unique_ptr<fst::SymbolTable> TakeSymbols(const char *what);
  void RequireBytes(int64_t count, int64_t size, const char *what) const;
  void SkipToAlignment();
  void TakeConstStates();
  void TakeArcs(int64_t n, std::vector<fst::StdArc> *arcs);
  void Finish();
  template <class... Args>
  [[noreturn]] void Fail(const Args &...args) const;

  std::string name_;
  Input input_;
  int64_t size_ = -1;     // of the file, -1: not known, as of a pipe
  int64_t position_ = 0;  // of the next byte
  FstFileHeader header_;
  std::unique_ptr<fst::SymbolTable> isymbols_, osymbols_;
  std::vector<std::pair<float, int64_t>> const_states_;  // final cost and number of arcs
  int64_t state_ = 0;
  int64_t last_target_ = -1;  // the largest state that an arc leads to
  bool done_ = false;
};

// The whole, with its symbol tables. Properties are OpenFst's, not the file's.
fst::StdVectorFst ReadFst(const std::string &rxfilename);

enum class FstFileType { kVector, kConst };
// "vector" or "const"; throws UsageError naming the option --fst-type.
FstFileType ParseFstFileType(const std::string &name);

// Under its final name only when complete, as everything that Output writes.
void WriteFst(const fst::StdVectorFst &machine, FstFileType type, const std::string &wxfilename);

}  // namespace u2moe

#endif  // U2MOE_GRAPH_FST_FILE_H_
