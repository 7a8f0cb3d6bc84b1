#include "pipeline/tuning-set.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "pipeline/nbest-table.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/text.h"

namespace u2moe {
namespace {

struct Entry {
  RescoredHypothesis scores;
  bool has_components = false, has_tokens = false, has_language = false;
  std::vector<std::string> words;
  bool has_text = false;
};

template <class Reader, class Take>
void ReadInto(const std::string &rspecifier, bool Entry::*seen,
              std::map<std::string, Entry> *entries, Take take) {
  Reader reader(rspecifier);
  for (; !reader.Done(); reader.Next()) {
    Entry &entry = (*entries)[reader.Key()];
    if (entry.*seen) throw Error(reader.Key(), " is twice in ", rspecifier);
    entry.*seen = true;
    take(reader.Value(), &entry);
  }
  reader.Close();
}

// Of its n-best list, by n.
using Lists = std::map<std::string, std::map<int64_t, const Entry *>>;

Lists ByUtterance(const std::map<std::string, Entry> &entries, const TuningTables &tables) {
  Lists lists;
  for (const auto &[key, entry] : entries) {
    const auto require = [&, k = &key](bool has, const std::string &name) {
      if (!has) {
        throw Error("no entry for key '", *k, "' in ", name,
                    ", but one in another table; take all tables from the same n-best lists");
      }
    };
    require(entry.has_tokens, tables.tokens);
    require(entry.has_text, tables.text);
    require(entry.has_components, tables.components);
    if (!tables.lm_scores.empty()) require(entry.has_language, tables.lm_scores);
    const std::string utterance = UtteranceOfNbestKey(key);
    int64_t n = 0;
    if (utterance.empty() || !ParseNumber(key.substr(utterance.size() + 1), &n)) {
      throw Error("key '", key, "' in ", tables.components,
                  ": expected <utterance>-<n>, n from 1; tune on n-best lists (--nbest above 1)");
    }
    lists[utterance][n] = &entry;
  }
  for (const auto &[utterance, list] : lists) {
    if (list.rbegin()->first != static_cast<int64_t>(list.size())) {
      throw Error("the n-best list of ", utterance, " in ", tables.components, " has ", list.size(),
                  " entries, but goes up to ", list.rbegin()->first);
    }
  }
  return lists;
}

}  // namespace

TuningSet ReadTuningSet(const TuningTables &tables, const std::vector<Transcript> &refs,
                        const WerOptions &opts, int64_t *num_left_out) {
  std::map<std::string, Entry> entries;
  TuningSet set;
  set.has_language = !tables.lm_scores.empty();
  size_t num_components = 0;
  ReadInto<SequentialDoubleVectorReader>(
      tables.components, &Entry::has_components, &entries,
      [&](const std::vector<double> &values, Entry *e) {
        if (num_components == 0) num_components = values.size();
        if (values.size() != num_components || values.size() < 2 || values.size() > 3) {
          throw Error(tables.components, ": ", values.size(),
                      " values; expected left to right, CTC, and right to left if the model has "
                      "that, as attention-rescore --components writes them");
        }
        e->scores.left_to_right = values[0];
        e->scores.ctc = values[1];
        if (values.size() > 2) e->scores.right_to_left = values[2];
      });
  set.has_right_to_left = num_components > 2;
  ReadInto<SequentialInt32VectorReader>(tables.tokens, &Entry::has_tokens, &entries,
                                        [](const std::vector<int32_t> &tokens, Entry *e) {
                                          e->scores.length = static_cast<int32_t>(tokens.size());
                                        });
  if (set.has_language) {
    ReadInto<SequentialVectorReader>(tables.lm_scores, &Entry::has_language, &entries,
                                     [&](const std::vector<float> &score, Entry *e) {
                                       if (score.size() != 1) {
                                         throw Error(tables.lm_scores, ": ", score.size(),
                                                     " scores; expected one");
                                       }
                                       e->scores.language = score[0];
                                     });
  }
  for (Transcript &t : ReadTranscripts(tables.text)) {
    Entry &entry = entries[t.key];
    entry.has_text = true;
    entry.words = std::move(t.words);
  }
  const Lists lists = ByUtterance(entries, tables);

  // Each hypothesis as an utterance of its own, so that the errors are those of compute-wer.
  std::vector<Transcript> all_refs, all_hyps;
  std::vector<size_t> sizes;
  std::vector<std::string> missing;
  std::set<std::string> used;
  for (const Transcript &ref : refs) {
    const auto list = lists.find(ref.key);
    if (list == lists.end()) {
      missing.push_back(ref.key);
      continue;
    }
    used.insert(ref.key);
    set.lists.emplace_back();
    sizes.push_back(list->second.size());
    for (const auto &[n, entry] : list->second) {
      set.lists.back().hyps.push_back(entry->scores);
      all_refs.push_back({Cat(ref.key, "-", n), ref.words});
      all_hyps.push_back({all_refs.back().key, entry->words});
    }
  }
  if (!missing.empty() && opts.mode != "present") {
    throw Error(missing.size(), " of ", refs.size(), " references have no n-best list (",
                missing[0], "); complete the tables, or give --mode=present");
  }
  for (const auto &list : lists) {
    if (used.count(list.first) == 0 && opts.mode != "present") {
      throw Error("the n-best list of ", list.first,
                  " has no reference; complete the references, or give --mode=present");
    }
  }
  *num_left_out = static_cast<int64_t>(missing.size());
  if (set.lists.empty()) throw Error("no reference has an n-best list in ", tables.components);
  const WerResult scored = ScoreTranscripts(all_refs, all_hyps, opts, false);
  size_t at = 0;
  for (size_t i = 0; i < set.lists.size(); ++i) {
    set.num_units += scored.utterances[at].counts.RefLength();
    for (size_t n = 0; n < sizes[i]; ++n, ++at)
      set.lists[i].errors.push_back(scored.utterances[at].counts.Errors());
  }
  return set;
}

void RefuseSameSet(const std::vector<Transcript> &dev, const std::string &dev_name,
                   const std::vector<Transcript> &reported, const std::string &reported_name) {
  constexpr const char kRemedy[] =
      "; weights chosen on a set make its error rate look better than it is: tune on another";
  std::set<std::string> keys;
  for (const Transcript &t : reported) keys.insert(t.key);
  for (const Transcript &t : dev) {
    if (keys.count(t.key) > 0) {
      throw UsageError("utterance ", t.key, " is in ", dev_name, " and in ", reported_name,
                       " (--not-for)", kRemedy);
    }
  }
  const auto texts = [](const std::vector<Transcript> &set) {
    std::vector<std::string> lines;
    for (const Transcript &t : set) lines.push_back(Join(t.words, " "));
    std::sort(lines.begin(), lines.end());
    return lines;
  };
  if (!dev.empty() && texts(dev) == texts(reported)) {
    throw UsageError(dev_name, " and ", reported_name,
                     " (--not-for) have the same texts under other names", kRemedy);
  }
}

}  // namespace u2moe
