// The formats that are written segment by segment.
#include <cmath>
#include <nlohmann/json.hpp>

#include "transcript/writers.h"
#include "util/text.h"

namespace u2moe {
namespace {

std::string Seconds(int64_t milliseconds) { return FixedPoint(milliseconds, 3); }
std::string Confidence(double x, int digits) {
  return FixedPoint(std::llround(x * std::pow(10, digits)), digits);
}
std::string Quoted(const std::string &s) { return nlohmann::json(s).dump(); }

class TextWriter : public TranscriptWriter {
 public:
  using TranscriptWriter::TranscriptWriter;

 private:
  void DoWrite(const TimedSegment &segment) override {
    if (!segment.words.empty()) os_ << TextOf(segment) << '\n';
  }
};

class CtmWriter : public TranscriptWriter {
 public:
  CtmWriter(int digits, std::ostream *os) : TranscriptWriter(os), digits_(digits) {}

 private:
  void DoWrite(const TimedSegment &segment) override {
    const std::string recording = Join(SplitWords(segment.recording), "_");
    for (const TimedWord &word : segment.words) {
      const int64_t begin = Milliseconds(word.begin), end = Milliseconds(word.end);
      os_ << recording << ' ' << segment.channel << ' ' << Seconds(begin) << ' '
          << Seconds(end - begin) << ' ' << word.text;
      if (word.confidence >= 0) os_ << ' ' << Confidence(word.confidence, digits_);
      os_ << '\n';
    }
  }

  const int digits_;
};

class JsonWriter : public TranscriptWriter {
 public:
  JsonWriter(int digits, std::ostream *os) : TranscriptWriter(os), digits_(digits) {
    os_ << "{\"segments\": [";
  }

 private:
  void DoWrite(const TimedSegment &segment) override {
    os_ << (first_ ? "\n" : ",\n") << "{\"recording\": " << Quoted(segment.recording)
        << ", \"channel\": " << segment.channel << ", \"utterance\": " << Quoted(segment.utterance);
    Times(segment.begin, segment.end);
    os_ << ", \"text\": " << Quoted(TextOf(segment)) << ", \"words\": [";
    for (const TimedWord &word : segment.words) {
      os_ << (&word == segment.words.data() ? "" : ", ") << "{\"word\": " << Quoted(word.text);
      Times(word.begin, word.end);
      if (word.confidence >= 0) os_ << ", \"confidence\": " << Confidence(word.confidence, digits_);
      os_ << '}';
    }
    os_ << "]}";
    first_ = false;
  }
  void DoClose() override { os_ << (first_ ? "]}\n" : "\n]}\n"); }

  void Times(double begin, double end) {
    os_ << ", \"begin\": " << Seconds(Milliseconds(begin))
        << ", \"end\": " << Seconds(Milliseconds(end));
  }

  const int digits_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<TranscriptWriter> MakeTextWriter(const TranscriptOptions & /*opts*/,
                                                 std::ostream *os) {
  return std::make_unique<TextWriter>(os);
}
std::unique_ptr<TranscriptWriter> MakeCtmWriter(const TranscriptOptions &opts, std::ostream *os) {
  return std::make_unique<CtmWriter>(opts.confidence_digits, os);
}
std::unique_ptr<TranscriptWriter> MakeJsonWriter(const TranscriptOptions &opts, std::ostream *os) {
  return std::make_unique<JsonWriter>(opts.confidence_digits, os);
}

}  // namespace u2moe
