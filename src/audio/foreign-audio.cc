#include "audio/foreign-audio.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

using namespace std::string_view_literals;

struct Signature {
  size_t offset;
  std::string_view bytes;
  const char *name;
};

// Formats that hold audio, for a program that decodes them.
constexpr Signature kCoded[] = {{0, "ID3"sv, "MP3"},
                                {0, "\xff\xfb"sv, "MP3"},
                                {0, "\xff\xf3"sv, "MP3"},
                                {0, "\xff\xf2"sv, "MP3"},
                                {0, "\xff\xfa"sv, "MP3"},
                                {0, "\xff\xf1"sv, "AAC"},
                                {0, "\xff\xf9"sv, "AAC"},
                                {4, "ftyp"sv, "MP4 (as .m4a, .mp4 and .3gp are)"},
                                {0, "\x1a\x45\xdf\xa3"sv, "Matroska or WebM"},
                                {0, "\x30\x26\xb2\x75"sv, "Windows Media"},
                                {0, "#!AMR"sv, "AMR"},
                                {0, "OggS"sv, "Ogg, of a codec that it does not know or broken"},
                                {0, "fLaC"sv, "FLAC, but broken"},
                                {0, "FORM"sv, "AIFF, but broken"},
                                {0, "MThd"sv, "MIDI, notes instead of sound"},
                                {8, "AVI "sv, "AVI"},
                                {0, ".RMF"sv, "RealMedia"},
                                {0, "FLV"sv, "Flash video"}};

// Packed files, by the command that unpacks them.
constexpr Signature kPacked[] = {{0, "\x1f\x8b"sv, "gunzip -c"},
                                 {0, "BZh"sv, "bunzip2 -c"},
                                 {0, "\xfd\x37zXZ"sv, "xz -dc"},
                                 {0, "\x28\xb5\x2f\xfd"sv, "zstd -dc"},
                                 {0, "PK\x03\x04"sv, "unzip -p"}};

const Signature *Find(const Signature *begin, const Signature *end, std::string_view bytes) {
  const Signature *found = std::find_if(begin, end, [&](const Signature &s) {
    return bytes.size() >= s.offset && StartsWith(bytes.substr(s.offset), s.bytes);
  });
  return found == end ? nullptr : found;
}

bool IsText(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
}

}  // namespace

std::string DescribeForeignAudio(const std::string &bytes) {
  const std::string_view all = bytes, head = all.substr(0, 1000);
  const auto matches = [&](const auto &list) {
    return Find(std::begin(list), std::end(list), all);
  };
  if (const Signature *packed = matches(kPacked)) {
    return Cat("it is a packed file; unpack it, in wav.scp with: ", packed->name, " FILE |");
  }
  if (StartsWith(all, "\x93NUMPY")) {
    return "it is a NumPy array; save its samples as WAV, or as they are for wav-copy --raw-pcm";
  }
  const std::string convert = "convert it, in wav.scp for example with: ffmpeg -i FILE -f wav - |";
  const std::string raw =
      "if these are samples without a header, say which with --raw-pcm=s16le:16000:1, in wav.scp "
      "with: wav-copy --raw-pcm=s16le:16000:1 FILE - |";
  if (const Signature *coded = matches(kCoded)) {
    // Two bytes may be those of samples as well.
    const bool sure = coded->bytes.size() > 2;
    return Cat("it seems to be ", coded->name, "; ", convert, sure ? "" : "; ", sure ? "" : raw);
  }
  if (StartsWith(all, "RIFF") || StartsWith(all, "RF64")) {
    return all.size() < 44 ? "it is a WAV file that was cut off; copy or convert it again"
                           : "its encoding is unknown here or its header broken; " + convert;
  }
  if (IsText(head)) {
    if (StartsWith(head, "version https://git-lfs")) {
      return "it is a placeholder of Git LFS; fetch the file itself with: git lfs pull";
    }
    std::string line(Trim(head.substr(0, std::min(head.find('\n'), head.size()))));
    return Cat("it is text, which begins '", Printable(line.substr(0, 60)),
               "'; did a download or the command that writes it fail, or is it a list?");
  }
  return raw + "; if it is audio of another format, " + convert;
}

}  // namespace u2moe
