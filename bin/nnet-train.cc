#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/main.h"
#include "modelfile/model-file.h"
#include "modelfile/utterance-tags.h"
#include "tensor/context.h"
#include "train/train-data.h"
#include "train/training-run.h"
#include "util/options.h"
#include "util/places.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Trains a U2++ model with CTC and attention losses, dynamic chunks and SpecAugment.\n"
      "The result is the average of the epochs of lowest dev loss.\n\n"
      "Usage: nnet-train [options] <model-in> <feats-rspecifier> <tokens-rspecifier> <model-out>\n"
      "  e.g. nnet-train --dev-feats=scp:dev/feats.scp --dev-tokens=ark,t:dev/tokens --exp-dir=exp "
      "\\\n"
      "         init.safetensors scp:train/feats.scp ark,t:train/tokens final.safetensors\n");
  TrainOptions opts;
  TrainingRunOptions run_opts;
  TrainDataOptions data_opts;
  ExpertOptions experts;
  std::string dev_feats, dev_tokens, tags_rspecifier;
  opts.Register(&po);
  run_opts.Register(&po);
  data_opts.Register(&po);
  experts.Register(&po);
  po.RegisterInput("dev-feats", &dev_feats,
                   "rspecifier of features whose loss is printed after each epoch");
  po.RegisterInput("dev-tokens", &dev_tokens, "rspecifier of their tokens");
  RegisterTags(&po, &tags_rspecifier);
  UtteranceTally tally(&po);
  po.AddPlaces([&](Places *places) {
    run_opts.DeclarePlaces(opts.epochs, {po.Arg(0), po.Arg(3)}, places);
  });
  if (!po.Parse(argc, argv, 4, 4, InputArgs{3})) return 0;
  opts.Check();
  run_opts.Check();
  data_opts.Check();
  if (dev_feats.empty() != dev_tokens.empty())
    throw UsageError("--dev-feats and --dev-tokens go together");

  ModelInfo info;
  std::unique_ptr<AsrModel> model = ReadModel(po.Arg(0), &info);
  model->SetPolicy(experts.Apply(info.config, model->Policy()));
  CheckCanLearn(info.config, po.Arg(0));
  CheckFiniteWeights(model.get(), po.Arg(0));
  opts.Load(info, model.get());
  UtteranceTags tags(tags_rspecifier, info.config, info.tags);
  tags.Learn();
  info.tags = tags.Names();
  data_opts.tags = &tags;
  const std::unique_ptr<DataSource> data =
      ReadTrainData("training", data_opts, *model, po.Arg(1), po.Arg(2), &tally);
  tags.CheckSeen();
  std::unique_ptr<DataSource> dev;
  if (!dev_feats.empty())
    dev = ReadTrainData("dev", data_opts, *model, dev_feats, dev_tokens, &tally);
  if (const int status = tally.Finish(); status != 0) return status;  // and no model

  LOG_INFO << DescribeMachine(opts.device.MakeContext()) << ", float32";
  LOG_INFO << data->Size() << " utterances, " << model->NumParams() << " parameters; "
           << opts.ToString() << "; threads=" << opts.threads
           << "; experts: " << model->Policy().ToString();
  LOG_INFO << opts.roles.Describe(model.get());
  run_opts.read_ahead_bytes = data_opts.ReadAheadBytes();
  RunTraining(opts, run_opts, *data, dev.get(), &model, &info);
  WriteModel(po.Arg(3), model.get(), info);
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
