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

  // True for a recording that comes in pieces. It can be taken piece by piece instead of by
  // Value(): NextPiece waits for the next one, says whether there is one, and throws the DataErrors
  // of Value(), after which it must not be called again.
  bool InPieces() const { return pieces_; }
  bool NextPiece(Tensor *piece);
  void Close() { reader_.Close(); }

 private:
  void Start();
  void Join();
  // The reader stands on a piece of this recording that has not been taken.
  bool AtPiece();
  void TakePiece(Tensor *piece);

  SequentialMatrixReader reader_;
  std::string key_, where_;
  bool done_ = false;
  bool pieces_ = false, joined_ = false;
  bool taken_ = false;               // the piece that the reader stands on
  int64_t count_ = 0, columns_ = 0;  // of the pieces so far
  Tensor whole_;
  std::exception_ptr error_;
};

}  // namespace u2moe

#endif  // U2MOE_TABLE_UTTERANCE_READER_H_
