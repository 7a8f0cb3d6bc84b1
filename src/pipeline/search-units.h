// The units that hot words and language models of a search are made of.
#ifndef U2MOE_PIPELINE_SEARCH_UNITS_H_
#define U2MOE_PIPELINE_SEARCH_UNITS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "decode/allowed-words.h"
#include "decode/ctc-search.h"
#include "text/tokenizer.h"
#include "util/options.h"

namespace u2moe {

struct SearchUnitsOptions {
  std::string units;  // a unit table or a model file, "": none
  TokenizerOptions tokenizer;

  void Register(OptionParser *po);

  // None where none are given or `search` asks for nothing that needs them. Throws
  // what OpenTokenizer and OpenUnits throw.
  SearchUnits Open(const CtcSearchOptions &search) const;
};

// --allowed-words of a search that a model file is given to.
struct ModelWordsOptions {
  AllowedWordsOptions words;
  std::string units;  // in place of the model's

  void Register(OptionParser *po);
  // Null without a file. Throws DataError where the units are not vocab_size, and what
  // SearchUnitsOptions::Open throws.
  std::unique_ptr<const AllowedWords> Open(const std::string &model, int32_t vocab_size) const;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_SEARCH_UNITS_H_
