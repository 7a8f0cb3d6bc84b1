#include "feat/segments.h"

#include <cmath>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "util/io.h"
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

void ForEachSegment(const std::string &segments_rxfilename, UtteranceTally *tally,
                    const std::function<void(const Segment &)> &fn) {
  Input segments(segments_rxfilename);
  std::string line;
  for (int64_t number = 1; std::getline(segments.Stream(), line); ++number) {
    const std::vector<std::string> words = SplitWords(line);
    if (words.empty()) continue;
    tally->Try(words[0], [&] {
      try {
        fn(ParseSegment(words));
      } catch (const DataError &e) {
        throw DataError(segments.Name(), ":", number, ": ", e.what());
      }
    });
  }
  segments.Close();
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
