#include "table/speaker-map.h"

#include <vector>

#include "base/error.h"

namespace u2moe {

SpeakerMap::SpeakerMap(const std::string &utt2spk) {
  if (!utt2spk.empty()) speakers_.emplace(utt2spk);
}

std::string SpeakerMap::KeyOf(const std::string &utterance) {
  if (!speakers_) return utterance;
  const std::vector<std::string> &speaker = speakers_->Value(utterance);
  if (speaker.size() != 1) {
    throw DataError("--utt2spk gives ", speaker.size(), " speakers, not one; correct that line");
  }
  return speaker[0];
}

}  // namespace u2moe
