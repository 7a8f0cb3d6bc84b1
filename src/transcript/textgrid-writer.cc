// Praat's TextGrid, in the long text form.
#include <algorithm>
#include <map>
#include <vector>

#include "transcript/writers.h"

namespace u2moe {
namespace {

struct Interval {
  int64_t begin, end;  // milliseconds
  std::string text;
};

// Sorted, and cut so that none overlap: see writers.h. Silence is not yet among them.
std::vector<Interval> WithoutOverlap(std::vector<Interval> intervals) {
  std::stable_sort(intervals.begin(), intervals.end(),
                   [](const Interval &a, const Interval &b) { return a.begin < b.begin; });
  std::vector<Interval> out;
  for (Interval &next : intervals) {
    // Praat's intervals last longer than nothing.
    next.end = std::max(next.end, next.begin + 1);
    if (!out.empty() && next.begin == out.back().begin) {
      out.back().text += " " + next.text;
      out.back().end = std::max(out.back().end, next.end);
      continue;
    }
    if (!out.empty()) out.back().end = std::min(out.back().end, next.begin);
    out.push_back(std::move(next));
  }
  return out;
}

// With the silence before, between and after, up to `end`.
std::vector<Interval> Filled(const std::vector<Interval> &intervals, int64_t end) {
  std::vector<Interval> out;
  int64_t at = 0;
  for (const Interval &interval : intervals) {
    if (interval.begin > at) out.push_back({at, interval.begin, ""});
    out.push_back(interval);
    at = interval.end;
  }
  if (at < end) out.push_back({at, end, ""});
  return out;
}

std::string Quoted(const std::string &s) {
  std::string out = "\"";
  for (const char c : s) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

class TextGridWriter : public TranscriptWriter {
 public:
  using TranscriptWriter::TranscriptWriter;

 private:
  struct Channel {
    std::vector<Interval> utterances, words;
  };

  void DoWrite(const TimedSegment &segment) override {
    Channel &channel = channels_[segment.channel];
    int64_t begin = Milliseconds(segment.begin), end = Milliseconds(segment.end);
    end_ = std::max(end_, end);
    if (segment.words.empty()) return;
    for (const TimedWord &word : segment.words) {
      channel.words.push_back({Milliseconds(word.begin), Milliseconds(word.end), word.text});
      begin = std::min(begin, channel.words.back().begin);
      end = std::max(end, channel.words.back().end);
    }
    channel.utterances.push_back({begin, end, TextOf(segment)});
  }

  void DoClose() override {
    if (channels_.empty()) channels_[1];
    std::vector<std::pair<std::string, std::vector<Interval>>> tiers;
    for (auto &[number, channel] : channels_) {
      const std::string suffix = channels_.size() > 1 ? " " + std::to_string(number) : "";
      tiers.emplace_back("utterances" + suffix, WithoutOverlap(std::move(channel.utterances)));
      tiers.emplace_back("words" + suffix, WithoutOverlap(std::move(channel.words)));
    }
    end_ = std::max<int64_t>(end_, 1);  // a grid of no time would be none
    for (const auto &[name, intervals] : tiers) {
      if (!intervals.empty()) end_ = std::max(end_, intervals.back().end);
    }
    os_ << "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n";
    Times("", 0, end_);
    os_ << "tiers? <exists>\nsize = " << tiers.size() << "\nitem []:\n";
    for (size_t t = 0; t < tiers.size(); ++t) {
      const std::vector<Interval> intervals = Filled(tiers[t].second, end_);
      os_ << "    item [" << t + 1
          << "]:\n        class = \"IntervalTier\"\n        name = " << Quoted(tiers[t].first)
          << '\n';
      Times("        ", 0, end_);
      os_ << "        intervals: size = " << intervals.size() << '\n';
      for (size_t i = 0; i < intervals.size(); ++i) {
        os_ << "        intervals [" << i + 1 << "]:\n";
        Times("            ", intervals[i].begin, intervals[i].end);
        os_ << "            text = " << Quoted(intervals[i].text) << '\n';
      }
    }
  }

  void Times(const char *indent, int64_t begin, int64_t end) {
    os_ << indent << "xmin = " << FixedPoint(begin, 3) << '\n'
        << indent << "xmax = " << FixedPoint(end, 3) << '\n';
  }

  std::map<int32_t, Channel> channels_;
  int64_t end_ = 0;
};

}  // namespace

std::unique_ptr<TranscriptWriter> MakeTextGridWriter(const TranscriptOptions & /*opts*/,
                                                     std::ostream *os) {
  return std::make_unique<TextGridWriter>(os);
}

}  // namespace u2moe
