#ifndef U2MOE_TABLE_UTTERANCE_READER_H_
#define U2MOE_TABLE_UTTERANCE_READER_H_

#include <cstdint>
#include <exception>
#include <string>

#include "table/kaldi-tables.h"
#include "table/live-piece.h"

namespace u2moe {

// Goes through a table of feature matrices utterance by utterance, as SequentialMatrixReader does,
// but for the pieces of a live recording (table/live-piece.h): those that follow one another are
// one utterance, under its name. A missing, damaged or unlike piece is a DataError of all of it.
// How a recording was cut into pieces makes no difference.
class UtteranceReader {
 public:
  explicit UtteranceReader(const std::string &rspecifier);

  bool Done() const { return done_; }
  void Next();
  const std::string &Key() const { return key_; }
  const std::string &Where() const { return where_; }  // of a recording: that of its first piece
  // Throws DataError; Next may then be called. Valid until the next call of Next.
  const Tensor &Value();
  void Close() { reader_.Close(); }

 private:
  void Start();
  void Join();

  SequentialMatrixReader reader_;
  std::string key_, where_;
  bool done_ = false;
  bool pieces_ = false, joined_ = false;
  Tensor whole_;
  std::exception_ptr error_;
};

}  // namespace u2moe

#endif  // U2MOE_TABLE_UTTERANCE_READER_H_
