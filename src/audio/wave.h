// Audio in memory, and reading and writing it through libsndfile.
#ifndef U2MOE_AUDIO_WAVE_H_
#define U2MOE_AUDIO_WAVE_H_

#include <cmath>
#include <cstdint>
#include <istream>
#include <ostream>
#include <string>

#include "tensor/tensor.h"

namespace u2moe {

struct WaveData {
  float sample_rate = 0;  // Hz
  Tensor samples;         // [channels, n], in the int16 range whatever the file's encoding

  int64_t NumChannels() const { return samples.Rows(); }
  int64_t NumSamples() const { return samples.Cols(); }
  double Duration() const { return static_cast<double>(NumSamples()) / sample_rate; }  // s
};

// Whether a sample is a number that some recorder could have written.
inline bool IsSample(float x) { return std::abs(x) < 1e12f; }  // false for NaN

// Reads one audio file of any format that libsndfile knows (WAV, FLAC, Ogg, AIFF, NIST SPHERE...).
// A WAV file is read up to its end as its header says, so that several can follow one another in an
// archive; its sizes may be the markers that programs write into pipes. Other formats are read to
// the end of the stream. Throws DataError, saying which, if there is nothing to read, if it is no
// audio, broken, cut off, without samples, or has samples that are not numbers.
WaveData ReadAudio(std::istream &is);

struct AudioInfo {
  float sample_rate = 0;  // Hz
  int64_t num_channels = 0, num_samples = 0;

  double Duration() const { return static_cast<double>(num_samples) / sample_rate; }  // s
};

// What ReadAudio would find, and the same bytes taken from the stream. Of an uncompressed WAV file
// only the header is looked at, and its samples are counted where a pipe's does not tell how many
// they are; nothing of them is held. Any other file is decoded. Throws DataError as ReadAudio, but
// for what is wrong with samples that were not looked at; a file that ends too early is noticed
// unless only what follows the samples is missing.
AudioInfo ReadAudioInfo(std::istream &is);

// Writes a 16-bit WAV file; samples are rounded, and cut to the int16 range: audio/sample-loss.h
// tells how many. Throws DataError for more than 2 GB and for a rate that is no whole number.
void WriteWav(const WaveData &wave, std::ostream &os);

// A sampling rate with all its digits, for messages: "2000000".
std::string RateText(float rate);

// Throws DataError unless wave is sampled at `wanted` Hz; the message says how to resample.
void CheckSampleRate(const WaveData &wave, float wanted);

// A channel from 0; -1 stands for the only one. Throws DataError if there are several and -1 is
// asked for, or if there is no such channel.
int64_t ChannelIndex(int64_t num_channels, int32_t channel);

// The samples [1, n] of the channel that ChannelIndex chooses.
ConstView SelectChannel(const WaveData &wave, int32_t channel);

}  // namespace u2moe

#endif  // U2MOE_AUDIO_WAVE_H_
