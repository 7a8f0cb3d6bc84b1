#include "pipeline/transcriber.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/stage-clock.h"
#include "feat/feature-tool.h"
#include "modelfile/model-tokenizer.h"
#include "pipeline/encode.h"
#include "pipeline/rescoring-output.h"
#include "pipeline/search-units.h"

namespace u2moe {

TranscriberOptions::TranscriberOptions() {
  encode.chunk_size = 16;
  search.nbest = 10;
}

void TranscriberOptions::Register(OptionParser *po) {
  po->Register("chunk-size", &encode.chunk_size,
               "encoder frames per chunk, as of a live stream; -1: each segment as a whole, which "
               "takes twice the time and makes fewer errors. A model that cannot stream has -1");
  po->Register("num-left-chunks", &encode.num_left_chunks,
               "chunks to the left that attention sees, within a segment; -1: all");
  search.Register(po);
  po->RegisterInput("words", &search.wfst.words, "words.txt of --graph, for --allowed-words");
  po->Register("rescore", &rescore,
               "choose from the n-best list by the model's attention decoders as well");
  rescoring.RegisterWeights(po);
  endpoint.Register(po);
  gate.Register(po);
  po->Register(
      "match-level", &match_level,
      "recordings that are quieter than the model's training are raised to it, by one gain "
      "that the first 30 s with speech tell");
  po->Register("feature-floor", &feature_floor,
               "frames with features so many deviations below the mean of the model's training, as "
               "digital silence has, are raised to that; 0: as they are");
  tokenizer.Register(po, true);
  word_times.Register(po);
  confidence_map.Register(po);
  po->RegisterInput(
      "units", &units,
      "what the model's tokens stand for, lines 'unit id', in place of what it holds");
  po->RegisterInput("fbank-config", &fbank_config,
                    "configuration of compute-fbank-feats with which the model's features are "
                    "made, in place of what it holds");
  experts.Register(po);
  precision.Register(po);
}

void TranscriberOptions::Check() const {
  encode.Check();
  search.Check();
  rescoring.Check();
  endpoint.Check();
  gate.Check();
  if (!(feature_floor >= 0 && feature_floor < 1000))
    throw UsageError("--feature-floor=", feature_floor, ": must be a number from 0 up");
  tokenizer.Check();
  word_times.Check();
  precision.Check();
}

Transcriber::Transcriber(const Context &ctx, const std::string &model, TranscriberOptions opts,
                         const OptionParser &po)
    : ctx_(ctx), opts_(std::move(opts)) {
  info_ = ReadModelInfo(model);  // what is missing is said before weights are packed
  if (info_.units.empty() && opts_.units.empty()) {
    throw DataError(model,
                    ": the model does not hold its units, so its tokens cannot become text; "
                    "give the units.txt of its training: --units=units.txt");
  }
  if (!opts_.fbank_config.empty()) info_.features = ReadFbankConfig(opts_.fbank_config);
  if (info_.features.empty()) {
    throw DataError(model,
                    ": the model does not say which features it takes; give the "
                    "configuration of compute-fbank-feats of its training: "
                    "--fbank-config=conf/fbank.conf");
  }
  try {
    fbank_ = FbankOptionsOf(info_.features);
  } catch (const DataError &e) {
    throw DataError(model, ": ", e.what());
  }
  const std::string units = opts_.units.empty() ? model : opts_.units;
  tokenizer_ = OpenTokenizer(units, opts_.tokenizer, false);
  const int32_t size = tokenizer_->Units().Size();
  if (size != info_.config.vocab_size) {
    throw DataError(units, ": ", size, " units, but ", model, " has ", info_.config.vocab_size,
                    "; give those that it was trained with");
  }
  if (!po.WasGiven("blank")) opts_.search.blank = info_.config.blank;
  for (int32_t token = 0; token < size; ++token) {
    if (token == opts_.search.blank || tokenizer_->Decode({token}).empty())
      silence_tokens_.push_back(token);
  }
  FitChunkSize(po);
  search_ = MakeSearchResource(opts_.search,
                               SearchUnitsOptions{units, opts_.tokenizer}.Open(opts_.search));

  ModelInfo read;
  model_ = ReadModelForInference(ctx_, model, opts_.precision, &read, &precision_,
                                 opts_.rescore ? ModelPart::kAll : ModelPart::kEncoder);
  model_->SetPolicy(opts_.experts.Apply(model_->Config(), model_->Policy()));
  opts_.encode.CheckModel(model_->Config().encoder);
  if (opts_.rescore) {
    FitToModel(model_->HasRightDecoder(), po, &opts_.rescoring);
    scorer_ = std::make_unique<ModelScorer>(ctx_, *model_);
  }
  cmvn_ = GlobalCmvnOf(model_.get());
  floor_ = std::make_unique<FeatureFloor>(
      cmvn_, fbank_.use_log_fbank ? static_cast<double>(opts_.feature_floor) : 0);
  aligner_ = std::make_unique<WordAligner>(tokenizer_.get(), opts_.search.blank,
                                           FrameTimesOf(info_), opts_.word_times);
  confidence_map_ = opts_.confidence_map.Read();
  frame_seconds_ =
      FrameShiftSeconds(info_) * static_cast<double>(model_->Encoder().SubsamplingRate());
}

void Transcriber::FitChunkSize(const OptionParser &po) {
  const EncoderConfig &config = info_.config.encoder;
  if (!po.WasGiven("chunk-size") && !(config.causal && config.dynamic_chunk)) {
    opts_.encode.chunk_size = -1;
    LOG_INFO << "the model was not trained for streams: segments are encoded as wholes";
  }
  if (opts_.encode.chunk_size > 0 && !config.causal) {
    throw UsageError("--chunk-size=", opts_.encode.chunk_size,
                     ": this model's convolution looks ahead (causal=false), so it cannot stream; "
                     "leave the option out, or give --chunk-size=-1");
  }
  opts_.encode.streaming = opts_.encode.chunk_size > 0;
}

std::string Transcriber::ToString() const {
  return Cat(opts_.encode.ToString(), "; ", opts_.endpoint.ToString(), "; ",
             opts_.search.ToString(), "; ",
             opts_.rescore ? opts_.rescoring.ToString() : "no rescoring", "; ", precision_);
}

TranscriberSession::TranscriberSession(const Transcriber &transcriber, double audio_rate, Emit emit)
    : transcriber_(transcriber),
      emit_(std::move(emit)),
      features_(transcriber.fbank_, audio_rate, 0),
      level_(transcriber.cmvn_, transcriber.fbank_, transcriber.opts_.match_level),
      search_(transcriber.search_->NewSearch()),
      segmenter_(transcriber.ctx_, *transcriber.model_, transcriber.opts_.encode,
                 transcriber.opts_.endpoint, transcriber.frame_seconds_,
                 transcriber.silence_tokens_,
                 [this](const SpeechSegment &segment) { Decode(segment); }) {}

void TranscriberSession::Accept(ConstView samples) {
  Tensor feats;
  {
    const StageScope stage(Stage::kFeatures);
    feats = features_.Accept(samples);
  }
  Encode(level_.Accept(std::move(feats)));
}

void TranscriberSession::Encode(Tensor feats) {
  transcriber_.floor_->Apply(&feats);
  segmenter_.Accept(feats);
}

void TranscriberSession::Finish() {
  try {
    Encode(level_.Accept(features_.Flush()));
    Encode(level_.Flush());
  } catch (const DataError &) {
    // Flush() refuses only what is too short for a frame; other features were checked as they came.
    if (features_.Seconds() > 1) throw;
    return;
  }
  segmenter_.Finish();
}

void TranscriberSession::Decode(const SpeechSegment &segment) {
  const TranscriberOptions &opts = transcriber_.opts_;
  const int64_t frames = segment.logp.Rows();
  if (segment.first_sound < 0) return;  // silence
  const ConstView feats = segment.feats.RowRange(
      0, std::min(segment.feats.Rows(), transcriber_.model_->Encoder().WindowLength(frames)));
  if (LevelContrast(feats, transcriber_.fbank_) < static_cast<double>(opts.gate.min_contrast)) {
    ++num_refused_;
    return;
  }
  std::vector<CtcHypothesis> nbest;
  {
    const StageScope stage(Stage::kSearch);
    nbest = CtcDecode(segment.logp, opts.search.nbest, search_.get());
  }
  size_t best = 0;
  if (transcriber_.scorer_ && nbest.size() > 1) {
    std::vector<std::vector<int32_t>> hyps;
    std::vector<double> scores;
    for (const CtcHypothesis &h : nbest) {
      hyps.push_back(h.tokens);
      scores.push_back(h.Score());
    }
    best = static_cast<size_t>(
        Combine(opts.rescoring, ScoreContenders(*transcriber_.scorer_, {opts.rescoring},
                                                segment.encoder_out, hyps, scores))[0]
            .index);
  }
  const CtcHypothesis &chosen = nbest[best];
  TimedSegment out;
  const double length = static_cast<double>(frames) * transcriber_.frame_seconds_;
  out.words = transcriber_.aligner_->Align(segment.logp, chosen.tokens, length).words;
  if (out.words.empty()) return;
  transcriber_.confidence_map_.Apply(&out.words);
  if (MeanPosterior(segment.logp, chosen.tokens, chosen.times) <
      static_cast<double>(opts.gate.min_posterior)) {
    ++num_refused_;
    return;
  }
  // Without most of the silence around.
  constexpr double kMoment = 0.5;
  const double begin = static_cast<double>(segment.begin) * transcriber_.frame_seconds_,
               end = begin + length;
  const auto at = [&](int64_t frame) {
    return begin + static_cast<double>(frame) * transcriber_.frame_seconds_;
  };
  for (TimedWord &word : out.words) {
    word.begin += begin;
    word.end += begin;
  }
  out.begin = std::max(begin, std::min(at(segment.first_sound) - kMoment, out.words[0].begin));
  out.end = std::min(end, std::max(at(segment.last_sound + 1) + kMoment, out.words.back().end));
  emit_(std::move(out));
}

}  // namespace u2moe
