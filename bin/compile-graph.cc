#include <optional>

#include "base/log.h"
#include "base/main.h"
#include "graph/compile-graph.h"
#include "graph/fst-file.h"
#include "modelfile/model-tokenizer.h"
#include "util/options.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Compiles a decoding graph for ctc-decode --method=wfst: TLG = T o min(det(L o G)) out of a "
      "topology of\n"
      "CTC, a lexicon (make-lexicon-fst) and a language model (arpa-to-fst).\n\n"
      "Usage: compile-graph [options] <units.txt | model> <L.fst> <G.fst> <TLG.fst>\n"
      "  e.g. compile-graph --words=words.txt units.txt L.fst G.fst TLG.fst\n");
  std::string name = "correct", type = "vector", words_name;
  CompileGraphOptions opts;
  po.Register("topology", &name,
              CtcTopologyNames() +
                  " (see docs/decoding-graphs.md); none: LG alone, for ctc-decode --topology, "
                  "which is smaller");
  po.Register("blank", &opts.blank, "id of the blank among the units");
  po.Register("max-states", &opts.max_states,
              "stop, with a message, when the graph or what is on the way to it has more states; "
              "0: never");
  po.Register("skip-missing", &opts.skip_missing,
              "leave words without pronunciation out of the graph, and count them");
  po.RegisterInput("words", &words_name, "words.txt, for messages");
  po.Register("fst-type", &type, "vector or const");
  if (!po.Parse(argc, argv, 4, 4, InputArgs{-1})) return 0;
  const FstFileType file_type = ParseFstFileType(type);
  if (name != "none") opts.topology = &FindCtcTopology(name, "--topology");
  if (opts.max_states < 0) throw UsageError("--max-states=", opts.max_states, ": must be from 0");

  opts.num_tokens = OpenUnits(po.Arg(0)).Size();
  std::optional<WordTable> words;
  if (!words_name.empty()) words = WordTable::Read(words_name);
  if (words) opts.words = &*words;
  const fst::StdVectorFst l = ReadFst(po.Arg(1)), g = ReadFst(po.Arg(2));
  CompileGraphNotes notes;
  const fst::StdVectorFst tlg = CompileGraph(l, g, opts, &notes);
  for (const CompileGraphNotes::Size &s : notes.sizes)
    LOG_INFO << s.name << ": " << s.states << " states, " << s.arcs << " arcs";
  if (notes.words_without_pronunciation > 0) {
    LOG_WARN << "left out " << notes.words_without_pronunciation
             << " words of the language model that have no pronunciation";
  }
  WriteFst(tlg, file_type, po.Arg(3));
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
