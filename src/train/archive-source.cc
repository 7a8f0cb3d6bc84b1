#include "train/archive-source.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "train/trainable.h"

namespace u2moe {

std::shared_ptr<const TrainUtterance> ArchiveSource::Load(int64_t i) const {
  auto utterance = std::make_shared<TrainUtterance>();
  utterance->key = Key(i);
  utterance->labels = Labels(i);
  utterance->tag = At(i).tag;
  utterance->feats = index_.Load(Place(i));
  std::string why;
  if (FindUnfitValue(utterance->feats, &why) != Unfit::kNo)
    throw DataError(index_.Where(Place(i)), ": ", why);
  return utterance;
}

std::string ArchiveSource::Describe() const {
  constexpr int64_t kSamples = 16;
  Fingerprint print;
  for (int64_t i = 0; i < Size(); ++i) {
    print.Add(Key(i));
    const int64_t frames = NumFrames(i);
    print.Add(&frames, sizeof(frames));
    print.Add(Labels(i));
    if (At(i).tag >= 0) print.Add(std::vector<int32_t>{At(i).tag});
  }
  for (const std::string &file : index_.Files()) {
    std::error_code error;  // of a file that is gone, which its utterances tell
    const uint64_t size = std::filesystem::file_size(file, error);
    print.Add(&size, sizeof(size));
  }
  const int64_t step = std::max<int64_t>(1, Size() / kSamples);
  for (int64_t i = 0; i < Size(); i += step) {
    try {
      print.Add(Load(i)->feats);
    } catch (const DataError &) {  // told when it is trained on
      print.Add(std::string("unreadable"));
    }
  }
  return Cat(Size(), " utterances in archives, fingerprint ", print.Value());
}

}  // namespace u2moe
