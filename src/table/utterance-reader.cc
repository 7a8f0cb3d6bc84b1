#include "table/utterance-reader.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"

namespace u2moe {

UtteranceReader::UtteranceReader(const std::string &rspecifier) : reader_(rspecifier) { Start(); }

void UtteranceReader::Start() {
  error_ = nullptr;
  joined_ = taken_ = false;
  count_ = 0;
  done_ = reader_.Done();
  if (done_) return;
  key_ = reader_.Key();
  where_ = reader_.Where();
  const std::optional<LivePiece> piece = LivePiece::Parse(key_);
  pieces_ = piece.has_value();
  if (pieces_) key_ = piece->utterance;
}

void UtteranceReader::Next() {
  if (pieces_) {
    if (!joined_) Join();
  } else {
    reader_.Next();
  }
  Start();
}

const Tensor &UtteranceReader::Value() {
  if (!pieces_) return reader_.Value();
  CHECK(count_ == 0 || joined_) << "Value() of a recording that is taken piece by piece";
  if (!joined_) Join();
  if (error_) std::rethrow_exception(error_);
  return whole_;
}

// A first piece begins another recording.
bool UtteranceReader::AtPiece() {
  if (taken_) {
    reader_.Next();
    taken_ = false;
  }
  if (reader_.Done()) return false;
  const std::optional<LivePiece> piece = LivePiece::Parse(reader_.Key());
  return piece && piece->utterance == key_ && (count_ == 0 || piece->number != 1);
}

void UtteranceReader::TakePiece(Tensor *value) {
  const int64_t number = LivePiece::Parse(reader_.Key())->number;
  taken_ = true;
  ++count_;
  if (number == 0) {
    throw DataError(reader_.Where(), ": the live recording '", key_, "' broke off after ",
                    count_ - 1, " pieces; the tool that wrote them says why");
  }
  if (number != count_) {
    throw DataError(reader_.Where(), ": where piece ", count_, " of the live recording '", key_,
                    "' is due; pieces are joined only if none is missing or out of order");
  }
  *value = reader_.Value();
  if (count_ == 1) columns_ = value->Cols();
  if (value->Cols() != columns_) {
    throw DataError(reader_.Where(), ": has ", value->Cols(), " columns, the pieces before it ",
                    columns_);
  }
}

bool UtteranceReader::NextPiece(Tensor *piece) {
  CHECK(pieces_ && !joined_);
  if (AtPiece()) {
    TakePiece(piece);
    return true;
  }
  joined_ = true;
  LOG_INFO << "The live recording '" << key_ << "' has ended after " << count_ << " pieces.";
  return false;
}

// Reads on to the first entry that is not of this recording.
void UtteranceReader::Join() {
  const bool from_start = count_ == 0;
  std::vector<float> frames;
  while (AtPiece()) {
    try {
      Tensor value;
      TakePiece(&value);
      if (!error_) frames.insert(frames.end(), value.Data(), value.Data() + value.Size());
    } catch (const DataError &) {
      if (!error_) error_ = std::current_exception();
    }
  }
  joined_ = true;
  if (error_ || !from_start) return;
  whole_ = Tensor(static_cast<int64_t>(frames.size()) / std::max<int64_t>(columns_, 1), columns_);
  std::copy(frames.begin(), frames.end(), whole_.Data());
  LOG_INFO << "Joined the " << count_ << " pieces of the live recording '" << key_ << "'.";
}

}  // namespace u2moe
