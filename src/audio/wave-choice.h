#ifndef U2MOE_AUDIO_WAVE_CHOICE_H_
#define U2MOE_AUDIO_WAVE_CHOICE_H_

#include <optional>
#include <string>
#include <vector>

#include "audio/wave-reader.h"
#include "base/rng.h"
#include "table/text-tables.h"

namespace u2moe {

// Gives each utterance one recording of a table: a noise, or an impulse response.
class WaveChoice {
 public:
  // From the table `waves`. `names`, if not empty, is an rspecifier with the key of each
  // utterance's recording; without it they are drawn. A script's recordings are read when they are
  // wanted; those of an archive are all in memory. `option` names waves' option in messages. Throws
  // Error, UsageError.
  WaveChoice(const std::string &waves, const std::string &names, const std::string &option);

  // Valid until the next call. Draws once from rng, if at all, so that the choice does not depend
  // on other utterances. Throws DataError.
  const WaveData &For(const std::string &utterance, Rng *rng);

 private:
  std::string option_;
  std::vector<std::string> keys_;  // of a script
  std::vector<WaveData> all_;      // of an archive
  std::optional<RandomAccessTokenVectorReader> names_;
  std::optional<RandomAccessWaveReader> by_name_;
};

}  // namespace u2moe

#endif  // U2MOE_AUDIO_WAVE_CHOICE_H_
