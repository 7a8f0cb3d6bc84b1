#include "base/log.h"
#include "base/main.h"
#include "graph/ctc-topology.h"
#include "graph/fst-file.h"
#include "modelfile/model-tokenizer.h"
#include "util/options.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Writes a topology of CTC as an FST, T.fst: from labels of frames to tokens. Labels are the "
      "units'\n"
      "ids and one, 0 is epsilon. compile-graph needs no such file; other tools do.\n\n"
      "Usage: make-ctc-topology [options] <units.txt | model> <fst-wxfilename>\n"
      "  e.g. make-ctc-topology --topology=compact units.txt T.fst\n"
      "       make-ctc-topology --topology=eesen --num-disambig=3 units.txt T.fst\n");
  std::string name = "correct", type = "vector";
  int32_t blank = 0, num_disambig = 0;
  po.Register("topology", &name, CtcTopologyNames() + " (see docs/decoding-graphs.md)");
  po.Register("blank", &blank, "id of the blank among the units");
  po.Register("num-disambig", &num_disambig,
              "disambiguation symbols that are passed over, with the labels after the units'");
  po.Register("fst-type", &type, "vector or const");
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  const FstFileType file_type = ParseFstFileType(type);
  const CtcTopology &topology = FindCtcTopology(name, "--topology");
  if (num_disambig < 0) throw UsageError("--num-disambig=", num_disambig, ": must be from 0 up");
  const fst::StdVectorFst t =
      MakeCtcTopology(topology, OpenUnits(po.Arg(0)).Size(), blank, num_disambig);
  WriteFst(t, file_type, po.Arg(1));
  LOG_INFO << "wrote the topology " << topology.name << " (" << topology.summary << "), "
           << t.NumStates() << " states, to " << po.Arg(1);
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
