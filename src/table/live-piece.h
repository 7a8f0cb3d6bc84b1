// Keys of pieces: a recording that is still being made goes through a pipe as one entry after the
// other, <utterance>-00000001+, <utterance>-00000002+ and so on. The sign at the end tells them
// from utterances that are numbered, so that nobody takes a piece for an utterance of its own.
#ifndef U2MOE_TABLE_LIVE_PIECE_H_
#define U2MOE_TABLE_LIVE_PIECE_H_

#include <cstdint>
#include <optional>
#include <string>

namespace u2moe {

struct LivePiece {
  std::string utterance;
  int64_t number = 1;  // from 1; 0, with an empty value: the recording broke off, it has no end

  std::string Key() const;
  // Nothing if the key is not one of a piece.
  static std::optional<LivePiece> Parse(const std::string &key);
};

// For tools that need to see whole utterances: throws Error, saying what to do, if the key is one
// of a piece.
void RefuseLivePiece(const std::string &key);

}  // namespace u2moe

#endif  // U2MOE_TABLE_LIVE_PIECE_H_
