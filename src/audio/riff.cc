#include "audio/riff.h"

#include <algorithm>

#include "base/error.h"

namespace u2moe {
namespace {

// From the content of a "fmt " chunk of at least 16 bytes.
void ParseFormat(const char *p, uint64_t size, WavHeader *header) {
  constexpr uint32_t kPcm = 1, kFloat = 3, kExtensible = 0xfffe;
  uint32_t tag = GetUint16(p);
  // The extensible form has the tag in the first bytes of its 16-byte sub-format.
  if (tag == kExtensible && size >= 26) tag = GetUint16(p + 24);
  const uint32_t bits = GetUint16(p + 14);
  header->encoding = Cat(tag == kPcm     ? std::string("PCM")
                         : tag == kFloat ? std::string("float")
                                         : Cat("WAVE format ", tag),
                         " with ", bits, " bits");
  using Encoding = PcmFormat::Encoding;
  PcmFormat format;
  if (tag == kPcm && bits == 8) {
    format.encoding = Encoding::kU8;
  } else if (tag == kPcm && bits == 16) {
    format.encoding = Encoding::kS16;
  } else if (tag == kPcm && bits == 24) {
    format.encoding = Encoding::kS24;
  } else if (tag == kPcm && bits == 32) {
    format.encoding = Encoding::kS32;
  } else if (tag == kFloat && bits == 32) {
    format.encoding = Encoding::kF32;
  } else if (tag == kFloat && bits == 64) {
    format.encoding = Encoding::kF64;
  } else {
    return;
  }
  const uint32_t channels = GetUint16(p + 2), rate = GetUint32(p + 4);
  if (channels < 1 || channels > 1024 || rate < 1 || rate > 100000000) return;
  format.channels = static_cast<int32_t>(channels);
  format.sample_rate = static_cast<int32_t>(rate);
  if (GetUint16(p + 12) == format.FrameBytes()) header->format = format;
}

}  // namespace

uint32_t GetUint16(const char *p) {
  const unsigned char *b = reinterpret_cast<const unsigned char *>(p);
  return b[0] | (static_cast<uint32_t>(b[1]) << 8);
}

uint32_t GetUint32(const char *p) { return GetUint16(p) | (GetUint16(p + 2) << 16); }

uint64_t GetUint64(const char *p) {
  return GetUint32(p) | (static_cast<uint64_t>(GetUint32(p + 4)) << 32);
}

void PutUint32(uint32_t v, char *p) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<char>(v >> (8 * i));
}

uint64_t AppendBytes(std::istream &is, uint64_t count, std::string *bytes) {
  const size_t begin = bytes->size();
  while (count > 0 && is) {
    const size_t old = bytes->size();
    const uint64_t block = std::min<uint64_t>(count, 1 << 20);
    bytes->resize(old + block);
    is.read(&(*bytes)[old], static_cast<std::streamsize>(block));
    const uint64_t got = static_cast<uint64_t>(is.gcount());
    bytes->resize(old + got);
    count -= got;
  }
  return bytes->size() - begin;
}

bool IsWav(const std::string &begin) {
  return begin.size() == 12 && begin.compare(8, 4, "WAVE") == 0 &&
         (begin.compare(0, 4, "RIFF") == 0 || begin.compare(0, 4, "RF64") == 0);
}

WavHeader ReadWavHeader(std::istream &is, const std::string &begin) {
  WavHeader header;
  header.bytes = begin;
  std::string &bytes = header.bytes;
  const bool is_long = begin.compare(0, 4, "RF64") == 0;
  uint64_t riff_size = GetUint32(&bytes[4]), long_size = 0;
  bool riff_size_known = riff_size < kStreamMarker;
  for (;;) {
    const size_t chunk = bytes.size();
    if (AppendBytes(is, 8, &bytes) < 8) {
      throw DataError("the WAV file ends after ", bytes.size(),
                      " bytes, before any samples; it was cut off");
    }
    const std::string name = bytes.substr(chunk, 4);
    const uint32_t size = GetUint32(&bytes[chunk + 4]);
    if (name == "data") {
      const bool really_empty = riff_size != 0 && riff_size + 8 <= bytes.size();
      header.data_size = is_long && size >= kStreamMarker ? long_size : size;
      header.size_unknown =
          is_long && long_size > 0 ? false : size >= kStreamMarker || (size == 0 && !really_empty);
      if (riff_size_known && !header.size_unknown) header.file_size = riff_size + 8;
      return header;
    }
    const uint64_t got = AppendBytes(is, size, &bytes);
    if (got < size) {
      throw DataError("the WAV file was cut off: its header announces ", size, " bytes of '", name,
                      "', but only ", got, " follow; copy or convert it again");
    }
    const char *content = bytes.data() + chunk + 8;
    if (name == "fmt " && size >= 16) ParseFormat(content, size, &header);
    if (name == "ds64" && is_long && size >= 16) {
      riff_size = GetUint64(content);
      long_size = GetUint64(content + 8);
      riff_size_known = riff_size > 0 && riff_size < UINT64_MAX / 2;
      if (long_size >= UINT64_MAX / 2) long_size = 0;
    }
    if (size % 2 != 0) AppendBytes(is, 1, &bytes);  // chunks begin at even places
  }
}

}  // namespace u2moe
