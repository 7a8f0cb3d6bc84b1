#include <cstdio>

#include "base/main.h"
#include "modelfile/quantize.h"
#include "util/options.h"
#include "util/places.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Packs the weights of a trained model for inference: in the order in which the products read "
      "them, in\n"
      "fewer bits or not. They are used straight from the file, which processes share. Such a "
      "model "
      "only infers:\n"
      "keep the float32 model for training and averaging. Prints size and relative error by kind "
      "of "
      "layer.\n\n"
      "Usage: nnet-quantize [options] <model-in> <model-out>\n"
      "  e.g. nnet-quantize --weights=int4 --what=experts exp/final.safetensors "
      "int4.safetensors\n");
  QuantizeOptions opts;
  opts.Register(&po);
  po.AddPlaces([](Places *places) { places->Print("the table of sizes"); });
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();

  double before = 0, after = 0;
  std::printf("%-14s %-9s %12s %10s %10s %9s\n", "layers", "weights", "parameters", "MB before",
              "MB after", "error");
  for (const auto &[name, kind] : QuantizeModel(po.Arg(0), po.Arg(1), opts)) {
    const double floats = static_cast<double>(kind.parameters) * 4e-6;
    const double bytes = static_cast<double>(kind.bytes) * 1e-6;
    std::printf("%-14s %-9s %12lld %10.3f %10.3f %8.3f%%\n", name.c_str(),
                ToString(kind.format).c_str(), static_cast<long long>(kind.parameters), floats,
                bytes, 100 * kind.RelativeError());
    before += floats;
    after += bytes;
  }
  std::printf("%-14s %-9s %12s %10.3f %10.3f\n", "all", "", "", before, after);
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
