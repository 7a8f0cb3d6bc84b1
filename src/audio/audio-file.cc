#include "audio/audio-file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <istream>
#include <sstream>
#include <utility>
#include <vector>

#include "audio/foreign-audio.h"
#include "audio/riff.h"
#include "audio/sndfile-reader.h"
#include "base/error.h"
#include "base/log.h"
#include "util/fd-stream.h"
#include "util/io.h"
#include "util/options.h"
#include "util/places.h"
#include "util/text.h"

namespace u2moe {

class AudioFile::Source {
 public:
  virtual ~Source() = default;
  virtual float SampleRate() const = 0;
  virtual int64_t NumChannels() const = 0;
  virtual double Seconds() const = 0;
  virtual bool Read(Tensor *samples) = 0;
};

namespace {

// Bytes of a file of any name, of standard input or of a command.
class Bytes {
 public:
  Bytes(const std::string &name, bool is_file) {
    if (!is_file) {
      input_ = std::make_unique<Input>(name);
      return;
    }
    fd_.Reset(open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd_.Get() < 0) throw DataError("cannot open ", name, ": ", std::strerror(errno));
    struct stat st;
    if (fstat(fd_.Get(), &st) != 0)
      throw DataError("cannot read ", name, ": ", std::strerror(errno));
    Place place;
    if (!S_ISREG(st.st_mode)) place = FindPlace(name, true);
    place.Set(st);
    PlaceRegister::Read(name, place);
    buffer_ = std::make_unique<FdStreambuf>(fd_.Get());
    stream_.rdbuf(buffer_.get());
  }
  std::istream &Stream() { return input_ ? input_->Stream() : stream_; }
  // After all was read. Throws DataError where that failed, or the command did.
  void Finish() {
    try {
      if (input_) input_->Finish();
    } catch (const PlaceError &) {
      throw;
    } catch (const Error &e) {
      throw DataError(e.what());
    }
    if (buffer_ && buffer_->LastError() != 0)
      throw DataError("cannot read it: ", std::strerror(buffer_->LastError()));
  }

 private:
  std::unique_ptr<Input> input_;
  OwnedFd fd_;
  std::unique_ptr<FdStreambuf> buffer_;
  std::istream stream_{nullptr};
};

// Uncompressed samples of a WAV file, decoded as they come.
class WavSource : public AudioFile::Source {
 public:
  WavSource(std::unique_ptr<Bytes> bytes, const WavHeader &header)
      : bytes_(std::move(bytes)), format_(*header.format) {
    if (!header.size_unknown) left_ = header.data_size;
    seconds_ = header.size_unknown ? -1
                                   : static_cast<double>(left_ / FrameBytes()) /
                                         static_cast<double>(format_.sample_rate);
  }
  float SampleRate() const override { return static_cast<float>(format_.sample_rate); }
  int64_t NumChannels() const override { return format_.channels; }
  double Seconds() const override { return seconds_; }

  bool Read(Tensor *samples) override {
    const uint64_t want = std::min(left_, AudioFile::kBlock * FrameBytes());
    std::string block;
    const uint64_t got = AppendBytes(bytes_->Stream(), want, &block);
    if (left_ != UINT64_MAX) left_ -= got;
    const int64_t n = static_cast<int64_t>(got / FrameBytes());
    if (n == 0) {
      bytes_->Finish();
      if (left_ != UINT64_MAX && got < want) {
        throw DataError("the audio was cut off: its header announces ", left_,
                        " bytes more; copy or convert it again");
      }
      if (!any_) throw DataError("the audio file holds no samples");
      return false;
    }
    any_ = true;
    *samples = Tensor(format_.channels, n);
    for (int64_t c = 0; c < format_.channels; ++c)
      DecodePcm(format_, block.data(), n, c, samples->View().Row(c));
    return true;
  }

 private:
  uint64_t FrameBytes() const { return static_cast<uint64_t>(format_.FrameBytes()); }

