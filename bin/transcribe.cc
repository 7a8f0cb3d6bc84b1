#include <climits>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "modelfile/device-options.h"
#include "pipeline/transcribe-run.h"
#include "util/places.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "What is said in recordings, by a trained model: text, or words with their times as "
      "subtitles, for programs and\n"
      "for Praat. A recording has any format, sampling rate, number of channels and length; it is "
      "cut into segments where\n"
      "nobody speaks, and silence and noise give no text.\n\n"
      "Usage: transcribe [options] <model> <recording or folder>...\n"
      "  e.g. transcribe exp/final.safetensors wav/u1.wav wav/u2.wav > text\n"
      "       transcribe --format=srt exp/final.safetensors wav/u1.wav > u1.srt\n"
      "       transcribe --format=vtt --output-dir=transcripts --threads=2 exp/final.safetensors "
      "wav\n"
      "       wav-copy --print-args=false wav/u1.wav - | transcribe exp/final.safetensors -\n");
  TranscribeRunOptions run;
  DeviceOptions device;
  TranscriberOptions opts;
  run.Register(&po);
  device.Register(&po);
  opts.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  po.AddPlaces([&](Places *places) {
    if (run.output_dir.empty()) places->Print("the transcripts");
  });
  if (!po.Parse(argc, argv, 2, -1, InputArgs{INT_MAX})) return 0;
  run.Check();
  opts.Check();
  std::vector<std::string> arguments;
  for (int i = 1; i < po.NumArgs(); ++i) arguments.push_back(po.Arg(i));
  const RecordingList list = FindRecordings(arguments);
  run.Check(list);

  const Context ctx = device.MakeContext();
  const Transcriber transcriber(ctx, po.Arg(0), opts, po);
  LOG_INFO << list.recordings.size() << " recordings; " << transcriber.ToString() << "; "
           << run.threads << (run.threads > 1 ? " threads, " : " thread, ") << DescribeMachine(ctx);
  TranscribeAll(transcriber, list, run, &speed, &tally);
  speed.Note("settings", transcriber.ToString());
  speed.Note("threads", run.threads);
  speed.Note("machine", DescribeMachine(ctx));
  speed.Finish();
  return tally.Finish("recordings");
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
