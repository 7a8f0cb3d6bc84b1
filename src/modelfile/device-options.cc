#include "modelfile/device-options.h"

#include <cstdlib>

namespace u2moe {

DeviceOptions::DeviceOptions() {
  const char *wanted = std::getenv("U2MOE_DEVICE");
  device = wanted != nullptr && *wanted != '\0' ? wanted : "cpu";
}

void DeviceOptions::Register(OptionParser *po) {
  po->Register(
      "device", &device,
      "where the network is computed: cpu, cuda, or cuda:N for the GPU of that number; the "
      "default is what the environment's U2MOE_DEVICE says, else cpu");
}

Context DeviceOptions::MakeContext() const {
  const auto [kind, number] = ParseDevice(device);
  return Context(kind, number);
}

}  // namespace u2moe
