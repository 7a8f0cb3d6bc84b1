// The units that hot words and language models of a search are made of.
#ifndef U2MOE_PIPELINE_SEARCH_UNITS_H_
#define U2MOE_PIPELINE_SEARCH_UNITS_H_

#include <string>

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

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_SEARCH_UNITS_H_
