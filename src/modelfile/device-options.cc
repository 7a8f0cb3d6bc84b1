#include "modelfile/device-options.h"

namespace u2moe {

void DeviceOptions::Register(OptionParser *po) {
  po->Register("device", &device,
               "where the network is computed: cpu, cuda, or cuda:N for the GPU of that number");
}

Context DeviceOptions::MakeContext() const {
  const auto [kind, number] = ParseDevice(device);
  return Context(kind, number);
}

}  // namespace u2moe
