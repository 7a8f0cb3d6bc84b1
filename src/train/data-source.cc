#include "train/data-source.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/rng.h"

namespace u2moe {

std::vector<int64_t> DataSource::Lengths() const {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < Size(); ++i) lengths.push_back(NumFrames(i));
  return lengths;
}

void Fingerprint::Add(const void *data, int64_t num_bytes) {
  const char *bytes = static_cast<const char *>(data);
  for (int64_t i = 0; i < num_bytes; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, static_cast<size_t>(std::min<int64_t>(8, num_bytes - i)));
    value_ = Mix64(value_ ^ word);
  }
  value_ = Mix64(value_ ^ static_cast<uint64_t>(num_bytes));
}

std::shared_ptr<const TrainUtterance> MemorySource::Load(int64_t i) const {
  return {std::shared_ptr<const TrainUtterance>(), &At(i)};
}

std::string MemorySource::Describe() const {
  Fingerprint print;
  for (const TrainUtterance &u : utterances_) {
    print.Add(u.key);
    print.Add(u.feats);
    print.Add(u.labels);
    if (u.tag >= 0) print.Add(std::vector<int32_t>{u.tag});
  }
  return Cat(Size(), " utterances, fingerprint ", print.Value());
}

}  // namespace u2moe
