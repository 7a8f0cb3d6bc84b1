// What compute-fbank-feats and compute-mfcc-feats share: from a table of audio to a table of
// features.
#ifndef U2MOE_FEAT_COMPUTE_FEATS_H_
#define U2MOE_FEAT_COMPUTE_FEATS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "audio/audio-reader.h"
#include "feat/mel.h"
#include "table/kaldi-tables.h"
#include "table/utterance-loop.h"
#include "tensor/tensor.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {

// How HTK's header describes features.
struct HtkHeader {
  int32_t period = 0;  // 100 ns
  uint16_t kind = 0;
};

// The options that are not about one frame.
struct ComputeFeatsOptions {
  int64_t seed = 0;
  AudioOptions audio;
  std::string output_format = "kaldi";  // or "htk"
  bool subtract_mean = false;
  std::string write_utt2dur;
  float vtln_warp = 1;
  std::string vtln_map, utt2spk;
  ThreadOptions threads;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// A table of features in options.output_format.
class FeatureWriter {
 public:
  FeatureWriter(const ComputeFeatsOptions &opts, const HtkHeader &htk,
                const std::string &wspecifier);

  void Write(const std::string &key, Tensor feats);
  void Close();

 private:
  HtkHeader header_;
  std::optional<MatrixWriter> kaldi_;
  std::optional<HtkMatrixWriter> htk_;
};

// Features of samples [1, n] with a seed for the dither and a VTLN warp; used by one thread at a
// time.
using FeatureFn = std::function<Tensor(ConstView samples, uint64_t dither_seed, float vtln_warp)>;

// Reads audio, at sample_frequency Hz, from wav_rspecifier, writes features to feats_wspecifier and
// returns the exit status. make() is called for each thread. The output does not depend on the
// number of threads, nor an utterance's features on the others.
int ComputeFeats(const ComputeFeatsOptions &opts, float sample_frequency, const HtkHeader &htk,
                 const std::function<FeatureFn()> &make, const std::string &wav_rspecifier,
                 const std::string &feats_wspecifier, SpeedReport *speed, UtteranceTally *tally);

// The same with an Fbank or Mfcc of the options `extractor`.
template <class Extractor, class ExtractorOptions>
int ComputeFeatsWith(const ExtractorOptions &extractor, const ComputeFeatsOptions &opts,
                     const std::string &wav_rspecifier, const std::string &feats_wspecifier,
                     SpeedReport *speed, UtteranceTally *tally) {
  const auto make = [&]() -> FeatureFn {
    auto one = std::make_shared<Extractor>(extractor);
    return [one](ConstView samples, uint64_t seed, float warp) {
      return one->Compute(samples, seed, warp);
    };
  };
  const HtkHeader htk{extractor.frame.HtkPeriod(), extractor.HtkKind()};
  return ComputeFeats(opts, extractor.frame.sample_frequency, htk, make, wav_rspecifier,
                      feats_wspecifier, speed, tally);
}

}  // namespace u2moe

#endif  // U2MOE_FEAT_COMPUTE_FEATS_H_
