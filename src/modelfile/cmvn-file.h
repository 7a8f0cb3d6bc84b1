// Global mean and variance normalisation from the files that other tools write.
#ifndef U2MOE_MODELFILE_CMVN_FILE_H_
#define U2MOE_MODELFILE_CMVN_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/asr-model.h"

namespace u2moe {

// y = (x - mean) * istd per dimension.
struct GlobalCmvn {
  std::vector<double> mean, istd;

  bool Normalises() const;  // not all means 0 and istd 1
};

// Reads, telling by the first byte, Kaldi's global statistics (a 2 x (D + 1) matrix, binary or
// text), or WeNet's JSON with mean_stat, var_stat and frame_num; a name beginning ark: or scp: is a
// table of statistics, which are summed. The variance is floored at 1e-20, as in WeNet. Throws
// DataError naming the file.
GlobalCmvn ReadGlobalCmvn(const std::string &name);

// Stores it in the encoder's global_cmvn buffers. Throws DataError, beginning with source, if the
// dimension is not the model's or a value is not finite in float32.
void SetGlobalCmvn(const GlobalCmvn &cmvn, const std::string &source, AsrModel *model);

// What the encoder's buffers hold: means 0 and istd 1 where the model does not normalise. Its
// weights may be packed.
GlobalCmvn GlobalCmvnOf(AsrModel *model);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_CMVN_FILE_H_
