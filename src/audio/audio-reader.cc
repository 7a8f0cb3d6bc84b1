#include "audio/audio-reader.h"

#include <utility>

#include "base/error.h"

namespace u2moe {

void AudioOptions::Register(OptionParser *po) {
  po->Register("channel", &channel, "channel to use, from 0; -1: the only one");
  po->Register("min-duration", &min_duration, "skip audio shorter than this, in seconds");
  rate.Register(po);
  po->RegisterInput(
      "segments", &segments,
      "file of lines 'utterance recording start end [channel]': the utterances are these "
      "parts of the recordings");
  segment.Register(po);
  po->Register("raw-pcm", &raw_pcm,
               "the audio has no header: encoding, rate and channels of its samples, as in "
               "s16le:16000:1");
}

void AudioOptions::Check() const {
  if (channel < -1) throw UsageError("--channel=", channel, ": expected -1 or a channel from 0");
  if (!(min_duration >= 0))
    throw UsageError("--min-duration=", min_duration, ": expected 0 or more");
  segment.Check();
  if (raw_pcm.empty()) return;
  PcmFormat::Parse(raw_pcm);
  if (!segments.empty()) {
    throw UsageError("--raw-pcm goes without --segments; give the samples a header with wav-copy");
  }
}

AudioReader::AudioReader(const AudioOptions &opts, const std::string &wav_rspecifier,
                         float sample_frequency)
    : opts_(opts), sample_frequency_(sample_frequency) {
  opts.Check();
  if (!opts.raw_pcm.empty()) {
    raw_ = PcmFormat::Parse(opts.raw_pcm);
    CheckRawTable(wav_rspecifier);
    raw_recordings_ = std::make_unique<SequentialBytesReader>(wav_rspecifier);
  } else if (opts.segments.empty()) {
    recordings_ = std::make_unique<SequentialWaveReader>(wav_rspecifier);
  } else {
    by_recording_ = std::make_unique<RandomAccessWaveReader>(wav_rspecifier);
    segments_ = std::make_unique<SegmentReader>(opts.segments);
    segments_done_ = !segments_->Next();
  }
}

AudioReader::~AudioReader() = default;

bool AudioReader::Done() const {
  return segments_ ? segments_done_ : raw_ ? raw_recordings_->Done() : recordings_->Done();
}

void AudioReader::Next() {
  if (segments_) {
    segments_done_ = !segments_->Next();
  } else if (raw_) {
    raw_recordings_->Next();
  } else {
    recordings_->Next();
  }
}

const std::string &AudioReader::Key() const {
  return segments_ ? segments_->Key() : raw_ ? raw_recordings_->Key() : recordings_->Key();
}

std::string AudioReader::Where() const {
  if (segments_) return segments_->Where();
  return raw_ ? raw_recordings_->Where() : recordings_->Where();
}

AudioUtterance AudioReader::Value() {
  if (raw_) return Deliver(ReadPcm(*raw_, raw_recordings_->Take()));
  if (!segments_) return Deliver(recordings_->Take());
  Segment segment = segments_->Value();
  if (segment.channel < 0) segment.channel = opts_.channel;
  const WaveData &wave = by_recording_->Value(segment.recording);
  return Deliver(CutSegment(opts_.segment, segment, wave), wave.sample_rate);
}

AudioUtterance AudioReader::Deliver(ConstView samples, float rate) const {
  AudioUtterance utterance;
  utterance.duration = static_cast<double>(samples.Cols()) / rate;
  utterance.too_short = utterance.duration < opts_.min_duration;
  if (!utterance.too_short) {
    utterance.samples = opts_.rate.ToRate(samples, rate, sample_frequency_);
  }
  return utterance;
}

AudioUtterance AudioReader::Deliver(WaveData wave) const {
  const ConstView samples = SelectChannel(wave, opts_.channel);
  const bool as_it_is = wave.NumChannels() == 1 && wave.sample_rate == sample_frequency_ &&
                        wave.Duration() >= opts_.min_duration;
  if (!as_it_is) return Deliver(samples, wave.sample_rate);
  const double duration = wave.Duration();
  return {std::move(wave.samples), duration, false};  // a long recording is not held twice
}

void AudioReader::Close() {
  if (recordings_) recordings_->Close();
  if (raw_recordings_) raw_recordings_->Close();
}

}  // namespace u2moe
