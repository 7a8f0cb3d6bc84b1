#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/main.h"
#include "feat/wave-reader.h"
#include "util/io.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text.h"

namespace u2moe {
namespace {

struct SegmentOptions {
  float min_segment_length = 0.1f, max_overshoot = 0.5f;

  void Register(OptionParser *po) {
    po->Register("min-segment-length", &min_segment_length, "shortest segment in seconds");
    po->Register("max-overshoot", &max_overshoot,
                 "by how many seconds a segment may end after its recording; it is cut there");
  }
};

// A line "utterance recording start end [channel]" of a segments file; end -1 is the recording's
// end.
struct Segment {
  std::string recording;
  double start = 0, end = 0;
  int32_t channel = -1;

  static Segment Parse(const std::vector<std::string> &words) {
    Segment segment;
    if (words.size() < 4 || words.size() > 5 || !ParseNumber(words[2], &segment.start) ||
        !ParseNumber(words[3], &segment.end) ||
        (words.size() == 5 && !ParseNumber(words[4], &segment.channel)) || segment.channel < -1) {
      throw DataError(
          "expected: utterance recording start end [channel], times in seconds; found '",
          Printable(Join(words, " "), 200), "'");
    }
    segment.recording = words[1];
    return segment;
  }
};

WaveData Cut(const SegmentOptions &opts, const Segment &segment, const WaveData &wave) {
  const ConstView channel = SelectChannel(wave, segment.channel);
  const double rate = wave.sample_rate;
  const int64_t n = wave.NumSamples();
  const double length = static_cast<double>(n);
  // Compared as doubles, NaN included, before they become sample numbers.
  const double first = std::round(segment.start * rate),
               last = segment.end == -1 ? length : std::round(segment.end * rate);
  if (!(first >= 0 && first < length && last - length <= opts.max_overshoot * rate)) {
    throw DataError("the segment from ", segment.start, " to ", segment.end,
                    " s does not lie in recording ", segment.recording, " of ", wave.Duration(),
                    " s; correct its times, or leave it out");
  }
  const int64_t begin = static_cast<int64_t>(first);
  const int64_t end = last > 0 ? static_cast<int64_t>(std::min(last, length)) : 0;
  if (end <= begin || end - begin < std::llround(opts.min_segment_length * rate)) {
    throw DataError("the segment from ", segment.start, " to ", segment.end,
                    " s is shorter than --min-segment-length=", opts.min_segment_length);
  }
  return {wave.sample_rate, Tensor::Copy(channel.ColRange(begin, end - begin))};
}

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Cuts the utterances of a segments file out of longer recordings.\n\n"
      "Usage: extract-segments [options] <wav-rspecifier> <segments-rxfilename> <wav-wspecifier>\n"
      "  e.g. extract-segments scp:wav.scp segments ark:- | compute-fbank-feats ark:- "
      "ark:feats.ark\n");
  SegmentOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3)) return 0;

  RandomAccessWaveReader reader(po.Arg(0));
  Input segments(po.Arg(1));
  WaveWriter writer(po.Arg(2));
  std::string line;
  for (int64_t number = 1; std::getline(segments.Stream(), line); ++number) {
    const std::vector<std::string> words = SplitWords(line);
    if (words.empty()) continue;
    tally.Try(words[0], [&] {
      try {
        const Segment segment = Segment::Parse(words);
        writer.Write(words[0], Cut(opts, segment, reader.Value(segment.recording)));
      } catch (const DataError &e) {
        throw DataError(segments.Name(), ":", number, ": ", e.what());
      }
    });
  }
  segments.Close();
  writer.Close();
  return tally.Finish("segments");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
