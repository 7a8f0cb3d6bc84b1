// SubRip and WebVTT.
#include <algorithm>

#include "base/error.h"
#include "transcript/cues.h"
#include "transcript/writers.h"
#include "util/text.h"

namespace u2moe {
namespace {

std::string TwoDigits(int64_t x) { return (x < 10 ? "0" : "") + std::to_string(x); }

// "01:02:03,450"; hours take as many digits as they need, but at least two.
std::string ClockTime(int64_t milliseconds, char point) {
  const std::string fraction = std::to_string(1000 + milliseconds % 1000).substr(1);
  const int64_t seconds = milliseconds / 1000;
  return Cat(TwoDigits(seconds / 3600), ":", TwoDigits(seconds / 60 % 60), ":",
             TwoDigits(seconds % 60), std::string(1, point), fraction);
}

std::string Replaced(std::string s, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = s.find(from, at)) != std::string::npos; at += to.size()) {
    s.replace(at, from.size(), to);
  }
  return s;
}

class SubtitleWriter : public TranscriptWriter {
 public:
  SubtitleWriter(const CueOptions &opts, std::ostream *os) : TranscriptWriter(os), opts_(opts) {}

 protected:
  virtual void WriteCue(size_t number, const Cue &cue, bool name_channel) = 0;

 private:
  void DoWrite(const TimedSegment &segment) override {
    for (Cue &cue : MakeCues(segment, opts_)) cues_.push_back(std::move(cue));
  }
  void DoClose() override {
    ArrangeCues(&cues_);
    const bool several = std::any_of(cues_.begin(), cues_.end(), [&](const Cue &cue) {
      return cue.channel != cues_.front().channel;
    });
    for (size_t i = 0; i < cues_.size(); ++i) WriteCue(i + 1, cues_[i], several);
  }

  CueOptions opts_;
  std::vector<Cue> cues_;
};

class SrtWriter : public SubtitleWriter {
 public:
  using SubtitleWriter::SubtitleWriter;

 private:
  void WriteCue(size_t number, const Cue &cue, bool name_channel) override {
    os_ << number << '\n'
        << ClockTime(cue.begin, ',') << " --> " << ClockTime(cue.end, ',') << '\n';
    if (name_channel) os_ << '[' << cue.channel << "] ";
    // There are no escapes; only what looks like a line of times must not be there.
    for (const std::string &line : cue.lines) os_ << Replaced(line, "-->", "->") << '\n';
    os_ << '\n';
  }
};

class VttWriter : public SubtitleWriter {
 public:
  VttWriter(const CueOptions &opts, std::ostream *os) : SubtitleWriter(opts, os) {
    os_ << "WEBVTT\n\n";
  }

 private:
  void WriteCue(size_t /*number*/, const Cue &cue, bool name_channel) override {
    os_ << ClockTime(cue.begin, '.') << " --> " << ClockTime(cue.end, '.') << '\n';
    if (name_channel) os_ << "<v Channel " << cue.channel << '>';
    for (const std::string &line : cue.lines) {
      os_ << Replaced(Replaced(Replaced(line, "&", "&amp;"), "<", "&lt;"), ">", "&gt;") << '\n';
    }
    os_ << '\n';
  }
};

}  // namespace

std::unique_ptr<TranscriptWriter> MakeSrtWriter(const TranscriptOptions &opts, std::ostream *os) {
  return std::make_unique<SrtWriter>(opts.cues, os);
}
std::unique_ptr<TranscriptWriter> MakeVttWriter(const TranscriptOptions &opts, std::ostream *os) {
  return std::make_unique<VttWriter>(opts.cues, os);
}

}  // namespace u2moe
