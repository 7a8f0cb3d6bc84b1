#include "pipeline/alignment-tool.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "modelfile/model-tokenizer.h"
#include "transcript/ctm-reader.h"
#include "util/text.h"

namespace u2moe {
namespace {

// A matrix of one row per item.
template <class Item, class Fill>
Tensor Table(const std::vector<Item> &items, int64_t columns, const Fill &fill) {
  Tensor table(static_cast<int64_t>(items.size()), items.empty() ? 0 : columns);
  for (size_t i = 0; i < items.size(); ++i)
    fill(items[i], table.View().Row(static_cast<int64_t>(i)));
  return table;
}

}  // namespace

void TimedWordOptions::Register(OptionParser *po) {
  transcript.Register(po);
  times.Register(po);
  confidence_map.Register(po);
  tokenizer.Register(po, true);
  frame_times.Register(po);
  po->Register("blank", &blank, "id of the blank");
  po->RegisterInput("segments", &segments,
                    "Kaldi's segments file: times become those of its recordings");
}

void TimedWordOptions::Check() const {
  transcript.Check();
  times.Check();
  tokenizer.Check();
  frame_times.Check();
  if (blank < 0) throw UsageError("--blank=", blank, ": must be from 0 up");
}

void AlignmentOptions::Register(OptionParser *po) {
  TimedWordOptions::Register(po);
  po->Register(
      "tokens", &tokens,
      "the transcripts are token ids, int32 vectors as text-to-tokens and ctc-decode write "
      "them");
  po->Register("peaks", &peaks,
               "times as CTC has them, from the peak of a word's first token to that of its last; "
               "nothing is corrected");
  po->RegisterInput(
      "reference", &reference,
      "CTM file with the true times of the same words, to tell how far these are off");
  po->Register("fit", &fit,
               "find the offsets and shares that fit the reference, which should be a development "
               "set's, and write them in place of a transcript, for --config");
  po->RegisterOutput("alignment", &alignment,
                     "wspecifier for the token of each row, the blank among them, int32 vectors");
  po->RegisterOutput(
      "token-scores", &token_scores,
      "wspecifier for float matrices of a row per token: first row, the row after the "
      "last, peak, log-probability per row, probability in the peak");
  po->RegisterOutput(
      "word-scores", &word_scores,
      "wspecifier for float matrices of a row per word: log-probability per row, and "
      "the geometric mean of its tokens' probabilities in their peaks");
}

void AlignmentOptions::Check() const {
  TimedWordOptions::Check();
  if (fit && reference.empty()) {
    throw UsageError("--fit needs --reference=CTM, the true times of a development set");
  }
}

AlignmentTexts::AlignmentTexts(const AlignmentOptions &opts, const Tokenizer *tokenizer,
                               const std::string &rspecifier)
    : tokenizer_(*tokenizer) {
  if (opts.tokens) {
    tokens_ = std::make_unique<RandomAccessInt32VectorReader>(rspecifier);
  } else {
    words_ = std::make_unique<RandomAccessTokenVectorReader>(rspecifier);
  }
}

AlignmentTexts::Text AlignmentTexts::Read(const std::string &utterance) {
  Text text;
  if (tokens_) {
    text.tokens = tokens_->Value(utterance);
  } else {
    text.words = words_->Value(utterance);
    text.tokens = tokenizer_.Encode(text.words, -1);
  }
  return text;
}

UtterancePlaces::UtterancePlaces(const std::string &segments) : name_(segments) {
  if (segments.empty()) return;
  for (SegmentReader reader(segments); reader.Next();) {
    try {
      Segment segment = reader.Value();
      segments_[segment.utterance] = std::move(segment);
    } catch (const DataError &e) {
      LOG_WARN << reader.Where() << ": " << e.what();
    }
  }
}

Segment UtterancePlaces::Find(const std::string &utterance) const {
  if (name_.empty()) {
    Segment whole;
    whole.utterance = whole.recording = utterance;
    whole.end = -1;
    return whole;
  }
  const auto found = segments_.find(utterance);
  if (found == segments_.end()) throw DataError("not in the segments of ", name_);
  return found->second;
}

TimedSegment SegmentAt(const Segment &place, const std::string &utterance, double duration,
                       std::vector<TimedWord> words) {
  TimedSegment segment;
  segment.recording = place.recording;
  segment.utterance = utterance;
  segment.channel = place.channel < 0 ? 1 : place.channel + 1;
  segment.words = std::move(words);
  const double end = place.end >= 0 ? place.end : place.start + duration;
  ShiftToRecording(place.start, end, &segment);
  return segment;
}

AlignmentOutput::AlignmentOutput(const AlignmentOptions &opts, const std::string &out)
    : opts_(opts), confidence_map_(opts.confidence_map.Read()), out_(out) {
  if (!opts.reference.empty()) reference_ = ReadCtm(opts.reference);
  if (!opts.fit) transcript_ = std::make_unique<TranscriptFiles>(opts.transcript, out);
  if (!opts.alignment.empty()) alignment_ = std::make_unique<Int32VectorWriter>(opts.alignment);
  if (!opts.token_scores.empty()) token_scores_ = std::make_unique<MatrixWriter>(opts.token_scores);
  if (!opts.word_scores.empty()) word_scores_ = std::make_unique<MatrixWriter>(opts.word_scores);
}

std::vector<TimedWord> AlignmentOutput::ReferenceWords(const Segment &place) const {
  const auto found = reference_.find(place.recording);
  if (found == reference_.end()) {
    throw DataError("no words of the recording '", Printable(place.recording), "' in ",
                    opts_.reference);
  }
  std::vector<TimedWord> words;
  for (TimedWord word : found->second) {
    const double middle = (word.begin + word.end) / 2;
    if (middle < place.start || (place.end >= 0 && middle >= place.end)) continue;
    word.begin -= place.start;
    word.end -= place.start;
    words.push_back(std::move(word));
  }
  return words;
}

void AlignmentOutput::Write(const std::string &utterance, const Segment &place,
                            const AlignmentTexts::Text &text, AlignedWords aligned,
                            const FrameTimes &frames) {
  if (text.words.size() == aligned.words.size()) {
    for (size_t i = 0; i < text.words.size(); ++i) aligned.words[i].text = text.words[i];
  }
  std::vector<TimedWord> peaks = aligned.words;
  SetPeakTimes(aligned.alignment, aligned.token_words, frames, &peaks);
  if (opts_.peaks) aligned.words = peaks;
  if (!opts_.reference.empty()) {
    Fitted f = {aligned.frames, aligned.words, ReferenceWords(place), aligned.duration};
    fitter_.Add(aligned.words, aligned.frames, f.reference);
    peak_errors_.Add(peaks, f.reference);
    errors_.Add(aligned.words, f.reference);
    if (opts_.fit) fitted_.push_back(std::move(f));
  }
  if (transcript_) {
    confidence_map_.Apply(&aligned.words);
    transcript_->Write(SegmentAt(place, utterance, aligned.duration, aligned.words));
  }
  WriteTables(utterance, aligned);
}

void AlignmentOutput::WriteTables(const std::string &utterance, const AlignedWords &aligned) {
  if (alignment_) alignment_->Write(utterance, aligned.alignment.Path(opts_.blank));
  if (token_scores_) {
    token_scores_->Write(
        utterance, Table(aligned.alignment.tokens, 5, [](const AlignedToken &token, float *row) {
          row[0] = static_cast<float>(token.begin);
          row[1] = static_cast<float>(token.end);
          row[2] = static_cast<float>(token.peak);
          row[3] = static_cast<float>(token.log_prob);
          row[4] = static_cast<float>(std::min(1.0, std::exp(token.peak_log_prob)));
        }));
  }
  if (word_scores_) {
    word_scores_->Write(utterance, Table(aligned.scores, 2, [](const WordScore &score, float *row) {
                          row[0] = static_cast<float>(score.log_prob);
                          row[1] = static_cast<float>(score.posterior);
                        }));
  }
}

void AlignmentOutput::Close() {
  if (!opts_.reference.empty() && fitter_.NumWords() > 0) {
    LOG_INFO << "peaks of CTC, " << peak_errors_.ToString();
    LOG_INFO << "these times, " << errors_.ToString();
  }
  if (opts_.fit) {
    const WordTimeOptions fitted = fitter_.Fit();
    WordTimeErrors left;
    for (Fitted &f : fitted_) {
      SetWordTimes(f.frames, fitted, f.duration, &f.words);
      left.Add(f.words, f.reference);
    }
    LOG_INFO << "with what was fitted, " << left.ToString();
    Output output(out_);
    output.Stream() << "# Times of words, fitted by ctc-align to " << fitter_.NumWords()
                    << " words of " << opts_.reference << "\n# " << left.ToString() << '\n'
                    << fitted.ToConfig();
    output.Close();
  }
  if (transcript_) transcript_->Close();
  if (alignment_) alignment_->Close();
  if (token_scores_) token_scores_->Close();
  if (word_scores_) word_scores_->Close();
}

}  // namespace u2moe
