#include "audio/segments.h"
#include "audio/wave-reader.h"
#include "base/error.h"
#include "base/main.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Cuts the utterances of a segments file out of longer recordings, into 16-bit WAV. What does "
      "not fit\ninto 16 bits is clipped, with a warning that counts it.\n\n"
      "Usage: extract-segments [options] <wav-rspecifier> <segments-rxfilename> <wav-wspecifier>\n"
      "  Lines of segments: <utterance> <recording> <start> <end> [<channel>], in seconds; end -1 "
      "is the\n"
      "  recording's end; channels count from 0.\n"
      "  e.g. extract-segments scp:wav.scp segments ark:- | compute-fbank-feats ark:- "
      "ark:feats.ark\n"
      "See also: compute-fbank-feats --segments, which needs no copy of the audio\n");
  SegmentOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  opts.Check();

  RandomAccessWaveReader reader(po.Arg(0));
  WaveWriter writer(po.Arg(2));
  ForEachSegment(po.Arg(1), &tally, [&](const Segment &segment) {
    const WaveData &wave = reader.Value(segment.recording);
    writer.Write(segment.utterance,
                 {wave.sample_rate, Tensor::Copy(CutSegment(opts, segment, wave))});
  });
  writer.Close();
  return tally.Finish("segments");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
