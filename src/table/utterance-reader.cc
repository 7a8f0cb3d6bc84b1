#include "table/utterance-reader.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace u2moe {

UtteranceReader::UtteranceReader(const std::string &rspecifier) : reader_(rspecifier) { Start(); }

void UtteranceReader::Start() {
  error_ = nullptr;
  joined_ = false;
  done_ = reader_.Done();
  if (done_) return;
  key_ = reader_.Key();
  where_ = reader_.Where();
  const std::optional<LivePiece> piece = LivePiece::Parse(key_);
  pieces_ = piece.has_value();
  if (pieces_) key_ = piece->utterance;
}

void UtteranceReader::Next() {
  if (!pieces_) {
    reader_.Next();
  } else if (!joined_) {
    Join();
  }
  Start();
}

const Tensor &UtteranceReader::Value() {
  if (!pieces_) return reader_.Value();
  if (!joined_) Join();
  if (error_) std::rethrow_exception(error_);
  return whole_;
}

// Reads on to the first entry that is not of this recording. A first piece begins another one.
void UtteranceReader::Join() {
  joined_ = true;
  std::vector<float> frames;
  int64_t cols = -1, count = 0;
  while (!reader_.Done()) {
    const std::optional<LivePiece> piece = LivePiece::Parse(reader_.Key());
    if (!piece || piece->utterance != key_ || (count > 0 && piece->number == 1)) break;
    ++count;
    try {
      if (!error_ && piece->number != count) {
        throw DataError(reader_.Where(), ": where piece ", count, " of the live recording '", key_,
                        "' is due; pieces are joined only if none is missing or out of order");
      }
      const Tensor &value = reader_.Value();
      if (cols < 0) cols = value.Cols();
      if (value.Cols() != cols) {
        throw DataError(reader_.Where(), ": has ", value.Cols(), " columns, the pieces before it ",
                        cols);
      }
      if (!error_) frames.insert(frames.end(), value.Data(), value.Data() + value.Size());
    } catch (const DataError &) {
      if (!error_) error_ = std::current_exception();
    }
    reader_.Next();
  }
  if (error_) return;
  whole_ = Tensor(static_cast<int64_t>(frames.size()) / std::max<int64_t>(cols, 1), cols);
  std::copy(frames.begin(), frames.end(), whole_.Data());
  LOG_INFO << "Joined the " << count << " pieces of the live recording '" << key_ << "'.";
}

}  // namespace u2moe