  std::unique_ptr<Bytes> bytes_;
  PcmFormat format_;
  uint64_t left_ = UINT64_MAX;  // bytes; UINT64_MAX: until the end
  double seconds_;
  bool any_ = false;
};

class SndfileSource : public AudioFile::Source {
 public:
  explicit SndfileSource(std::unique_ptr<SndfileReader> reader) : reader_(std::move(reader)) {}
  float SampleRate() const override { return static_cast<float>(reader_->SampleRate()); }
  int64_t NumChannels() const override { return reader_->NumChannels(); }
  double Seconds() const override {
    return reader_->NumFrames() < 0
               ? -1
               : static_cast<double>(reader_->NumFrames()) / reader_->SampleRate();
  }
  bool Read(Tensor *samples) override {
    const int64_t n = reader_->Read(AudioFile::kBlock, &block_), channels = NumChannels();
    if (n == 0) return false;
    *samples = Tensor(channels, n);
    const float *x = block_.data();
    for (int64_t t = 0; t < n; ++t) {
      for (int64_t c = 0; c < channels; ++c) (*samples)(c, t) = *x++;
    }
    return true;
  }

 private:
  std::unique_ptr<SndfileReader> reader_;
  std::vector<float> block_;
};

// A file without a name, gone with its owner.
class Spool {
 public:
  Spool() : file_(std::tmpfile()) {
    if (file_ == nullptr) {
      throw Error("cannot make a temporary file in /tmp: ", std::strerror(errno),
                  "; audio other than WAV needs one where it comes through a pipe");
    }
  }
  ~Spool() { std::fclose(file_); }
  Spool(const Spool &) = delete;
  Spool &operator=(const Spool &) = delete;
  int Number() const { return fileno(file_); }  // of the descriptor
  std::string Path() const { return Cat("/proc/self/fd/", Number()); }
  // The first 64 KB, which another process may have written.
  std::string Text() {
    std::string text(1 << 16, '\0');
    std::rewind(file_);
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }
  void Append(const std::string &bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size() ||
        std::fflush(file_) != 0) {
      throw Error("cannot write a temporary file in /tmp: ", std::strerror(errno));
    }
  }

 private:
  std::FILE *file_;
};

std::string Begin(const std::string &path) {
  constexpr uint64_t kEnough = 4096;
  Bytes bytes(path, true);
  std::string begin;
  AppendBytes(bytes.Stream(), kEnough, &begin);
  return begin;
}

// What ffmpeg says, by recording and not among what others say.
class Complaints {
 public:
  std::string Redirection() const { return Cat(" 2>>/proc/", getpid(), "/fd/", spool_.Number()); }
  // The first line, and how many more there are; "": none.
  std::string Text() {
    std::istringstream lines(spool_.Text());
    std::string first, line;
    int more = 0;
    while (std::getline(lines, line)) {
      if (Trim(line).empty()) continue;
      if (first.empty()) {
        first = line;
      } else {
        ++more;
      }
    }
    // Without "[mov @ 0x55567eb12c8] ".
    if (const size_t end = first.find("] "); StartsWith(first, "[") && end != std::string::npos)
      first.erase(0, end + 2);
    return first.empty() ? ""
                         : Printable(first, 200) + (more > 0 ? Cat(" (and ", more, " more)") : "");
  }

 private:
  Spool spool_;
};

// A WAV file out of ffmpeg.
class FfmpegSource : public AudioFile::Source {
 public:
  FfmpegSource(const std::string &path, std::unique_ptr<Bytes> bytes, const WavHeader &header,
               std::unique_ptr<Complaints> complaints)
      : path_(path), wav_(std::move(bytes), header), complaints_(std::move(complaints)) {}
  float SampleRate() const override { return wav_.SampleRate(); }
  int64_t NumChannels() const override { return wav_.NumChannels(); }
  double Seconds() const override { return wav_.Seconds(); }
  bool Read(Tensor *samples) override {
    try {
      if (wav_.Read(samples)) return true;
    } catch (const DataError &e) {
      const std::string said = complaints_->Text();
      throw DataError("ffmpeg cannot decode all of it: ", said.empty() ? e.what() : said,
                      "; what can be decoded becomes a file with: ffmpeg -i FILE part.wav");
    }
    const std::string said = complaints_->Text();
    if (!said.empty()) {
      LOG_WARN << path_ << ": ffmpeg says: " << said << "; some of the recording may be missing";
    }
    return false;
  }

