#ifndef U2MOE_TABLE_SPEAKER_MAP_H_
#define U2MOE_TABLE_SPEAKER_MAP_H_

#include <optional>
#include <string>

#include "table/text-tables.h"

namespace u2moe {

// What a tool's --utt2spk does: entries of a table are found by speaker instead of by utterance.
class SpeakerMap {
 public:
  // An rspecifier such as ark:utt2spk; "" maps each utterance to itself.
  explicit SpeakerMap(const std::string &utt2spk);

  // The key of this utterance's entry. Throws DataError if it has no speaker, or several.
  std::string KeyOf(const std::string &utterance);

 private:
  std::optional<RandomAccessTokenVectorReader> speakers_;
};

}  // namespace u2moe

#endif  // U2MOE_TABLE_SPEAKER_MAP_H_
