#include "audio/segments.h"
#include "base/main.h"
#include "table/kaldi-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Cuts the utterances of a segments file out of the features of longer recordings.\n"
      "\n"
      "Usage: extract-feature-segments [options] <feats-rspecifier> <segments-rxfilename>\n"
      "                                <feats-wspecifier>\n"
      "  e.g. extract-feature-segments scp:recordings.scp segments ark,scp:feats.ark,feats.scp\n");
  FeatureSegmentOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  opts.Check();
  RandomAccessMatrixReader reader(po.Arg(0));
  MatrixWriter writer(po.Arg(2));
  ForEachSegment(po.Arg(1), &tally, [&](const Segment &segment) {
    const ConstView frames = CutFrames(opts, segment, reader.Value(segment.recording));
    writer.Write(segment.utterance, Tensor::Copy(frames));
  });
  writer.Close();
  return tally.Finish("segments");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
