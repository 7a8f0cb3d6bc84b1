// Where to compute: the option of every tool with a network.
#ifndef U2MOE_MODELFILE_DEVICE_OPTIONS_H_
#define U2MOE_MODELFILE_DEVICE_OPTIONS_H_

#include <string>

#include "tensor/context.h"
#include "util/options.h"

namespace u2moe {

struct DeviceOptions {
  std::string device;

  DeviceOptions();  // what the environment's U2MOE_DEVICE says, else cpu
  void Register(OptionParser *po);
  // Takes hold of the device. Throws UsageError for a word that is none, for a GPU in a build
  // without CUDA, and for one that is not there.
  Context MakeContext() const;
};

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_DEVICE_OPTIONS_H_
