// Where the utterances of a training or dev set come from.
#ifndef U2MOE_TRAIN_DATA_SOURCE_H_
#define U2MOE_TRAIN_DATA_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace u2moe {

struct TrainUtterance {
  std::string key;
  Tensor feats;  // [T, F]
  std::vector<int32_t> labels;
  int32_t tag = -1;  // SequenceFacts::tag
};

// A set of utterances, of which all but the features is in memory. What is computed from a set does
// not depend on where it comes from: the same utterances in the same order give the same bits.
// Const functions may be called by several threads at a time.
class DataSource {
 public:
  virtual ~DataSource() = default;

  virtual int64_t Size() const = 0;
  virtual const std::string &Key(int64_t i) const = 0;
  virtual int64_t NumFrames(int64_t i) const = 0;  // of features
  virtual int64_t NumBytes(int64_t i) const = 0;   // of features in memory
  virtual const std::vector<int32_t> &Labels(int64_t i) const = 0;
  // Utterance i with its features. Throws DataError, naming place and cause, where they cannot be
  // read (any more) or trained on.
  virtual std::shared_ptr<const TrainUtterance> Load(int64_t i) const = 0;
  // Whether features are in memory, so that it is no use to load them ahead.
  virtual bool InMemory() const = 0;
  // What tells the set from others, for the identity of a run: one line.
  virtual std::string Describe() const = 0;

  std::vector<int64_t> Lengths() const;  // NumFrames of all
};

// A number that tells other data or weights apart.
class Fingerprint {
 public:
  void Add(const void *data, int64_t num_bytes);
  void Add(const std::string &s) { Add(s.data(), static_cast<int64_t>(s.size())); }
  void Add(const Tensor &t) { Add(t.Data(), t.Size() * static_cast<int64_t>(sizeof(float))); }
  void Add(const std::vector<int32_t> &v) {
    Add(v.data(), static_cast<int64_t>(v.size() * sizeof(int32_t)));
  }
  uint64_t Value() const { return value_; }

 private:
  uint64_t value_ = 0;
};

// All features in memory.
class MemorySource : public DataSource {
 public:
  explicit MemorySource(std::vector<TrainUtterance> utterances)
      : utterances_(std::move(utterances)) {}

  int64_t Size() const override { return static_cast<int64_t>(utterances_.size()); }
  const std::string &Key(int64_t i) const override { return At(i).key; }
  int64_t NumFrames(int64_t i) const override { return At(i).feats.Rows(); }
  int64_t NumBytes(int64_t i) const override {
    return At(i).feats.Size() * static_cast<int64_t>(sizeof(float));
  }
  const std::vector<int32_t> &Labels(int64_t i) const override { return At(i).labels; }
  // Points into the source, which must live on.
  std::shared_ptr<const TrainUtterance> Load(int64_t i) const override;
  bool InMemory() const override { return true; }
  // Of every feature.
  std::string Describe() const override;

 private:
  const TrainUtterance &At(int64_t i) const { return utterances_[static_cast<size_t>(i)]; }

  std::vector<TrainUtterance> utterances_;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_DATA_SOURCE_H_
