#include "pipeline/nbest-table.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"

namespace u2moe {

std::string NbestKey(const std::string &utterance, size_t n) { return Cat(utterance, "-", n); }

std::string UtteranceOfNbestKey(const std::string &key) {
  const size_t dash = key.rfind('-');
  if (dash == std::string::npos || dash == 0 || dash + 1 == key.size()) return "";
  if (key[dash + 1] == '0') return "";
  const bool number = std::all_of(key.begin() + static_cast<std::ptrdiff_t>(dash) + 1, key.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  return number ? key.substr(0, dash) : "";
}

template <class Reader, class Fn>
void NbestTable::Read(const std::string &rspecifier, bool Entry::*seen, Fn take) {
  Reader reader(rspecifier);
  for (; !reader.Done(); reader.Next()) {
    Entry &entry = entries_[reader.Key()];
    try {
      if (entry.*seen) throw DataError(reader.Key(), " is twice in ", rspecifier);
      entry.*seen = true;
      take(reader.Key(), reader.Value(), &entry);
    } catch (const DataError &) {
      entry.error = std::current_exception();
    }
  }
  reader.Close();
}

void NbestTable::ReadScores(const std::string &rspecifier, bool Entry::*seen,
                            double Entry::*value) {
  Read<SequentialVectorReader>(
      rspecifier, seen, [&](const std::string &key, const std::vector<float> &score, Entry *entry) {
        if (score.size() != 1) {
          throw DataError(key, " in ", rspecifier, ": ", score.size(),
                          " scores; expected one, as ctc-decode writes them");
        }
        entry->*value = score[0];
      });
}

NbestTable::NbestTable(const std::string &tokens_rspecifier, const std::string &scores_rspecifier,
                       const std::string &language_rspecifier)
    : tokens_name_(tokens_rspecifier),
      scores_name_(scores_rspecifier),
      language_name_(language_rspecifier) {
  Read<SequentialInt32VectorReader>(tokens_rspecifier, &Entry::has_tokens,
                                    [](const std::string &, const std::vector<int32_t> &tokens,
                                       Entry *entry) { entry->tokens = tokens; });
  ReadScores(scores_rspecifier, &Entry::has_score, &Entry::score);
  if (!language_rspecifier.empty()) {
    ReadScores(language_rspecifier, &Entry::has_language, &Entry::language);
  }
  for (const auto &[key, entry] : entries_) {
    const std::string utterance = UtteranceOfNbestKey(key);
    if (utterance.empty()) {
      all_numbered_ = false;
    } else {
      ++counts_[utterance];
    }
  }
}

bool NbestTable::TakeEntry(const std::string &key, NbestList *list) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return false;
  Entry &entry = it->second;
  if (entry.error) std::rethrow_exception(entry.error);
  if (!entry.has_tokens || !entry.has_score) {
    throw DataError("no entry for key '", key, "' in ",
                    entry.has_tokens ? scores_name_ : tokens_name_, ", but one in ",
                    entry.has_tokens ? tokens_name_ : scores_name_,
                    "; take both tables from the same search");
  }
  list->hyps.push_back(std::move(entry.tokens));
  list->scores.push_back(entry.score);
  if (!language_name_.empty()) {
    if (!entry.has_language) {
      throw DataError("no entry for key '", key, "' in ", language_name_,
                      "; take all tables from the same search");
    }
    list->language.push_back(entry.language);
  }
  entries_.erase(it);
  return true;
}

NbestList NbestTable::Take(const std::string &utterance) {
  taken_.insert(utterance);
  NbestList list;
  // In a table of one-best lists, "utt-1" may be another utterance.
  if (!all_numbered_ && TakeEntry(utterance, &list)) return list;
  int64_t n = 0;
  while (TakeEntry(NbestKey(utterance, static_cast<size_t>(n + 1)), &list)) ++n;
  const auto count = counts_.find(utterance);
  if (n > 0 || count != counts_.end()) {
    if (n < count->second) {
      throw DataError("no entry for key '", NbestKey(utterance, n + 1), "' in ", tokens_name_,
                      ", but others of the same n-best list");
    }
    return list;
  }
  if (all_numbered_ && TakeEntry(utterance, &list)) return list;
  throw DataError("no hypotheses: neither '", utterance, "-1' nor '", utterance, "' is a key of ",
                  tokens_name_, "; search all utterances that were encoded");
}

std::vector<std::string> NbestTable::Rest() const {
  std::set<std::string> rest;
  for (const auto &[key, entry] : entries_) {
    const std::string utterance = UtteranceOfNbestKey(key);
    if (taken_.count(key) > 0 || taken_.count(utterance) > 0) continue;
    rest.insert(utterance.empty() || !all_numbered_ ? key : utterance);
  }
  return {rest.begin(), rest.end()};
}

}  // namespace u2moe
