// Where the matrices of a table lie, so that they can be read in any order and need not be in
// memory together.
#ifndef U2MOE_TABLE_MATRIX_INDEX_H_
#define U2MOE_TABLE_MATRIX_INDEX_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "table/kaldi-holders.h"
#include "table/table-io.h"
#include "tensor/tensor.h"

namespace u2moe {

struct MatrixPlace {
  std::string key;
  int32_t file = 0;      // of the index
  int64_t offset = -1;   // of the value in it; negative: the file is the value
  int64_t position = 0;  // for messages: the line of the script, or the byte of the key
  std::string range;     // of a script line; "": all
  int64_t rows = 0, cols = 0;
  std::string error;  // why there is no value, with its place; "": there is one
};

// The keys, places and sizes of a table of matrices in regular files. Of binary values only the
// headers are read.
class MatrixIndex {
 public:
  // Nothing where the table, or a file of it, is no regular file (a pipe cannot be read twice), an
  // archive is broken, or it has the pieces of a live recording: who reads such a table from its
  // beginning to its end gets what there is, or the error. Throws Error for a script that is none.
  static std::optional<MatrixIndex> Read(const std::string &rspecifier);

  const std::vector<MatrixPlace> &Places() const { return places_; }
  // Option p: who uses the table leaves places with errors out.
  bool Permissive() const { return spec_.permissive; }
  const std::vector<std::string> &Files() const { return files_; }
  // The value; threads may call at the same time. Throws DataError, with the place, if it cannot be
  // read or has another size than it had.
  Tensor Load(const MatrixPlace &place) const;
  // "feats.scp:3: key 'a' from a.ark:17", as the readers of tables say it.
  std::string Where(const MatrixPlace &place) const;

 private:
  explicit MatrixIndex(const Rspecifier &spec) : spec_(spec) {}
  bool ReadScript();  // false: cannot be indexed
  bool ReadArchive();
  internal::ScriptEntry Entry(const MatrixPlace &place) const;

  Rspecifier spec_;
  std::vector<std::string> files_;
  std::vector<MatrixPlace> places_;
};

}  // namespace u2moe

#endif  // U2MOE_TABLE_MATRIX_INDEX_H_
