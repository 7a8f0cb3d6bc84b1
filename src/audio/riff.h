// Headers of WAV files: RIFF, and RF64 for more than 4 GB.
#ifndef U2MOE_AUDIO_RIFF_H_
#define U2MOE_AUDIO_RIFF_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "audio/pcm.h"

namespace u2moe {

// Header sizes from here on mean "until the end": what programs write when they cannot seek back.
constexpr uint32_t kStreamMarker = 0x7fff0000;

// Little-endian numbers at p.
uint32_t GetUint16(const char *p);
uint32_t GetUint32(const char *p);
uint64_t GetUint64(const char *p);
void PutUint32(uint32_t v, char *p);

// Appends up to `count` bytes of the stream and returns how many there were. In blocks, since a
// broken header may ask for far more than there is.
uint64_t AppendBytes(std::istream &is, uint64_t count, std::string *bytes);

// What stands before the samples.
struct WavHeader {
  std::string bytes;                // all of it
  std::optional<PcmFormat> format;  // of uncompressed samples; nothing for other encodings
  std::string encoding;             // in words, for messages
  uint64_t data_size = 0;           // bytes of samples; not valid if size_unknown
  bool size_unknown = false;        // they last until the end of the stream
  uint64_t file_size = UINT64_MAX;  // with what follows the samples; UINT64_MAX: not known
};

// Whether the first 12 bytes of a file are those of a WAV file.
bool IsWav(const std::string &begin);

// Reads on up to the first sample, `begin` being the first 12 bytes. Other chunks are skipped. A
// data size of 0 is a marker where the whole file is announced as longer, or as 0 too. Throws
// DataError if the file ends before.
WavHeader ReadWavHeader(std::istream &is, const std::string &begin);

}  // namespace u2moe

#endif  // U2MOE_AUDIO_RIFF_H_
