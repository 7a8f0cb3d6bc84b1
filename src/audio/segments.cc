#include "audio/segments.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "table/table-io.h"
#include "util/text.h"

namespace u2moe {
namespace {

Segment ParseSegment(const std::vector<std::string> &words) {
  Segment segment;
  if (words.size() < 4 || words.size() > 5 || !ParseNumber(words[2], &segment.start) ||
      !ParseNumber(words[3], &segment.end) ||
      (words.size() == 5 && !ParseNumber(words[4], &segment.channel)) || segment.channel < -1) {
    throw DataError("expected: utterance recording start end [channel], times in seconds; found '",
                    Printable(Join(words, " "), 200), "'");
  }
  segment.utterance = words[0];
  segment.recording = words[1];
  if (!(segment.start >= 0 && (segment.end > segment.start || segment.end == -1) &&
        std::isfinite(segment.end))) {
    throw DataError("a segment ", segment.TimesString(),
                    " is empty or impossible; correct its times");
  }
  return segment;
}

}  // namespace

std::string Segment::TimesString() const { return Cat("from ", start, " to ", end, " s"); }

bool SegmentReader::Next() {
  if (line_ == 0) input_.SkipByteOrderMark();
  std::string line;
  while (std::getline(input_.Stream(), line)) {
    ++line_;
    if (line_ > 1) RefuseByteOrderMark(line, [&] { return Where(); });
    words_ = SplitFields(line);
    if (words_.empty()) continue;
    const auto [it, is_new] = lines_.emplace(std::hash<std::string>()(words_[0]), line_);
    earlier_line_ = is_new ? 0 : it->second;
    return true;
  }
  input_.Close();
  return false;
}

std::string SegmentReader::Where() const { return Cat(input_.Name(), ":", line_); }

Segment SegmentReader::Value() const {
  if (earlier_line_ > 0) {
    throw DataError(internal::KeyTwice(words_[0], Cat("line ", earlier_line_)));
  }
  return ParseSegment(words_);
}

void ForEachSegment(const std::string &segments_rxfilename, UtteranceTally *tally,
                    const std::function<void(const Segment &)> &fn) {
  SegmentReader segments(segments_rxfilename);
  while (segments.Next()) tally->Try(segments, [&] { fn(segments.Value()); });
}

void SegmentOptions::Register(OptionParser *po) {
  po->Register("min-segment-length", &min_segment_length,
               "segments must be longer than this, in seconds");
  po->Register(
      "max-overshoot", &max_overshoot,
      "by less than how many seconds a segment may end after its recording; it is cut there");
}

void SegmentOptions::Check() const {
  if (!(min_segment_length >= 0 && max_overshoot >= 0)) {
    throw UsageError("--min-segment-length=", min_segment_length,
                     " --max-overshoot=", max_overshoot, ": expected seconds from 0");
  }
}

ConstView CutSegment(const SegmentOptions &opts, const Segment &segment, const WaveData &wave) {
  const ConstView channel = SelectChannel(wave, segment.channel);
  const double rate = wave.sample_rate, n = static_cast<double>(wave.NumSamples());
  // In doubles throughout, since a time in the file may be any number.
  const double begin = std::floor(segment.start * rate);
  double end = segment.end == -1 ? n : std::floor(segment.end * rate);
  if (begin >= n || (end > n && end >= n + std::floor(opts.max_overshoot * wave.sample_rate))) {
    throw DataError("the segment ", segment.TimesString(), " does not lie in recording ",
                    segment.recording, " of ", wave.Duration(),
                    " s; correct its times, or leave it out");
  }
  end = std::min(end, n);
  if (end <= begin + std::floor(opts.min_segment_length * wave.sample_rate)) {
    throw DataError("the segment ", segment.TimesString(),
                    " is not longer than --min-segment-length=", opts.min_segment_length);
  }
  return channel.ColRange(static_cast<int64_t>(begin), static_cast<int64_t>(end - begin));
}

void FeatureSegmentOptions::Register(OptionParser *po) {
  po->Register("min-segment-length", &min_segment_length,
               "a segment must be longer than this, in seconds");
  po->Register(
      "max-overshoot", &max_overshoot,
      "a segment that ends behind the features is cut there if it is by less than this, in "
      "seconds");
  po->Register("frame-shift", &frame_shift, "from one frame to the next, in ms");
  po->Register("frame-length", &frame_length, "length of a frame, in ms");
  po->Register("snip-edges", &snip_edges,
               "only frames that lie wholly inside the segment: as many as its audio would give");
}

void FeatureSegmentOptions::Check() const {
  if (!(frame_shift > 0 && frame_shift <= 10000)) {
    throw UsageError("--frame-shift=", frame_shift, ": expected ms, above 0 and at most 10000");
  }
  if (!(frame_length >= frame_shift && frame_length <= 100000)) {
    throw UsageError("--frame-length=", frame_length, ": expected ms, at least --frame-shift");
  }
  if (!(min_segment_length >= 0 && max_overshoot >= 0 && std::isfinite(min_segment_length) &&
        std::isfinite(max_overshoot))) {
    throw UsageError("--min-segment-length and --max-overshoot must be 0 s or more");
  }
}

ConstView CutFrames(const FeatureSegmentOptions &opts, const Segment &segment, ConstView feats) {
  const double rate = 1000.0 / opts.frame_shift;  // frames per second
  const auto frames = [&](double seconds) { return std::llround(std::min(seconds * rate, 1e15)); };
  const int64_t num_frames = feats.Rows(), begin = frames(segment.start);
  int64_t end = num_frames;
  if (segment.end != -1) {
    end = frames(segment.end);
    if (opts.snip_edges) {
      end -= static_cast<int64_t>(
          std::ceil((opts.frame_length - opts.frame_shift) / opts.frame_shift));
    }
  }
  if (begin >= num_frames || (end > num_frames && end >= num_frames + frames(opts.max_overshoot))) {
    throw DataError("the segment ", segment.TimesString(), " does not lie in the ", num_frames,
                    " frames of ", segment.recording, "; correct its times, or leave it out");
  }
  end = std::min(end, num_frames);
  if (end <= begin || end - begin <= frames(opts.min_segment_length)) {
    throw DataError("the segment ", segment.TimesString(), " has ",
                    std::max<int64_t>(end - begin, 0),
                    " frames, not more than --min-segment-length=", opts.min_segment_length,
                    " s; leave it out");
  }
  return feats.RowRange(begin, end - begin);
}

}  // namespace u2moe
