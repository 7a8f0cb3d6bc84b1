#include <cmath>
#include <sstream>

#include "base/error.h"
#include "base/main.h"
#include "feat/wave-reader.h"
#include "util/io.h"
#include "util/options.h"
#include "util/tally.h"

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

  // From the rest of a line, after the utterance.
  static Segment Parse(std::istream &line) {
    Segment segment;
    std::string rest;
    if (!(line >> segment.recording >> segment.start >> segment.end)) {
      throw DataError("expected: utterance recording start end [channel]");
    }
    line >> segment.channel;
    if (line.fail()) {
      if (!line.eof()) throw DataError("the channel must be a number");
      segment.channel = -1;
      line.clear();
    }
    if (line >> rest) throw DataError("more than five words in the line: '", rest, "'");
    return segment;
  }
};

WaveData Cut(const SegmentOptions &opts, const Segment &segment, const WaveData &wave) {
  const ConstView channel = SelectChannel(wave, segment.channel);
  const double rate = wave.sample_rate;
  const int64_t n = wave.NumSamples(), begin = std::llround(segment.start * rate);
  int64_t end = segment.end == -1 ? n : std::llround(segment.end * rate);
  if (begin < 0 || begin >= n || static_cast<double>(end - n) > opts.max_overshoot * rate) {
    throw DataError("the segment from ", segment.start, " to ", segment.end,
                    " s does not lie in recording ", segment.recording, " of ", wave.Duration(),
                    " s");
  }
  end = std::min(end, n);
  if (end <= begin || static_cast<double>(end - begin) < opts.min_segment_length * rate) {
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
    std::istringstream words(line);
    std::string utterance;
    if (!(words >> utterance)) continue;
    tally.Try(utterance, [&] {
      Segment segment;
      try {
        segment = Segment::Parse(words);
      } catch (const DataError &e) {
        throw DataError(segments.Name(), ":", number, ": ", e.what());
      }
      writer.Write(utterance, Cut(opts, segment, reader.Value(segment.recording)));
    });
  }
  segments.Close();
  writer.Close();
  return tally.Finish("segments");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
