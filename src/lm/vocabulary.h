#ifndef U2MOE_LM_VOCABULARY_H_
#define U2MOE_LM_VOCABULARY_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace u2moe {

// The words of a language model and their ids 0, 1, ... in the order in which they were added.
class LmVocabulary {
 public:
  LmVocabulary() = default;
  // The index refers to the words, which a copy would have elsewhere.
  LmVocabulary(const LmVocabulary &) = delete;
  LmVocabulary &operator=(const LmVocabulary &) = delete;
  LmVocabulary(LmVocabulary &&) = default;
  LmVocabulary &operator=(LmVocabulary &&) = default;

  // The id of the word, which is a new one if it was not there.
  int32_t Add(std::string_view word) {
    const auto found = ids_.find(word);
    if (found != ids_.end()) return found->second;
    words_.emplace_back(word);
    ids_.emplace(words_.back(), Size() - 1);
    return Size() - 1;
  }
  int32_t Find(std::string_view word) const {  // -1: not there
    const auto found = ids_.find(word);
    return found == ids_.end() ? -1 : found->second;
  }
  const std::string &Word(int32_t id) const { return words_[static_cast<size_t>(id)]; }
  int32_t Size() const { return static_cast<int32_t>(words_.size()); }

 private:
  std::deque<std::string> words_;  // whose elements never move
  std::unordered_map<std::string_view, int32_t> ids_;
};

}  // namespace u2moe

#endif  // U2MOE_LM_VOCABULARY_H_
