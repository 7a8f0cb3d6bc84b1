// The safetensors file format: 8 bytes of little-endian header length, a JSON header, then the
// tensors' bytes without gaps. Reading maps the file and trusts nothing in it.
#ifndef U2MOE_MODELFILE_SAFETENSORS_H_
#define U2MOE_MODELFILE_SAFETENSORS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace u2moe {

struct SafetensorsEntry {
  std::string dtype;           // "F32", "I64", ...
  std::vector<int64_t> shape;  // empty: a scalar
  int64_t begin, end;          // bytes [begin, end) of the data section
};

class SafetensorsFile {
 public:
  // Maps a regular file privately: its pages are read when first touched, and writing to them
  // changes this process's copy only. "-" and "command |" are read into memory. Throws DataError,
  // naming the file, for anything but a well-formed file: a header over 100 MB, keys twice, unknown
  // types, ranges that overlap, leave a gap, do not fit the shape, or end elsewhere than at the end
  // of the file.
  explicit SafetensorsFile(const std::string &rxfilename);
  SafetensorsFile(const SafetensorsFile &) = delete;
  SafetensorsFile &operator=(const SafetensorsFile &) = delete;

  const std::string &Name() const { return name_; }
  const std::map<std::string, SafetensorsEntry> &Entries() const { return entries_; }
  const std::map<std::string, std::string> &Metadata() const { return metadata_; }
  // The number of values of all entries, of whatever type.
  double NumValues() const;

  // The floats of an F32 entry of 1 to 4 dimensions, borrowed from the mapping, which the tensor
  // keeps alive (copied where the file does not align them to 4 bytes). Throws DataError for other
  // types and for no such entry. When the last that holds the entry's floats or bytes lets go of
  // them, the process gives back their pages, so that a model read and packed weight by weight is
  // never in memory twice; what was written to them is lost then. One thread at a time may ask.
  Tensor Floats(const std::string &entry) const;
  // The same for entries of BF16 and F16, each value exactly, and of F64, rounded, which are
  // copied.
  Tensor AsFloats(const std::string &entry) const;
  // The bytes of an entry of any type, which keep the mapping alive; aligned to 64 bytes, and
  // copied only where the file does not align them. Throws DataError if there is no such entry.
  std::shared_ptr<const uint8_t> Bytes(const std::string &entry) const;

 private:
  void Parse(std::shared_ptr<char> bytes, int64_t size);
  // The bytes where they lie; all that ask for an entry while it is held share one owner.
  std::shared_ptr<char> Hold(const std::string &name, const SafetensorsEntry &entry) const;

  std::string name_;
  bool mapped_ = false;
  std::shared_ptr<char> data_;  // the data section
  mutable std::map<std::string, std::weak_ptr<char>> held_;
  int64_t data_bytes_ = 0;
  std::map<std::string, SafetensorsEntry> entries_;
  std::map<std::string, std::string> metadata_;
};

// One tensor to write. bytes gives what the shape and type take when its turn comes, so that
// tensors can be made one at a time; they are let go of when they are written.
struct SafetensorsItem {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::function<std::shared_ptr<const void>()> bytes;
};
// The tensor must live until it is written.
SafetensorsItem FloatItem(const std::string &name, const Tensor *tensor);
// The same, and the tensor is empty once it is written.
SafetensorsItem TakenFloatItem(const std::string &name, Tensor *tensor);

// Writes tensors, asking for those of equal alignment in the order given. Equal contents give equal
// bytes. The data section begins at a multiple of 64 bytes, and tensors are ordered so that each
// whose size is a multiple of 64 bytes does so too. Throws Error if writing fails; a file appears
// under its name only when complete.
void WriteSafetensors(const std::string &wxfilename, std::vector<SafetensorsItem> items,
                      const std::map<std::string, std::string> &metadata);
// The same for F32 tensors that are there already.
void WriteSafetensors(const std::string &wxfilename,
                      const std::vector<std::pair<std::string, const Tensor *>> &tensors,
                      const std::map<std::string, std::string> &metadata);

// "[8, 96, 3]".
std::string ShapeString(const std::vector<int64_t> &shape);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_SAFETENSORS_H_
