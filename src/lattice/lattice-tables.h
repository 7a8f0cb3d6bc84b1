// Tables of lattices in Kaldi's formats. Binary: OpenFst's vector FST without Kaldi's mark of
// binary data, so that a single lattice is a file of OpenFst's. Text: the lines of fstprint, ended
// by an empty line; in an archive the key has a line of its own. Numbers in text have the digits
// that give the same floats back.
//
// What is read is a lattice: acyclic, its states in topological order (sorted where the file's are
// not), each cost a number. Neither counts nor properties that a file claims are trusted: memory
// grows with the bytes that arrive, up to MaxLatticeBytes, and a claimed property that does not
// hold is an error.
//
// What is larger is pruned while it is read, with a warning that names the utterance, to the
// largest beam that goes into the limit. It takes a second pass, so from a pipe it is passed over
// and refused with a DataError, and so it is in text.
#ifndef U2MOE_LATTICE_LATTICE_TABLES_H_
#define U2MOE_LATTICE_LATTICE_TABLES_H_

#include <cstdint>
#include <istream>
#include <ostream>

#include "lattice/lattice.h"
#include "table/table.h"
#include "util/options.h"

namespace u2moe {

// --max-lattice-mb, of all tables of lattices of a process: what one may take in memory.
void RegisterLatticeLimit(OptionParser *po);
int64_t MaxLatticeBytes();  // 4 GB without the option

// Reads either kind, and converts it where it is not the one asked for. Returns the beam that it
// was pruned to, by its costs as they stand: infinity where it was not. Throws DataError for a
// lattice that was read to its end and is not valid, Error where nothing after it can be read.
double ReadLattice(std::istream &is, CompactLattice *lattice,
                   int64_t max_bytes = MaxLatticeBytes());
double ReadLattice(std::istream &is, Lattice *lattice, int64_t max_bytes = MaxLatticeBytes());

// Throw DataError for a weight that the readers would refuse.
void WriteLattice(std::ostream &os, bool binary, const CompactLattice &lattice);
void WriteLattice(std::ostream &os, bool binary, const Lattice &lattice);

struct CompactLatticeHolder {
  using T = CompactLattice;
  static void Read(std::istream &is, T *value) { ReadLattice(is, value); }
  static void Write(std::ostream &os, bool binary, const T &value) {
    WriteLattice(os, binary, value);
  }
};

struct LatticeHolder {
  using T = Lattice;
  static void Read(std::istream &is, T *value) { ReadLattice(is, value); }
  static void Write(std::ostream &os, bool binary, const T &value) {
    WriteLattice(os, binary, value);
  }
};

using SequentialCompactLatticeReader = SequentialTableReader<CompactLatticeHolder>;
using RandomAccessCompactLatticeReader = RandomAccessTableReader<CompactLatticeHolder>;
using CompactLatticeWriter = TableWriter<CompactLatticeHolder>;

using SequentialLatticeReader = SequentialTableReader<LatticeHolder>;
using RandomAccessLatticeReader = RandomAccessTableReader<LatticeHolder>;
using LatticeWriter = TableWriter<LatticeHolder>;

}  // namespace u2moe

#endif  // U2MOE_LATTICE_LATTICE_TABLES_H_
