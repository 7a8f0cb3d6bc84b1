#ifndef U2MOE_TRAIN_ARCHIVE_SOURCE_H_
#define U2MOE_TRAIN_ARCHIVE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "table/matrix-index.h"
#include "train/data-source.h"

namespace u2moe {

// Utterances whose features stay in their files and are read each time they are loaded.
class ArchiveSource : public DataSource {
 public:
  struct Utterance {
    size_t place;  // in the index
    std::vector<int32_t> labels;
    int32_t tag = -1;
  };

  ArchiveSource(MatrixIndex index, std::vector<Utterance> utterances)
      : index_(std::move(index)), utterances_(std::move(utterances)) {}

  int64_t Size() const override { return static_cast<int64_t>(utterances_.size()); }
  const std::string &Key(int64_t i) const override { return Place(i).key; }
  int64_t NumFrames(int64_t i) const override { return Place(i).rows; }
  int64_t NumBytes(int64_t i) const override {
    return Place(i).rows * Place(i).cols * static_cast<int64_t>(sizeof(float));
  }
  const std::vector<int32_t> &Labels(int64_t i) const override { return At(i).labels; }
  // Also throws DataError for values that no model can be trained on (FindUnfitValue).
  std::shared_ptr<const TrainUtterance> Load(int64_t i) const override;
  bool InMemory() const override { return false; }
  // Of keys, lengths, labels, the sizes of the files, and the features of some utterances.
  std::string Describe() const override;

 private:
  const Utterance &At(int64_t i) const { return utterances_[static_cast<size_t>(i)]; }
  const MatrixPlace &Place(int64_t i) const { return index_.Places()[At(i).place]; }

  MatrixIndex index_;
  std::vector<Utterance> utterances_;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_ARCHIVE_SOURCE_H_
