// Models trained with WeNet: its train.yaml as JSON, and the state dict as .safetensors.
#ifndef U2MOE_MODELFILE_WENET_IMPORT_H_
#define U2MOE_MODELFILE_WENET_IMPORT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modelfile/cmvn-file.h"
#include "modelfile/model-file.h"

namespace u2moe {

struct WenetConfig {
  std::string source;  // for messages
  ModelInfo info;
  std::optional<GlobalCmvn> cmvn;  // where the configuration holds the values itself
  bool needs_cmvn = false;         // the model was trained with one
  bool bitransformer = true;       // false: WeNet's plain "transformer" decoder, under other names
};

// Reads a WeNet configuration. What is not given has WeNet's default: decoder activation relu, sos
// and eos the last unit without special_tokens, biases everywhere. units: the units by id, or empty
// to use those in the configuration, if any; units_rxfilename: for messages.
// has_word_pieces: SentencePiece's model of the units is given; without it, a configuration with
// tokenizer: bpe is refused, as with it is one of letters. Throws DataError
// naming key and value for every setting that this network does not have, both places where two
// state one fact differently (the ids of <blank>, <sos>, <eos> and <unk>, the number of units), and
// every unknown key of the encoder, decoder, CTC and model sections; other unknown keys, and
// attention dropout, which is not implemented and matters in training only, are warned about.
WenetConfig ReadWenetConfig(const std::string &config_rxfilename,
                            const std::vector<std::string> &units,
                            const std::string &units_rxfilename = "--units",
                            bool has_word_pieces = false);

// The model of that configuration with the weights of a .safetensors file, bit for bit (F64 is
// rounded to float32). The prefix module. of all names is passed over. Position
// tables and num_batches_tracked are passed over; any other tensor that is missing, too many, of
// another shape or not finite is a DataError. Where the file has no global_cmvn, that of the
// configuration is used.
std::unique_ptr<AsrModel> ImportWenet(const WenetConfig &config, const std::string &weights);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_WENET_IMPORT_H_
