// From samples to words with times: features, encoder, segments, search, second pass.
//
//   TranscriberOptions opts;  opts.Register(&po);  ...  opts.Check();
//   const Transcriber transcriber(ctx, "final.safetensors", opts, po);
//   TranscriberSession session(transcriber, 44100, show);   // in each thread
//   while (more) session.Accept(samples);
//   session.Finish();
#ifndef U2MOE_PIPELINE_TRANSCRIBER_H_
#define U2MOE_PIPELINE_TRANSCRIBER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "decode/ctc-search.h"
#include "decode/rescoring.h"
#include "feat/live-features.h"
#include "model/asr-model.h"
#include "model/expert-options.h"
#include "modelfile/model-file.h"
#include "modelfile/quantize.h"
#include "pipeline/align-words.h"
#include "pipeline/encode-options.h"
#include "pipeline/endpointer.h"
#include "pipeline/feature-floor.h"
#include "pipeline/level-match.h"
#include "pipeline/model-scorer.h"
#include "pipeline/segmenter.h"
#include "pipeline/speech-gate.h"
#include "text/tokenizer.h"
#include "transcript/confidence-map.h"
#include "transcript/timed-words.h"

namespace u2moe {

struct TranscriberOptions {
  TranscriberOptions();

  EncodeOptions encode;  // streaming follows from the chunk size
  EndpointOptions endpoint;
  SpeechGateOptions gate;
  CtcSearchOptions search;
  RescoringOptions rescoring;
  bool rescore = true;
  bool match_level = true;
  float feature_floor = 3;  // deviations; 0: none
  PrecisionOptions precision;
  ExpertOptions experts;
  TokenizerOptions tokenizer;
  WordTimeOptions word_times;
  ConfidenceMapOption confidence_map;
  std::string units, fbank_config;  // in place of the model's

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// What all recordings and threads share: the model and what the search reads once.
class Transcriber {
 public:
  // po says which options were given: those that were not are fitted to the model (a chunk size
  // that it cannot stream with, a decoder that it has not). Throws DataError for a model that holds
  // no units or no feature options where the options do not give them, saying what to do, and what
  // reading models, units, language models and hot words throws.
  Transcriber(const Context &ctx, const std::string &model, TranscriberOptions opts,
              const OptionParser &po);

  std::string ToString() const;  // what it does, for the log

 private:
  friend class TranscriberSession;

  void FitChunkSize(const OptionParser &po);

  Context ctx_;
  TranscriberOptions opts_;
  ModelInfo info_;
  std::string precision_;
  std::unique_ptr<AsrModel> model_;
  std::unique_ptr<ModelScorer> scorer_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<const WordAligner> aligner_;
  GlobalCmvn cmvn_;
  std::unique_ptr<const FeatureFloor> floor_;
  std::unique_ptr<const SearchResource> search_;
  std::vector<int32_t> silence_tokens_;
  ConfidenceMap confidence_map_;
  FbankOptions fbank_;
  double frame_seconds_ = 0;  // from one encoder frame to the next
};

// One channel of one recording. Not for several threads at once.
class TranscriberSession {
 public:
  // Segments that hold words go to emit, as soon as they end, with words, times in seconds from the
  // first sample on, and neither names nor channel. transcriber must outlive the session. Throws
  // DataError for a rate that cannot be changed to that of the features.
  using Emit = std::function<void(TimedSegment)>;
  TranscriberSession(const Transcriber &transcriber, double audio_rate, Emit emit);
  TranscriberSession(const TranscriberSession &) = delete;
  TranscriberSession &operator=(const TranscriberSession &) = delete;

  // samples [1, n] in the int16 range, n >= 0. Throws DataError as LiveSession::Accept; then
  // nothing may follow.
  void Accept(ConstView samples);
  // The end. A recording too short for a frame has no segments. Nothing may follow.
  void Finish();

  double Seconds() const { return features_.Seconds(); }  // of audio, so far
  double GainDb() const { return level_.GainDb(); }       // by which it was raised
  // Segments in which something was heard that is no speech, by the gates.
  int64_t NumRefused() const { return num_refused_; }

 private:
  void Encode(Tensor feats);
  void Decode(const SpeechSegment &segment);

  const Transcriber &transcriber_;
  const Emit emit_;
  LiveFeatures features_;
  LevelMatch level_;
  std::unique_ptr<CtcSearch> search_;
  Segmenter segmenter_;
  int64_t num_refused_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_TRANSCRIBER_H_
