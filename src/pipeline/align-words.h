// Words with times from log-posteriors and tokens: alignment, words, corrected times and scores in
// one, for whatever has both.
#ifndef U2MOE_PIPELINE_ALIGN_WORDS_H_
#define U2MOE_PIPELINE_ALIGN_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "decode/ctc-align.h"
#include "decode/word-times.h"
#include "modelfile/model-file.h"
#include "tensor/view.h"
#include "text/tokenizer.h"
#include "transcript/timed-words.h"
#include "util/options.h"

namespace u2moe {

// Where the encoder frames of a model lie, from its feature options (compute-fbank-feats' defaults
// where it has none) and its subsampling.
FrameTimes FrameTimesOf(const ModelInfo &info);

// --frame-shift and --frame-center.
struct FrameTimeOptions {
  double shift = 0, center = -1;  // s; 0 and -1: the model's

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // Of a model file; for a unit table those of the options, else of a model of rate 4 with features
  // of 10 ms.
  FrameTimes Frames(const std::string &units_or_model) const;
};

struct AlignedWords {
  CtcAlignment alignment;
  std::vector<TokenWord> token_words;
  std::vector<WordFrames> frames;
  std::vector<WordScore> scores;
  // Times in seconds of the utterance. Confidences: of Align CtcWordPosteriors, of Place none.
  std::vector<TimedWord> words;
  double duration = 0;
};

// Const: threads may share one.
class WordAligner {
 public:
  // The tokenizer must outlive it.
  WordAligner(const Tokenizer *tokenizer, int32_t blank, const FrameTimes &frames,
              const WordTimeOptions &opts)
      : tokenizer_(*tokenizer), blank_(blank), frames_(frames), opts_(opts) {}

  // duration: seconds of the utterance; -1: as far as its frames reach. Throws DataError as
  // AlignCtc and Tokenizer::DecodeWords.
  AlignedWords Align(ConstView logp, const std::vector<int32_t> &tokens,
                     double duration = -1) const;
  // The words of an alignment that is known: all but their scores. Throws DataError as
  // Tokenizer::DecodeWords.
  AlignedWords Place(CtcAlignment alignment, double duration = -1) const;

  const FrameTimes &Frames() const { return frames_; }

 private:
  const Tokenizer &tokenizer_;
  int32_t blank_;
  FrameTimes frames_;
  WordTimeOptions opts_;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ALIGN_WORDS_H_
