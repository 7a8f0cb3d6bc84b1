#include <iostream>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/main.h"
#include "lab/calibrate-experts.h"
#include "modelfile/model-file.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "table/utterance-loop.h"
#include "table/utterance-reader.h"
#include "util/options.h"
#include "util/places.h"
#include "util/progress.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Chooses on data from which first gate on each mixture of a model works with its first "
      "expert alone,\n"
      "so that a share of the second experts is skipped with little change, and stores that in the "
      "model,\n"
      "with other limits of experts if they are given. Prints the thresholds.\n\n"
      "Usage: moe-calibrate [options] <model-in> <feats-rspecifier> <model-out>\n"
      "  e.g. moe-calibrate --skip=0.75 final.safetensors scp:dev/feats.scp fast.safetensors\n");
  CalibrateOptions opts;
  ExpertOptions experts;
  std::string tokens;
  int32_t chunk_size = -1, left_chunks = -1;
  opts.Register(&po);
  experts.RegisterEncoder(&po);
  po.RegisterInput(
      "tokens", &tokens,
      "rspecifier of token ids: the decoders too, fed with them; without it theirs stay");
  po.Register("chunk-size", &chunk_size, "encoder frames per chunk; -1: whole utterances");
  po.Register("num-left-chunks", &left_chunks, "chunks of left context; -1: all");
  UtteranceTally tally(&po);
  po.AddPlaces([](Places *places) { places->Print("the table of thresholds"); });
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  opts.Check();
  if (chunk_size == 0)
    throw UsageError("--chunk-size=0: must be at least 1, or -1 for whole utterances");

  ModelInfo info;
  const std::unique_ptr<AsrModel> model = ReadModel(po.Arg(0), &info);
  ExpertPolicy policy = experts.Apply(info.config, model->Policy());
  model->SetPolicy(ExpertPolicy());  // the routers' own choices are what is measured
  ExpertCalibrator calibrator(*model);
  std::unique_ptr<RandomAccessInt32VectorReader> token_reader;
  if (!tokens.empty()) token_reader = std::make_unique<RandomAccessInt32VectorReader>(tokens);

  const Context ctx;
  Progress progress("utterances", CountEntries(po.Arg(1)));
  UtteranceReader feats(po.Arg(1));
  for (; !feats.Done(); feats.Next(), progress.Add(1)) {
    tally.Try(feats, [&] {
      calibrator.AddUtterance(ctx, feats.Value(), AttentionMask::Chunk(chunk_size, left_chunks),
                              token_reader ? &token_reader->Value(feats.Key()) : nullptr);
    });
  }
  feats.Close();
  if (const int status = tally.Finish(); status != 0) return status;  // and no model

  calibrator.Calibrate(opts, &policy, std::cout);
  model->SetPolicy(policy);
  LOG_INFO << "experts: " << policy.ToString();
  AddHistory("moe-calibrate",
             {{"skip", Cat(opts.skip)},
              {"criterion", opts.criterion},
              {"features", po.Arg(1)},
              {"utterances", Cat(tally.NumDone())},
              {"experts", policy.ToString()}},
             &info);
  WriteModel(po.Arg(2), model.get(), info);
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
