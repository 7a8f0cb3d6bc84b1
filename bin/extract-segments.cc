#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/main.h"
#include "feat/segments.h"
#include "feat/wave-reader.h"
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

WaveData Cut(const SegmentOptions &opts, const Segment &segment, const WaveData &wave) {
  const ConstView channel = SelectChannel(wave, segment.channel);
  const double rate = wave.sample_rate;
  const int64_t n = wave.NumSamples();
  const double length = static_cast<double>(n);
  // Compared as doubles, NaN included, before they become sample numbers.
  const double first = std::round(segment.start * rate),
               last = segment.end == -1 ? length : std::round(segment.end * rate);
  if (!(first >= 0 && first < length && last - length <= opts.max_overshoot * rate)) {
    throw DataError("the segment ", segment.TimesString(), " does not lie in recording ",
                    segment.recording, " of ", wave.Duration(),
                    " s; correct its times, or leave it out");
  }
  const int64_t begin = static_cast<int64_t>(first);
  const int64_t end = last > 0 ? static_cast<int64_t>(std::min(last, length)) : 0;
  if (end <= begin || end - begin < std::llround(opts.min_segment_length * rate)) {
    throw DataError("the segment ", segment.TimesString(),
                    " is shorter than --min-segment-length=", opts.min_segment_length);
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
  WaveWriter writer(po.Arg(2));
  ForEachSegment(po.Arg(1), &tally, [&](const Segment &segment) {
    writer.Write(segment.utterance, Cut(opts, segment, reader.Value(segment.recording)));
  });
  writer.Close();
  return tally.Finish("segments");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
