// The tokenizer of a unit table or of a model file, which holds all that it needs.
#ifndef U2MOE_MODELFILE_MODEL_TOKENIZER_H_
#define U2MOE_MODELFILE_MODEL_TOKENIZER_H_

#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace u2moe {

// Whether a regular file begins as model files do, and not as a table of units. Throws Error for
// one that cannot be read; false for what is no regular file.
bool IsModelFile(const std::string &path);

// units: a file of "unit id" lines (also from a pipe), or a model file, whose word pieces and their
// case hold where the options give none. The rest is MakeTokenizer's; throws Error, too, for what
// cannot be read and for a model without units.
std::unique_ptr<Tokenizer> OpenTokenizer(const std::string &units, TokenizerOptions options,
                                         bool encoding);

// The units alone, of either, which may be anything: words, phones.
UnitTable OpenUnits(const std::string &units);

// The bytes of SentencePiece's model, for ModelInfo::bpe_model. Throws DataError if they are none,
// or do not fit the units (by id), which units_source names.
std::string ReadFittingWordPieces(const std::string &rxfilename,
                                  const std::vector<std::string> &units,
                                  const std::string &units_source);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_MODEL_TOKENIZER_H_
