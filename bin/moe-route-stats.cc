#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/main.h"
#include "base/rng.h"
#include "lab/route-report.h"
#include "model/whole-only.h"
#include "modelfile/device-options.h"
#include "modelfile/model-file.h"
#include "modelfile/utterance-tags.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "table/utterance-reader.h"
#include "util/options.h"
#include "util/places.h"
#include "util/progress.h"
#include "util/tally.h"
#include "util/text.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Counts which experts a model chooses: share per expert, entropy, largest load, mean gates,\n"
      "pairs, dead experts, distinct experts per chunk. Prints a table; --json has all of it.\n\n"
      "Usage: moe-route-stats [options] <model> <feats-rspecifier>\n"
      "  e.g. moe-route-stats --labels=ark:utt2lang --plot=routing.png model.safetensors "
      "scp:feats.scp\n");
  std::string json, plot, per_frame, tokens, tags_rspecifier;
  std::vector<std::string> labels;
  int32_t chunk_size = -1, left_chunks = -1;
  bool fail_on_dead = false, information = false, capacity = false;
  DeviceOptions device;
  ExpertOptions experts;
  po.RegisterOutput("json", &json, "file for the statistics as JSON");
  po.RegisterOutput("plot", &plot,
                    "PNG file for a heat map of load by layer and expert (needs gnuplot)");
  po.RegisterOutput(
      "per-frame", &per_frame,
      "wspecifier of int vectors: the K experts of each encoder frame, falling, -1 for none; keys "
      "<utterance>-<n> for the n-th mixture of the encoder, from 1");
  po.RegisterInputs(
      "labels", &labels,
      "rspecifier of a label per utterance, such as ark:utt2lang: counts by label too");
  po.Register("information", &information,
              "also tell what experts say of --labels (give several), units and positions, how "
              "layers agree and how long a choice lasts");
  po.RegisterInput("tokens", &tokens,
                   "rspecifier of token ids: counts the decoders too, fed with them");
  RegisterTags(&po, &tags_rspecifier);
  po.Register(
      "capacity", &capacity,
      "experts take no more rows than capacity-factor lets them in training: counts what is "
      "dropped, by tenth of the utterance; whole utterances only");
  po.Register("chunk-size", &chunk_size, "encoder frames per chunk; -1: whole utterances");
  po.Register("num-left-chunks", &left_chunks, "chunks of left context; -1: all");
  po.Register("fail-on-dead", &fail_on_dead, "exit with status 1 if an expert is never chosen");
  device.Register(&po);
  experts.Register(&po);
  UtteranceTally tally(&po);
  po.AddPlaces([](Places *places) { places->Print("the table of routes"); });
  if (!po.Parse(argc, argv, 2, 2, InputArgs{2})) return 0;
  if (chunk_size == 0)
    throw UsageError("--chunk-size=0: must be at least 1, or -1 for whole utterances");

  ModelInfo info;
  std::unique_ptr<AsrModel> model = ReadModel(po.Arg(0), &info, PackedWeights::kAllow);
  if (!info.config.HasMixtures()) {
    throw UsageError(po.Arg(0), " is a dense model: it has no experts");
  }
  if (const std::string why = WhyWholeOnly(info.config.encoder); chunk_size > 0 && !why.empty())
    throw UsageError("--chunk-size=", chunk_size, ": ", why, "; drop the option");
  if (capacity && chunk_size > 0) {
    throw UsageError("--capacity with --chunk-size=", chunk_size,
                     ": which frames lose an expert depends on those to come, so chunks know no "
                     "capacity; drop one of the options");
  }
  UtteranceTags tags(tags_rspecifier, info.config, info.tags);
  model->SetPolicy(experts.Apply(info.config, model->Policy()));
  LOG_INFO << "experts: " << model->Policy().ToString();
  const Context ctx = device.MakeContext();
  if (!ctx.OnHost()) MoveToDevice(ctx, model.get());
  // Without tokens the decoders do not run; packing them would read them all.
  model->PrepareForInference(ctx, WeightFormat::kFloat32, 0,
                             tokens.empty() ? ModelPart::kEncoder : ModelPart::kAll);
  RouteReport report(info.config, information, LabelNames(labels));
  std::vector<std::unique_ptr<RandomAccessTokenVectorReader>> label_readers;
  std::unique_ptr<RandomAccessInt32VectorReader> token_reader;
  std::unique_ptr<Int32VectorWriter> writer;
  for (const std::string &rspecifier : labels)
    label_readers.push_back(std::make_unique<RandomAccessTokenVectorReader>(rspecifier));
  if (!tokens.empty()) token_reader = std::make_unique<RandomAccessInt32VectorReader>(tokens);
  if (!per_frame.empty()) writer = std::make_unique<Int32VectorWriter>(per_frame);
  Progress progress("utterances", 0);
  UtteranceReader feats(po.Arg(1));
  for (; !feats.Done(); feats.Next(), progress.Add(1)) {
    tally.Try(feats, [&] {
      std::vector<std::string> utterance_labels;
      for (const auto &reader : label_readers)
        utterance_labels.push_back(Join(reader->Value(feats.Key()), " "));
      SequenceFacts facts;
      facts.seed = SubSeed(uint64_t{1}, feats.Key());
      facts.tag = tags.Of(feats.Key());
      const auto decisions = report.AddUtterance(
          ctx, *model, feats.Value(), AttentionMask::Chunk(chunk_size, left_chunks),
          token_reader ? &token_reader->Value(feats.Key()) : nullptr, utterance_labels, facts,
          capacity);
      for (size_t i = 0; writer && i < decisions.size(); ++i) {
        writer->Write(Cat(feats.Key(), "-", i + 1), decisions[i].experts);
      }
    });
  }
  feats.Close();
  if (writer) writer->Close();
  report.WriteText(std::cout);
  if (!json.empty()) report.WriteJson(json);
  if (!plot.empty()) report.WritePlot(plot);
  const int status = tally.Finish();
  if (!fail_on_dead || report.NumDeadExperts() == 0) return status;
  LOG_ERROR << report.NumDeadExperts() << " experts were never chosen, see DEAD in the table";
  return 1;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
