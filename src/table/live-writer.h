#ifndef U2MOE_TABLE_LIVE_WRITER_H_
#define U2MOE_TABLE_LIVE_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "table/kaldi-tables.h"

namespace u2moe {

// The wspecifier with the option f, so that each entry is flushed, where somebody can read the
// archive at once: a command, a terminal, a named pipe, and "-" where the shell leads it to one of
// these. As it is for a file, which can be read when it is complete.
std::string FlushedWhereRead(const std::string &wspecifier);

// A table of matrices, some of which are computed while their recording is still being made. What
// is there of a recording goes on at once, in pieces (table/live-piece.h), where somebody can read
// it at once; a file gets the whole recording, as one entry, at its end.
class LiveMatrixWriter {
 public:
  explicit LiveMatrixWriter(const std::string &wspecifier);

  // A whole utterance. Throws as TableWriter::Write, as do the others.
  void Write(const std::string &key, const Tensor &value) { writer_.Write(key, value); }

  // A live recording: Begin, Add any number of times, and End, or Abort where it failed: who reads
  // the pieces then learns that they are no whole, and a file does not have it at all. Nothing else
  // is written in between.
  void Begin(const std::string &utterance);
  void Add(Tensor rows);
  void End();
  void Abort();

  void Close() { writer_.Close(); }

 private:
  const bool in_pieces_;
  MatrixWriter writer_;
  std::string utterance_;
  int64_t count_ = 0;          // pieces written
  std::vector<Tensor> parts_;  // of what is written at the end
};

}  // namespace u2moe

#endif  // U2MOE_TABLE_LIVE_WRITER_H_