 private:
  std::string path_;
  WavSource wav_;
  std::unique_ptr<Complaints> complaints_;
};

// Through ffmpeg, which gives a WAV file of its first audio track: in the time of the film, where
// sound may begin late and have gaps, and only as long as it decodes without errors.
std::unique_ptr<AudioFile::Source> OpenWithFfmpeg(const std::string &ffmpeg,
                                                  const std::string &path,
                                                  const std::string &cause) {
  auto complaints = std::make_unique<Complaints>();
  const std::string command =
      ShellQuote(ffmpeg) + " -nostdin -v error -xerror -protocol_whitelist file,pipe -i " +
      ShellQuote("file:" + path) +
      " -map 0:a:0 -af aresample=async=1:first_pts=0 -f wav -c:a pcm_s16le -" +
      complaints->Redirection() + " |";
  auto bytes = std::make_unique<Bytes>(command, false);
  const auto fail = [&](const std::string &why) {
    const std::string said = complaints->Text();
    if (said.find("matches no streams") != std::string::npos)
      throw DataError("there is no sound in it: ffmpeg finds no audio track");
    throw DataError("neither libsndfile (", cause,
                    ") nor ffmpeg reads it: ", said.empty() ? why : said);
  };
  std::string begin;
  if (AppendBytes(bytes->Stream(), 12, &begin) < 12 || !IsWav(begin)) {
    try {
      bytes->Finish();
    } catch (const DataError &e) {
      fail(e.what());
    }
    fail("it gave no audio");
  }
  const WavHeader header = ReadWavHeader(bytes->Stream(), begin);
  if (!header.format) fail("it gave " + header.encoding);
  return std::make_unique<FfmpegSource>(path, std::move(bytes), header, std::move(complaints));
}

std::unique_ptr<AudioFile::Source> OpenPath(const std::string &path, bool has_name) {
  auto reader = std::make_unique<SndfileReader>(SndfileReader::Path{path});
  if (reader->IsOpen()) return std::make_unique<SndfileSource>(std::move(reader));
  const std::string begin = Begin(path), description = DescribeForeignAudio(begin);
  if (begin.empty()) throw DataError("the audio file is empty");
  const bool hopeless = StartsWith(description, "it is ");  // text, packed
  const std::string ffmpeg = hopeless || !has_name ? "" : FindFfmpeg();
  if (!ffmpeg.empty()) return OpenWithFfmpeg(ffmpeg, path, reader->Cause());
  throw DataError("no audio that libsndfile can read (", reader->Cause(), "): ", description,
                  hopeless    ? ""
                  : !has_name ? "; from a file, ffmpeg would be asked too, where it is installed"
                              : "; or install ffmpeg (apt-get install ffmpeg), which is then used");
}

}  // namespace

std::string FindFfmpeg() {
  const char *path = std::getenv("PATH");
  for (const std::string &folder : Split(path == nullptr ? "" : path, ':')) {
    const std::string name = (folder.empty() ? "." : folder) + "/ffmpeg";
    struct stat st;
    if (stat(name.c_str(), &st) == 0 && S_ISREG(st.st_mode) && access(name.c_str(), X_OK) == 0)
      return name;
  }
  return "";
}

AudioFile::AudioFile(const std::string &name) {
  struct stat st;
  const bool there = name != "-" && stat(name.c_str(), &st) == 0;
  if (there && S_ISDIR(st.st_mode)) throw DataError(name, " is a directory");
  if (!there && name != "-" && !IsPipe(name)) {
    throw DataError("cannot open ", name, ": ", std::strerror(errno));
  }
  const bool is_file = there && S_ISREG(st.st_mode);
  auto bytes = std::make_unique<Bytes>(name, there);
  std::string begin;
  AppendBytes(bytes->Stream(), 12, &begin);
  if (IsWav(begin)) {
    const WavHeader header = ReadWavHeader(bytes->Stream(), begin);
    if (header.format) {
      source_ = std::make_unique<WavSource>(std::move(bytes), header);
      return;
    }
    begin = header.bytes;
  }
  if (is_file) {
    bytes.reset();
    source_ = OpenPath(name, true);
    return;
  }
  Spool spool;
  while (!begin.empty()) {
    spool.Append(begin);
    begin.clear();
    AppendBytes(bytes->Stream(), 1 << 20, &begin);
  }
  bytes->Finish();
  source_ = OpenPath(spool.Path(), false);  // which opens it again
}

AudioFile::~AudioFile() = default;
float AudioFile::SampleRate() const { return source_->SampleRate(); }
int64_t AudioFile::NumChannels() const { return source_->NumChannels(); }
double AudioFile::Seconds() const { return source_->Seconds(); }
bool AudioFile::Read(Tensor *samples) { return source_->Read(samples); }

}  // namespace u2moe
