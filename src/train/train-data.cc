#include "train/train-data.h"

#include <array>
#include <set>
#include <utility>

#include "base/log.h"
#include "table/text-tables.h"
#include "table/utterance-reader.h"

namespace u2moe {
namespace {

// Keys, of which the first few are named.
class KeyList {
 public:
  void Add(const std::string &key) {
    constexpr int64_t kNamed = 5;
    if (size_ < kNamed) text_ += " " + key;
    if (size_ == kNamed) text_ += " ...";
    ++size_;
  }
  int64_t Size() const { return size_; }
  const std::string &Text() const { return text_; }

 private:
  int64_t size_ = 0;
  std::string text_;
};

}  // namespace

std::vector<TrainUtterance> ReadTrainData(const std::string &set, const AsrModel &model,
                                          const std::string &feats_rspecifier,
                                          const std::string &tokens_rspecifier,
                                          UtteranceTally *tally) {
  UtteranceReader feats(feats_rspecifier);
  RandomAccessInt32VectorReader tokens(tokens_rspecifier);
  std::vector<TrainUtterance> data;
  std::set<std::string> keys;
  std::array<KeyList, 1 + static_cast<size_t>(Unfit::kLoss)> unfit;
  KeyList no_tokens, unreadable;
  for (; !feats.Done(); feats.Next()) {
    keys.insert(feats.Key());
    KeyList *reason = &unreadable;
    const bool fit = tally->Try(feats, [&] {
      TrainUtterance u{feats.Key(), feats.Value(), {}};
      if (!tokens.HasKey(u.key)) reason = &no_tokens;
      u.labels = tokens.Value(u.key);
      std::string why;
      const Unfit found = FindUnfit(model, u, &why);
      reason = &unfit[static_cast<size_t>(found)];
      if (found != Unfit::kNo) throw DataError(why);
      data.push_back(std::move(u));
    });
    if (!fit) reason->Add(feats.Key());
  }
  feats.Close();
  const auto say = [&](const KeyList &list, const std::string &reason) {
    if (list.Size() == 0) return;
    LOG_WARN << list.Size() << " of " << keys.size() << " " << set
             << " utterances cannot be used, for " << reason << ":" << list.Text()
             << " (--max-failures lets the training go on without them)";
  };
  say(no_tokens, "features without tokens");
  say(unreadable, "values that cannot be read");
  for (size_t i = 1; i < unfit.size(); ++i) say(unfit[i], UnfitName(static_cast<Unfit>(i)));
  KeyList no_feats;
  for (const std::string &key : tokens.Keys()) {
    if (keys.count(key) == 0) no_feats.Add(key);
  }
  if (no_feats.Size() > 0) {
    LOG_WARN << no_feats.Size() << " " << set
             << " utterances have tokens without features:" << no_feats.Text()
             << "; they are not used";
  }
  if (data.empty())
    throw Error("no utterance of ", feats_rspecifier, " can be trained on, so there is no ", set,
                " data; see above");
  return data;
}

}  // namespace u2moe
