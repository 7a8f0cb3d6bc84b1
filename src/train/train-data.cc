#include "train/train-data.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/log.h"
#include "table/matrix-index.h"
#include "table/text-tables.h"
#include "table/utterance-reader.h"
#include "train/archive-source.h"
#include "train/trainable.h"

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

// Sorts the utterances of a set into those that can be used and those that cannot, and says why.
class SetReader {
 public:
  SetReader(std::string set, const std::string &tokens_rspecifier, UtteranceTags *tags,
            UtteranceTally *tally)
      : set_(std::move(set)), tokens_(tokens_rspecifier), tags_(tags), tally_(tally) {}

  // entry: what stands on the utterance and says where it is. read() gets its features or their
  // size, find(labels, tag, &why) keeps it unless it is unfit.
  template <class Entry, class Read, class Find>
  void Add(const Entry &entry, Read read, Find find) {
    const std::string &key = entry.Key();
    keys_.insert(key);
    KeyList *reason = &unreadable_;
    const bool fit = tally_->Try(entry, [&] {
      read();
      if (!tokens_.HasKey(key)) reason = &no_tokens_;
      const std::vector<int32_t> &labels = tokens_.Value(key);
      if (tags_ != nullptr) reason = &no_tag_;
      const int32_t tag = tags_ != nullptr ? tags_->Of(key) : -1;
      std::string why;
      const Unfit found = find(labels, tag, &why);
      reason = &unfit_[static_cast<size_t>(found)];
      if (found != Unfit::kNo) throw DataError(why);
    });
    if (!fit) reason->Add(key);
  }

  void Finish() {
    Say(no_tokens_, "features without tokens");
    Say(no_tag_, "no tag that the model knows");
    Say(unreadable_, "values that cannot be read");
    for (size_t i = 1; i < unfit_.size(); ++i) Say(unfit_[i], UnfitName(static_cast<Unfit>(i)));
    KeyList no_feats;
    for (const std::string &key : tokens_.Keys()) {
      if (keys_.count(key) == 0) no_feats.Add(key);
    }
    if (no_feats.Size() == 0) return;
    LOG_WARN << no_feats.Size() << " " << set_
             << " utterances have tokens without features:" << no_feats.Text()
             << "; they are not used";
  }

 private:
  void Say(const KeyList &list, const std::string &reason) const {
    if (list.Size() == 0) return;
    LOG_WARN << list.Size() << " of " << keys_.size() << " " << set_
             << " utterances cannot be used, for " << reason << ":" << list.Text()
             << " (--max-failures lets the training go on without them)";
  }

  std::string set_;
  RandomAccessInt32VectorReader tokens_;
  UtteranceTags *tags_;
  UtteranceTally *tally_;
  std::set<std::string> keys_;
  std::array<KeyList, 1 + static_cast<size_t>(Unfit::kLoss)> unfit_;
  KeyList no_tokens_, no_tag_, unreadable_;
};

std::unique_ptr<DataSource> ReadIntoMemory(const AsrModel &model,
                                           const std::string &feats_rspecifier, SetReader *set) {
  UtteranceReader feats(feats_rspecifier);
  std::vector<TrainUtterance> data;
  for (; !feats.Done(); feats.Next()) {
    TrainUtterance u;
    set->Add(
        feats,
        [&] {
          u = {feats.Key(), feats.Value(), {}, -1};
        },
        [&](const std::vector<int32_t> &labels, int32_t tag, std::string *why) {
          u.labels = labels;
          u.tag = tag;
          const Unfit found = FindUnfit(model, u, why);
          if (found == Unfit::kNo) data.push_back(std::move(u));
          return found;
        });
  }
  feats.Close();
  return std::make_unique<MemorySource>(std::move(data));
}

// An entry of an index, as a table reader stands on one.
class PlaceEntry {
 public:
  PlaceEntry(const MatrixIndex &index, const MatrixPlace &place) : index_(index), place_(place) {}
  const std::string &Key() const { return place_.key; }
  std::string Where() const { return index_.Where(place_); }

 private:
  const MatrixIndex &index_;
  const MatrixPlace &place_;
};

std::unique_ptr<DataSource> LeaveInFiles(const AsrModel &model, MatrixIndex index, SetReader *set) {
  std::vector<ArchiveSource::Utterance> utterances;
  for (size_t i = 0; i < index.Places().size(); ++i) {
    const MatrixPlace &place = index.Places()[i];
    if (!place.error.empty() && index.Permissive()) {
      LOG_WARN << place.error << "; left out, as option p asks";
      continue;
    }
    set->Add(
        PlaceEntry(index, place),
        [&] {
          if (!place.error.empty()) throw DataError(place.error);
        },
        [&](const std::vector<int32_t> &labels, int32_t tag, std::string *why) {
          const Unfit found = FindUnfitShape(model, labels, place.rows, place.cols, why);
          if (found == Unfit::kNo) utterances.push_back({i, labels, tag});
          return found;
        });
  }
  return std::make_unique<ArchiveSource>(std::move(index), std::move(utterances));
}

}  // namespace

void TrainDataOptions::Register(OptionParser *po) {
  po->Register("memory-limit", &memory_limit,
               "MB of features: a training or dev set that has more is not read into memory, but "
               "batch by batch from its files, some batches ahead (not from a pipe). Results are "
               "the same");
}

void TrainDataOptions::Check() const {
  if (memory_limit < 0) throw UsageError("--memory-limit=", memory_limit, ": expected 0 or more");
}

int64_t TrainDataOptions::ReadAheadBytes() const {
  constexpr int64_t kMost = int64_t{256} << 20;
  return std::min(kMost, LimitBytes());
}

std::unique_ptr<DataSource> ReadTrainData(const std::string &set, const TrainDataOptions &opts,
                                          const AsrModel &model,
                                          const std::string &feats_rspecifier,
                                          const std::string &tokens_rspecifier,
                                          UtteranceTally *tally) {
  std::optional<MatrixIndex> index = MatrixIndex::Read(feats_rspecifier);
  int64_t bytes = 0;
  if (index) {
    for (const MatrixPlace &place : index->Places())
      bytes += place.rows * place.cols * static_cast<int64_t>(sizeof(float));
    if (bytes <= opts.LimitBytes()) index.reset();
  }
  SetReader reader(set, tokens_rspecifier, opts.tags, tally);
  std::unique_ptr<DataSource> data;
  if (index) {
    LOG_INFO << "the features of the " << set << " set take " << (bytes >> 20)
             << " MB, more than --memory-limit=" << opts.memory_limit
             << ": they are read while they are used";
    data = LeaveInFiles(model, std::move(*index), &reader);
  } else {
    data = ReadIntoMemory(model, feats_rspecifier, &reader);
  }
  reader.Finish();
  if (data->Size() == 0)
    throw Error("no utterance of ", feats_rspecifier, " can be trained on, so there is no ", set,
                " data; see above");
  return data;
}

}  // namespace u2moe
