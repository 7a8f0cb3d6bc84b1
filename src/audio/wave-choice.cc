#include "audio/wave-choice.h"

#include "base/error.h"

namespace u2moe {

WaveChoice::WaveChoice(const std::string &waves, const std::string &names,
                       const std::string &option)
    : option_(option) {
  const bool by_name = !names.empty();
  if (by_name) names_.emplace(names);
  const bool is_script = ParseRspecifier(waves).is_script;
  if (by_name || is_script) by_name_.emplace(waves);
  if (by_name) return;
  SequentialWaveReader reader(waves);
  for (; !reader.Done(); reader.Next()) {
    if (is_script) {
      keys_.push_back(reader.Key());
    } else {
      all_.push_back(reader.Value());
    }
  }
  reader.Close();
  if (keys_.empty() && all_.empty()) throw Error("no recordings in ", option, "=", waves);
}

const WaveData &WaveChoice::For(const std::string &utterance, Rng *rng) {
  if (names_) {
    const std::vector<std::string> &words = names_->Value(utterance);
    if (words.size() != 1) throw DataError("its line must be one key of ", option_);
    return by_name_->Value(words[0]);
  }
  const size_t count = by_name_ ? keys_.size() : all_.size();
  const size_t i = static_cast<size_t>(rng->UniformInt(0, static_cast<int64_t>(count) - 1));
  return by_name_ ? by_name_->Value(keys_[i]) : all_[i];
}

}  // namespace u2moe
